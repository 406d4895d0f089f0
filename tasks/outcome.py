"""How a flow run ends: in a state that says whether everything that was asked for answered."""

from typing import Any, Protocol, TypeVar

from prefect.logging import get_run_logger
from prefect.states import Completed

from pipelines_lib.errors import TidewatchError

Result = TypeVar("Result")


class Report(Protocol):
    """What an ingest did: of series, or of documents."""

    @property
    def failures(self) -> dict[str, str]:
        """Series or files that gave nothing, with the reason."""

    @property
    def sentence(self) -> str:
        """What it did, in one sentence."""


def end_state(result: Result, *reports: Report, failed: str = "") -> Result:
    """Return the state `Completed`, or `Partial` where something failed, with the reason in words.

    It is declared as the result, since that is what Prefect gives to the flow's caller. `failed` is
    what `tell_failure` said of steps that the run went on without.
    """
    partial = failed or any(report.failures for report in reports)
    said = [report.sentence for report in reports] + ([failed] if failed else [])
    state: Any = Completed(
        name="Partial" if partial else "Completed", message="; ".join(said), data=result
    )
    return state


def tell_failure(dataset: str, what: str, error: Exception) -> str:
    """Log that a run goes on without something, and return it as a sentence of one line."""
    why = str(error) if isinstance(error, TidewatchError) else f"{type(error).__name__}: {error}"
    sentence = f"{what} failed: {' '.join(why.split())}"
    get_run_logger().error("%s: %s", dataset, sentence)
    return sentence
