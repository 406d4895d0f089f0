"""A fresh interpreter: to see what an import loads, or to run the command."""

import subprocess
import sys

import pytest

from tests.support import ROOT, clean_environment


@pytest.fixture
def run_python():
    def run(code):
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return ended.stdout.strip()

    return run


@pytest.fixture
def run_tidewatch(tmp_path):
    """Run `tidewatch ...` in a home of its own; returns the finished process, output as text."""

    def run(*arguments, **extra):
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments],
            cwd=ROOT,
            env=clean_environment(tmp_path, **extra),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
