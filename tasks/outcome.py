"""How a flow run ends: in a state that says whether every series answered."""

from typing import TYPE_CHECKING, Any, TypeVar

from prefect.states import Completed

if TYPE_CHECKING:
    from pipelines_lib.ingestion import IngestReport

Result = TypeVar("Result")


def end_state(result: Result, report: "IngestReport") -> Result:
    """Return the state `Completed`, or `Partial` where series failed, with the reason in words.

    It is declared as the result, since that is what Prefect gives to the flow's caller.
    """
    state: Any = Completed(
        name="Completed" if report.complete else "Partial",
        message=report.sentence,
        data=result,
    )
    return state
