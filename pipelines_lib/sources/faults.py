"""Why a code or a market gave nothing, in a sentence, from what its server did."""

import re

import pandas as pd
import requests

from pipelines_lib.errors import SourceError
from pipelines_lib.sources.answers import CutShort, NotData, TooSlow, asks_for_login
from pipelines_lib.sources.http import REFUSED, Client, GivenUp, may_pass

UNKNOWN = (404, 410)
YEAR_FILE = re.compile(r"/(\d{4})\.csv")
FIRST_FULL_YEAR = 1997
"""The first year that the cache has of every index it keeps."""


def explain_fault(client: Client, series_id: str, error: Exception | None) -> SourceError:
    """Name the code, the host and what it did, and the remedy.

    Args:
        client: What sent the code's requests.
        series_id: The code.
        error: What FinanceDataReader raised; None: it gave a frame without rows.
    """
    fault = worst_fault(client)
    if fault is not None:
        sentence, transient = explain_request(client, fault)
        if _status(fault) in UNKNOWN:
            sentence += ": it does not know this code; correct or drop it in series_ids"
        return SourceError(f"{series_id}: {sentence}", transient=transient)
    if error is None or isinstance(error, KeyError | TypeError | IndexError):
        answer = client.answer
        host = client.asked_host(answer.url if answer is not None else None)
        return SourceError(
            f"{series_id}: {host} answered without any rows: the code is unknown or has none in "
            "the range; check the code and the dates"
        )
    reason = f"{type(error).__name__}: {error}"
    return SourceError(f"{series_id}: FinanceDataReader failed ({reason}): check the code")


def explain_request(client: Client, fault: requests.RequestException) -> tuple[str, bool]:
    """Return what a host did to a request with the remedy, and whether it may pass.

    An unknown address (404) is left for the caller to explain.
    """
    host, manners = client.host_of(fault), client.manners
    if fault.response is not None and asks_for_login(fault.response):
        return f"{host} asks for a login (LOGOUT): ask for what needs none", False
    tries = "" if manners.attempts == 1 else f", {manners.attempts} times"
    match fault:
        case GivenUp():
            return (
                f"{host} was not asked: it is given up for now after {fault}; check the network "
                "and run again later"
            ), True
        case TooSlow():
            return (
                f"{host} did not end its answer in time ({manners.answer_timeout:g} s): "
                "run again later, or raise TIDEWATCH_ANSWER_TIMEOUT_S"
            ), True
        case requests.Timeout():
            connect, read = manners.timeout
            return (
                f"{host} did not answer in time ({connect:g} s to connect, {read:g} s to read)"
                f"{tries}: run again later, or raise TIDEWATCH_CONNECT_TIMEOUT_S and "
                "TIDEWATCH_READ_TIMEOUT_S"
            ), True
        case CutShort():
            return f"{host} broke off its answer{tries}: run again later", True
        case NotData():
            return (
                f"{host} answered with {fault}, not with data: it has moved or blocks this "
                "address; run again later or update finance-datareader"
            ), True
        case _ if fault.response is None:
            kind = type(fault).__name__
            return (
                f"{host} cannot be reached ({kind}){tries}: check the network and run again"
            ), may_pass(fault)
    return f"{host} answered {_explain_status(_status(fault), tries)}", may_pass(fault)


def has_hole(client: Client, frame: pd.DataFrame) -> bool:
    """Tell whether a year of an index is missing.

    One that the cache lacks is no hole where it lies before the first that every index has, or
    after the newest row: the year has just begun.
    """
    if any(_status(fault) != 404 for fault in client.faults):
        return True
    urls = [fault.response.url for fault in client.faults if fault.response is not None]
    years = [int(found[1]) for found in map(YEAR_FILE.search, urls) if found]
    newest = pd.DatetimeIndex(frame.index).year.max()
    return any(FIRST_FULL_YEAR <= year < newest for year in years)


def worst_fault(client: Client) -> requests.RequestException | None:
    """Return the fault that explains most: what is no 404, without an answer, highest status."""

    def weight(fault: requests.RequestException) -> tuple[bool, int]:
        return _status(fault) not in UNKNOWN, _status(fault) or 1000

    return max(client.faults, key=weight, default=None)


def _explain_status(status: int, tries: str) -> str:
    if status in UNKNOWN:
        return f"{status}"
    if status == 429:
        return (
            f"{status}, too many requests{tries}: run again later, or lower "
            "TIDEWATCH_REQUESTS_PER_SECOND, or the limit tidewatch-fdr on Prefect's page"
        )
    if status in REFUSED:
        return f"{status}: it refuses this address or asks for a login; try later"
    if status >= 500:
        return f"{status}: the server failed{tries}; run again later"
    return f"{status}: it does not accept the request; check the code and the dates"


def _status(fault: requests.RequestException) -> int:
    """Return the status of the answer, 0 if there was none."""
    return 0 if fault.response is None else fault.response.status_code
