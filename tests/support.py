"""What tests with processes, servers and disks share."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def clean_environment(home, **extra):
    """Return an environment without the settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TIDEWATCH_", "PREFECT_"))}
    return kept | {"TIDEWATCH_HOME": str(home), "PATH": f"{BIN}:{kept['PATH']}"} | extra


def wait_for(condition, *, seconds, what):
    """Wait until `condition()` is true and return what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = condition()
        except requests.RequestException:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@contextmanager
def mount_small_disk(folder, *, mib):
    """Give a folder that is a file system of its own; skip where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"cannot mount a small disk here: {error}")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
