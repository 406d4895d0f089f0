"""The codes of a market, as FinanceDataReader lists them and its price readers take them."""

import logging
import re

import pandas as pd

from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.faults import UNKNOWN, explain_request, worst_fault
from pipelines_lib.sources.http import Client
from pipelines_lib.sources.patches import activate

KOREAN = ("KRX", "KOSPI", "KOSDAQ", "KONEX", "ETF/KR")
KOREAN_CODE = re.compile(r"\d{4}[0-9A-HJ-NP-TV-Z][0-9KLMN]")
"""What FinanceDataReader asks Naver for; any other code goes to Yahoo."""
OTHER_CODE = re.compile(r"[A-Z][A-Z0-9-]{0,9}")
YAHOO_CODES = {"BRKB": "BRK-B", "BFB": "BF-B"}
"""FinanceDataReader drops the dot of these in the list of the S&P 500; Yahoo wants a hyphen."""
CODE_COLUMNS = ("Code", "Symbol")
REMEDY = "run again later, or name the codes in series_ids"

_log = logging.getLogger(__name__)


def list_market(client: Client, market: str) -> list[str]:
    """Return the codes of a market's shares whose prices can be asked for, sorted.

    Raises:
        SourceError: No list came, or one that holds no such code.
    """
    import FinanceDataReader  # 1 s to import

    client.forget()
    try:
        with activate(client):
            frame = FinanceDataReader.StockListing(market)
    except Exception as error:  # of many kinds: it indexes into whatever came
        raise _explain(client, market, error) from error
    if frame is None or client.faults:
        raise _explain(client, market, None)
    return _take_codes(client, market, frame)


def _take_codes(client: Client, market: str, frame: pd.DataFrame) -> list[str]:
    host = _host(client)
    column = next((name for name in CODE_COLUMNS if name in frame.columns), None)
    if frame.empty:
        raise SourceError(f"{market}: {host} gave an empty list: {REMEDY}", transient=True)
    if column is None:
        raise SourceError(
            f"{market}: the list of {host} has no column {' or '.join(CODE_COLUMNS)}, it has "
            f"{shown(frame.columns, 12)}: update finance-datareader, or name the codes in "
            "series_ids"
        )
    given = [str(code).strip() for code in frame[column].dropna()]
    codes = sorted({code for name in given if (code := _as_asked(name, market))})
    if not codes:
        raise SourceError(
            f"{market}: none of the {len(given)} codes in the list of {host} ({shown(given)}) is "
            "one that prices can be asked for: update finance-datareader, or name the codes in "
            "series_ids"
        )
    left_out = len(set(given)) - len(codes)
    if left_out:
        _log.info("%s: %d listed codes left out, prices cannot be asked for", market, left_out)
    return codes


def _as_asked(code: str, market: str) -> str | None:
    """Return a listed code as its price reader wants it, None where it has none for it."""
    if market in KOREAN:
        return code if KOREAN_CODE.fullmatch(code) else None
    code = YAHOO_CODES.get(code, code).upper().replace(".", "-")
    return code if OTHER_CODE.fullmatch(code) else None


def _explain(client: Client, market: str, error: Exception | None) -> SourceError:
    fault = worst_fault(client)
    if fault is not None:
        sentence, transient = explain_request(client, fault)
        status = 0 if fault.response is None else fault.response.status_code
        if status in UNKNOWN:  # the cache of a day is pushed some time after its close
            sentence += f": the list of the day is not there yet; {REMEDY}"
            transient = True
        return SourceError(f"the list of {market}: {sentence}", transient=transient)
    host, body = _host(client), client.answer.content if client.answer is not None else b""
    if not body.strip(b'\xef\xbb\xbf"\r\n\t ') or "No objects to concatenate" in str(error):
        return SourceError(f"{market}: {host} gave an empty list: {REMEDY}", transient=True)
    return SourceError(
        f"the list of {market}: what {host} gave cannot be read ({type(error).__name__}: {error}): "
        "update finance-datareader, or name the codes in series_ids"
    )


def _host(client: Client) -> str:
    return client.asked_host(client.answer.url if client.answer is not None else None)
