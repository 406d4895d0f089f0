"""Watch over runs: tell those that died, again and again, until stopped."""

import signal
import threading
from types import FrameType

from deployments.orphans import end_orphans
from pipelines_lib.settings import Settings

EVERY_S = 20.0
"""Seconds between two looks at the runs."""


def guard_jobs(settings: Settings) -> None:
    """Look at all runs every twenty seconds until Ctrl-C or SIGTERM, and once more at the end.

    A server that is away is told once, and asked again.
    """
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    print(f"looks at all runs every {EVERY_S:.0f} s", flush=True)
    away = False
    while True:
        ends = stopped.is_set()
        try:
            _look()
            away = False
        except Exception as error:  # of many kinds: the server may be away, and comes back
            if not away:
                print(f"cannot ask Prefect's server: {error}", flush=True)
            away = True
        if ends:
            return
        stopped.wait(EVERY_S)


def _look() -> None:
    for name in end_orphans():
        print(
            f"{name} has lost its process: it counts as crashed, and its place is free", flush=True
        )
