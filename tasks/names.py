"""What flow runs are called: what they do, to which dataset, and for which day."""

from collections.abc import Callable

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
