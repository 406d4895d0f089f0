"""The installed command and real servers, each in a home folder of its own."""

import os
import socket
import subprocess

import pytest

from tests.support import BIN, ROOT, clean_environment


@pytest.fixture
def tidewatch(tmp_path):
    """Run `tidewatch ...` in an empty home; returns the finished process, output as text."""

    def run(*arguments, home=tmp_path / "home", timeout=300, **extra):
        return subprocess.run(
            [BIN / "tidewatch", *arguments],
            cwd=ROOT,
            env=clean_environment(home, **extra),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def start():
    """Start a process; it and its children are ended after the test."""
    started = []

    def launch(command, environment):
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield launch
    for process in reversed(started):
        for sign in (15, 9):
            try:
                os.killpg(process.pid, sign)
                process.wait(timeout=10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
