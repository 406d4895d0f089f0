"""What every job of ours does beside its tasks: it is a Prefect flow that minds its neighbours."""

import functools
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, flow
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Completed

from pipelines_lib.collector import relax_collector
from pipelines_lib.config import DatasetConfig
from tasks.alerts import tell_alerts
from tasks.context import open_context
from tasks.due import reason_to_skip
from tasks.names import dated
from tasks.patience import outwait
from tasks.process import note_process
from tasks.turns import take_turn

Params = ParamSpec("Params")
Result = TypeVar("Result")

LONGEST_HOURS = 12.0
"""After so long a run hangs rather than works: it is ended, and its turn is free."""


def job(
    name: str, run_name: str, *, on_sessions: bool = False, longest_hours: float = LONGEST_HOURS
) -> Callable[[Callable[Params, Result]], Flow[Params, Result]]:
    """Make a flow of a function, one run at a time of each dataset.

    The run notes which process it is, so that it can be told when that process is gone. A scheduled
    run that has nothing to do ends at once in the state `Skipped`, which says why. A run waits
    while another run of this machine works on its dataset. At its end, and where it fails, it tells
    the alerts that its steps have noted.

    Args:
        name: Name of the flow on Prefect's page.
        run_name: What a run is called before its date; parameters stand in braces.
        on_sessions: Whether a scheduled run without a new session of the exchange has nothing to
            do; the function's `dataset` is then the declaration, or the name of an ingested one.
        longest_hours: Hours after which a run is ended as timed out.
    """

    def decorate(function: Callable[Params, Result]) -> Flow[Params, Result]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def run(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            relax_collector()  # a scheduled run is started by Prefect, not by `tidewatch run`
            called = signature.bind(*args, **kwargs)
            called.apply_defaults()
            dataset = called.arguments.get("dataset")
            context, flow_run = FlowRunContext.get(), None
            if context is not None:
                flow_run = context.flow_run
            note_process(flow_run)
            declared = _declaration(dataset) if on_sessions else None
            why = outwait(reason_to_skip, flow_run, declared)
            if why:
                get_run_logger().info("skipped: %s", why)
                return cast(Any, Completed(name="Skipped", message=why))
            named = dataset.name if isinstance(dataset, DatasetConfig) else dataset
            if not named:
                return function(*args, **kwargs)
            with take_turn(f"dataset-{named}", open_context().settings, logger=get_run_logger()):
                try:
                    result = function(*args, **kwargs)
                except Exception:  # what its steps have noted so far is worth telling too
                    _tell(named)
                    raise
                _tell(named)
                return result

        made = flow(name=name, flow_run_name=dated(run_name), timeout_seconds=3600 * longest_hours)
        return cast(Flow[Params, Result], made(run))

    return decorate


def _tell(dataset: str) -> None:
    """Tell what a run has noted, all at its end: the server takes a second to confirm a telling."""
    tell_alerts(open_context().lake, dataset, at=datetime.now(UTC))


def _declaration(dataset: object) -> DatasetConfig | None:
    """Return what a run is about; None where its dataset was never ingested."""
    from pipelines_lib.errors import LakeError

    if dataset is None or isinstance(dataset, DatasetConfig):
        return dataset
    try:
        return open_context().dataset(str(dataset))
    except LakeError:
        return None
