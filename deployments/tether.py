"""Run a command that ends, with all that it starts, when whoever started it does.

    python -m deployments.tether COMMAND...

Programs start others, and some ignore being asked to end while their server is away. This process
stays between: it passes signals on, and when its parent dies, even by `kill -9`, it ends the
command and kills what is left of it. Where the system cannot tell of a parent's death, as on macOS,
it only passes signals on.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1
"""Linux: which signal a process gets when its parent dies."""
PATIENCE_S = 5.0
"""Seconds that the command has to end by itself when the parent has died."""


def main() -> None:
    """Run the command in this process's session; end as it ends."""
    parent = os.getppid()
    command: subprocess.Popen[bytes] | None = None
    orphaned: list[bool] = []

    def pass_on(signum: int, frame: FrameType | None) -> None:
        if command is not None and command.poll() is None:
            command.send_signal(signum)

    def end(signum: int, frame: FrameType | None) -> None:
        orphaned.append(True)
        pass_on(signal.SIGTERM, None)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, pass_on)
    signal.signal(signal.SIGUSR1, end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
        if os.getppid() != parent:  # it died meanwhile
            sys.exit(1)
    command = subprocess.Popen(sys.argv[1:])
    deadline = float("inf")
    while command.poll() is None:
        if orphaned:
            deadline = min(deadline, time.monotonic() + PATIENCE_S)
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if orphaned:
        os.killpg(0, signal.SIGKILL)
    code = command.returncode
    if code is not None and code < 0:  # by a signal: so is this one
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
