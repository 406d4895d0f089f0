"""Watch over runs and nights until stopped: end runs that died, tell nights that are absent."""

import signal
import threading
from datetime import UTC, datetime
from types import FrameType

from deployments.orphans import end_orphans
from pipelines_lib.settings import Settings

EVERY_S = 20.0
"""Seconds between two looks at the runs."""
NIGHTS_EVERY = 15
"""Looks at the runs for one at the nights."""


def guard_jobs(settings: Settings) -> None:
    """Look at all runs every twenty seconds until Ctrl-C or SIGTERM, and once more at the end.

    Every five minutes it looks whether a night is absent, and tells what runs could not tell. A
    server that is away is told once, and asked again.
    """
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    print(f"looks at all runs every {EVERY_S:.0f} s", flush=True)
    away, looks = False, 0
    while True:
        ends = stopped.is_set()
        try:
            _look_at_runs()
            if looks % NIGHTS_EVERY == 0 and not ends:
                _look_at_nights(settings)
            away, looks = False, looks + 1
        except Exception as error:  # of many kinds: the server may be away, and comes back
            if not away:
                print(f"cannot ask Prefect's server: {error}", flush=True)
            away = True
        if ends:
            return
        stopped.wait(EVERY_S)


def _look_at_runs() -> None:
    for name in end_orphans():
        print(f"{name} lost its process: it counts as crashed, its place is free", flush=True)


def _look_at_nights(settings: Settings) -> None:
    from deployments.watch import tell_absences, tell_left_over, watch_once
    from pipelines_lib.lake import Lake

    lake, at = Lake(settings.lake_location), datetime.now(UTC)
    absences = watch_once(settings, at=at)
    if tell_absences(lake, absences, at=at):
        for absence in absences:
            print(f"{absence.title}: {' '.join(absence.sentences)}", flush=True)
    if late := tell_left_over(lake, at=at):
        print(f"told {late} alerts that their runs could not tell", flush=True)
