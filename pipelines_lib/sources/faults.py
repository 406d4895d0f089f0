"""Why a code gave no rows, in a sentence, from what its server did."""

import pandas as pd
import requests

from pipelines_lib.sources.http import Client, is_timeout


def explain_fault(client: Client, series_id: str, error: Exception | None) -> str:
    """Name the code, the host and what it did, and the remedy.

    Args:
        client: What sent the code's requests.
        series_id: The code.
        error: What FinanceDataReader raised; None: it gave a frame without rows.
    """
    fault = _worst(client)
    if fault is not None and fault.response is not None:
        host = _host(client, fault.response.url)
        return f"{series_id}: {host} " + _explain_status(fault.response.status_code)
    if fault is not None:
        host = _host(client, fault.request.url if fault.request else None)
        if is_timeout(fault):
            connect, read = client.timeout
            return (
                f"{series_id}: {host} did not answer in time ({connect:g} s to connect, {read:g} s "
                "to read): run again later, or raise TIDEWATCH_CONNECT_TIMEOUT_S and "
                "TIDEWATCH_READ_TIMEOUT_S"
            )
        kind = type(fault).__name__
        return f"{series_id}: {host} cannot be reached ({kind}): check the network and run again"
    answer = client.answer
    if answer is not None and is_page(answer):
        return (
            f"{series_id}: {_host(client, answer.url)} answered with a web page, not with prices: "
            "it has moved or blocks this address; run again later or update finance-datareader"
        )
    if error is None or isinstance(error, KeyError | TypeError | IndexError):
        host = _host(client, answer.url if answer is not None else None)
        return (
            f"{series_id}: {host} answered without any rows: the code is unknown or has none in "
            "the range; check the code and the dates"
        )
    reason = f"{type(error).__name__}: {error}"
    return f"{series_id}: FinanceDataReader failed ({reason}): check the code"


def has_hole(client: Client, frame: pd.DataFrame) -> bool:
    """Tell whether a year of an index failed; one that the cache lacks at an end is no hole."""
    if any(_status(fault) != 404 for fault in client.faults):
        return True
    years = pd.DatetimeIndex(frame.index).year
    return bool(client.faults) and years.nunique() < years.max() - years.min() + 1


def is_page(answer: requests.Response) -> bool:
    """Tell whether an answer is HTML."""
    start = answer.content[:200].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _explain_status(status: int) -> str:
    if status in (404, 410):
        return f"answered {status}: it does not know this code; correct or drop it in series_ids"
    if status == 429:
        return f"answered {status}, too many requests: run again later with fewer codes at a time"
    if status in (401, 403):
        return f"answered {status}: it refuses this address or asks for a login; try later"
    if status >= 500:
        return f"answered {status}: the server failed, also when asked again; run again later"
    return f"answered {status}: it does not accept the request; check the code and the dates"


def _worst(client: Client) -> requests.RequestException | None:
    """Return the fault that explains most: one without an answer, else the highest status."""
    return max(client.faults, key=lambda fault: _status(fault) or 1000, default=None)


def _status(fault: requests.RequestException) -> int:
    """Return the status of the answer, 0 if there was none."""
    return 0 if fault.response is None else fault.response.status_code


def _host(client: Client, url: str | None) -> str:
    """Return the host that was asked, also where a mirror stood in for it."""
    if not url:
        return "FinanceDataReader"
    asked = url.removeprefix(client.mirror.rstrip("/") + "/") if client.mirror else url
    return asked.split("://", 1)[-1].split("/")[0].split("?")[0]
