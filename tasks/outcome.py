"""How a flow run ends: in a state that says whether everything that was asked for answered."""

from typing import Any, Protocol, TypeVar

from prefect.states import Completed

Result = TypeVar("Result")


class Report(Protocol):
    """What an ingest did: of series, or of documents."""

    @property
    def failures(self) -> dict[str, str]:
        """Series or files that gave nothing, with the reason."""

    @property
    def sentence(self) -> str:
        """What it did, in one sentence."""


def end_state(result: Result, *reports: Report) -> Result:
    """Return the state `Completed`, or `Partial` where something failed, with the reason in words.

    It is declared as the result, since that is what Prefect gives to the flow's caller.
    """
    state: Any = Completed(
        name="Partial" if any(report.failures for report in reports) else "Completed",
        message="; ".join(report.sentence for report in reports),
        data=result,
    )
    return state
