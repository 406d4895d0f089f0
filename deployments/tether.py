"""Run a command that ends when the process that started it does, even by `kill -9`.

    python -m deployments.tether COMMAND...

The process becomes the command: whoever started it sees it under the same number.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent dies; it stays across `exec`."""


def main() -> None:
    """Tie this process to its parent where the system can, then become the command."""
    command = sys.argv[1:]
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died meanwhile
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
