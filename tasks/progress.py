"""Progress of long work: a bar in a terminal, a progress artifact in a flow run."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from tasks.patience import try_once

if TYPE_CHECKING:
    from pipelines_lib.training import EpochReport


UPDATED_EVERY_S = 2.0
"""Seconds between two updates of a progress artifact of series."""
LOGGED_NETWORKS = 10
"""Networks beyond which the log tells of every n-th alone, so that it stays as short."""


@contextmanager
def series_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many series are done; the function it yields takes the done and the total."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    show = _progress_artifact(what)
    console = Console(stderr=True, quiet=not sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown, told = bar.add_task(what, total=None), monotonic()

        def report(done: int, total: int) -> None:
            nonlocal told
            bar.update(shown, completed=done, total=total)
            if monotonic() - told >= UPDATED_EVERY_S:  # each is a request that the work waits for
                show(100 * done / total)
                told = monotonic()

        yield report
    show(100.0)


@contextmanager
def epoch_progress(
    what: str, max_epochs: int, *, networks: int = 1
) -> Iterator[Callable[["EpochReport"], None]]:
    """Show the epochs of a training; the function it yields is called after each.

    Where several networks are trained in turn, an epoch 1 says that the next has begun.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    logger = get_run_logger()
    of = f"epochs of {max_epochs}" + (f", {networks} networks" if networks > 1 else "")
    show = _progress_artifact(f"{what}: {of}")
    console = Console(stderr=True, quiet=not sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    total, begun = max_epochs * max(1, networks), 0
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task(what, total=total)

        def report(epoch: "EpochReport") -> None:
            nonlocal begun
            begun = max(1, begun + (epoch.epoch == 1))
            done = min((begun - 1) * max_epochs + epoch.epoch, total)
            which = f"network {begun} of {networks}, " if networks > 1 else ""
            line = (
                f"{which}epoch {epoch.epoch}: loss {epoch.train_loss:.4f}, "
                f"validation {epoch.validation_loss:.4f}"
            )
            bar.update(shown, completed=done, description=f"{what}, {line}")
            due = epoch.epoch == 1 or epoch.epoch % max(1, max_epochs // 5) == 0
            if networks > LOGGED_NETWORKS:  # one for each series of a market
                due = epoch.epoch == 1 and begun % (networks // LOGGED_NETWORKS) == 0
            if due:
                logger.info("%s, %s, %.1f s", what, line, epoch.seconds)
                show(100 * done / total)

        yield report
    show(100.0)


def _progress_artifact(what: str) -> Callable[[float], None]:
    """Create a progress artifact; return what moves it, to a share of 100.

    A server that is away shows nothing, and stops nothing.
    """
    artifact = cast(UUID | None, try_once(create_progress_artifact, 0.0, description=what))

    def show(progress: float) -> None:
        if artifact is not None:
            try_once(update_progress_artifact, artifact, progress=progress)

    return show
