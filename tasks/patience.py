"""Ask Prefect's server with patience: one that is away for a minute costs no run its result."""

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

PATIENCE_S = 150.0
"""Seconds that a server may be away: a restart, an upgrade."""


def outwait(ask: Callable[..., Result], *args: Any, **kwargs: Any) -> Result | None:
    """Ask the server something and return its answer; None: it is away for too long.

    What is asked is worth waiting for and yet not the run's work: an artifact at its end, an event.
    Where the server stays away the log says so, and the run goes on.
    """
    import httpx
    import tenacity
    from prefect.logging import get_run_logger

    logger = get_run_logger()
    patiently = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(httpx.TransportError),
        stop=tenacity.stop_after_delay(PATIENCE_S),
        wait=tenacity.wait_exponential(max=10),
        before_sleep=lambda state: logger.warning(
            "Prefect's server is away, asked again: %s",
            state.outcome.exception() if state.outcome else "",
        ),
        reraise=True,
    )
    try:
        return patiently(ask, *args, **kwargs)
    except httpx.TransportError as error:
        logger.error("Prefect's server stays away, so this is not told there: %s", error)
        return None


def try_once(ask: Callable[..., Result], *args: Any, **kwargs: Any) -> Result | None:
    """Ask the server something of passing interest, such as progress; None: it is away."""
    import httpx
    from prefect.logging import get_run_logger

    try:
        return ask(*args, **kwargs)
    except httpx.TransportError as error:
        get_run_logger().debug("Prefect's server is away: %s", error)
        return None
