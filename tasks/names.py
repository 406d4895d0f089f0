"""What runs are called: what they do, to which dataset, and for which day."""

from collections.abc import Callable
from datetime import datetime

from prefect.runtime import flow_run


def dated(words: str) -> Callable[[], str]:
    """Return what names a flow run: words, then the date (UTC) that the run was due.

    A run that waited for its turn, or is repeated, keeps the date of its schedule.

    Args:
        words: Parameters stand in braces, such as `nightly {dataset.name}`.
    """

    def name() -> str:
        told = words.format(**flow_run.parameters).strip()
        return f"{told} {flow_run.scheduled_start_time:%Y-%m-%d}"

    return name


def training_name(model: str, kind: str, *, seed: int, until: datetime | None = None) -> str:
    """Return what names a training on MLflow's page.

    What tells it from others of its model comes first: lists of runs cut a name after 20 letters.

    Args:
        model: Name of the registered model, such as `demo-forecaster`.
        kind: Its network, such as `last-step LSTM 64`.
        seed: Seed of the training.
        until: Newest time of the data that it has learnt from, UTC; None: not told.
    """
    day = f" {until:%Y-%m-%d}" if until else ""
    return f"{kind}{day} {model} seed {seed}"
