"""A fresh interpreter, to see what an import loads."""

import subprocess
import sys

import pytest

from tests.support import ROOT


@pytest.fixture
def run_python():
    def run(code):
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return ended.stdout.strip()

    return run
