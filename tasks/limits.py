"""The rate limit of a source: Prefect's where a server runs, else one of this process."""

from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING

from prefect.logging import get_run_logger
from prefect.settings import get_current_settings

from pipelines_lib.config import DatasetConfig

if TYPE_CHECKING:
    from pipelines_lib.settings import Settings


def source_limiter(dataset: DatasetConfig, settings: "Settings") -> Callable[[], None] | None:
    """Return what waits for a request to be allowed; None: the library's own limiter.

    Where a Prefect server runs, all workers share its global concurrency limit
    `tidewatch-KIND`. It is made from TIDEWATCH_REQUESTS_PER_SECOND where there is none; one that
    a person has set on Prefect's page stays.
    """
    if dataset.source.kind != "fdr" or not get_current_settings().api.url:
        return None
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.concurrency.sync import rate_limit
    from prefect.exceptions import ObjectAlreadyExists

    name = f"tidewatch-{dataset.source.kind}"
    wanted = GlobalConcurrencyLimitCreate(
        name=name,
        limit=max(1, round(settings.requests_per_second)),
        slot_decay_per_second=settings.requests_per_second,
    )
    try:
        with get_client(sync_client=True) as client:
            client.create_global_concurrency_limit(wanted)
        get_run_logger().info("made the rate limit %s of Prefect", name)
    except ObjectAlreadyExists:
        pass
    here = copy_context()  # requests are sent from threads that know nothing of this flow run
    return lambda: here.copy().run(rate_limit, name, strict=True)
