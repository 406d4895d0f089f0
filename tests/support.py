"""What end-to-end tests share."""

import os
import sys
import time
from pathlib import Path

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
