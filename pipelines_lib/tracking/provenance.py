"""Which code computed."""

import subprocess
from functools import lru_cache
from pathlib import Path

from pipelines_lib import __version__


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the package version, with the commit (and `-dirty`) where there is a checkout."""
    root = Path(__file__).resolve().parents[2]
    try:
        if Path(_git(root, "rev-parse", "--show-toplevel")) != root:
            return __version__  # installed somewhere in another project's checkout
        commit = _git(root, "describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{commit}"


def _git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
    )
    return ended.stdout.strip()
