"""How a flow run ends: in a state that says whether every series answered."""

from typing import TYPE_CHECKING, Any

from prefect.states import Completed

if TYPE_CHECKING:
    from prefect import State

    from pipelines_lib.ingestion import IngestReport


def end_state(result: Any, report: "IngestReport") -> "State":
    """Return the state `Completed`, or `Partial` where series failed, with the reason in words."""
    name = "Completed" if report.complete else "Partial"
    return Completed(name=name, message=report.sentence, data=result)
