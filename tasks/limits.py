"""The rate limit of a source: Prefect's where a server runs, else one of this process."""

from collections.abc import Callable
from contextlib import suppress
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
    a person has set on Prefect's page stays. While the server is away, this process keeps to its
    own pace.
    """
    if dataset.source.kind != "fdr" or not get_current_settings().api.url:
        return None
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.concurrency.sync import rate_limit
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    name = f"tidewatch-{dataset.source.kind}"
    wanted = GlobalConcurrencyLimitCreate(
        name=name,
        limit=max(1, round(settings.requests_per_second)),
        slot_decay_per_second=settings.requests_per_second,
    )
    logger = get_run_logger()
    try:
        with get_client(sync_client=True) as client:
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound:
                with suppress(ObjectAlreadyExists):  # another worker was first
                    client.create_global_concurrency_limit(wanted)
    except Exception as error:  # of many kinds: a server that is away stops no night
        logger.warning("Prefect's rate limit %s cannot be set up: %s", name, error)
        return None
    from pipelines_lib.sources.pace import local_limiter

    here = copy_context()  # requests are sent from threads that know nothing of this flow run
    own_pace = local_limiter(name, settings.requests_per_second)

    def wait() -> None:
        try:
            here.copy().run(rate_limit, name, strict=True)
        except Exception as error:  # of many kinds: a server that is away stops no night
            logger.debug("Prefect's rate limit %s cannot be asked: %s", name, error)
            own_pace()

    return wait
