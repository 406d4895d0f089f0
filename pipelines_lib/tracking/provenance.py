"""Which code computed."""

import subprocess
from functools import lru_cache
from pathlib import Path

from pipelines_lib import __version__


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the package version, with the commit (and `-dirty`) where there is a checkout."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{described.stdout.strip()}"
