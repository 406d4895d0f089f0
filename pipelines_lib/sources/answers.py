"""Read one HTTP answer whole and in time, and tell what came from what it pretends to be."""

import json
import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

CHUNK = 64 * 1024
PAGES_EXPECTED = ("/en.wikipedia.org/",)
"""Parts of an address whose answers are web pages by right."""

_CHART = re.compile(rb"<chartdata\b[^>]*>")
_ATTRIBUTE = re.compile(rb'(\w+)="([^"]*)"')


class TooSlow(requests.ReadTimeout):
    """The answer began in time but had not come whole by its deadline."""


class CutShort(requests.RequestException):
    """The answer breaks off before its end."""


class NotData(requests.RequestException):
    """The answer is a web page or another thing that is not data, with status 200."""


def read_body(answer: requests.Response, deadline: float) -> None:
    """Read a streamed answer whole, so that `content`, `text` and `json()` work as ever.

    Args:
        answer: What was requested with `stream=True`.
        deadline: On the monotonic clock; a server that drips bytes would be read for ever.

    Raises:
        TooSlow: The deadline has passed.
        CutShort: The server closed the connection too early.
        requests.RequestException: No more bytes in time, or none that can be decompressed.
    """
    answer._content = b""
    try:
        answer._content = b"".join(_parts(answer, deadline))
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error, request=answer.request) from error
    except HTTPError as error:  # closed before Content-Length or the last chunk, reset, bad gzip
        raise CutShort(error, response=answer) from error
    else:
        answer._content_consumed = True  # type: ignore[attr-defined]
    finally:
        answer.close()  # with bytes left unread, this ends the connection too


def _parts(answer: requests.Response, deadline: float) -> Iterator[bytes]:
    while part := answer.raw.read1(CHUNK, decode_content=True):
        yield part
        if time.monotonic() > deadline:
            raise TooSlow("the whole answer", request=answer.request)


def check_answer(answer: requests.Response) -> None:
    """Refuse an answer of status 200 that is not data, or not all of it.

    Raises:
        NotData: It is a web page, or no table where a table was asked for.
        CutShort: A chart lacks its end, JSON or a table breaks off.
    """
    if asks_for_login(answer):
        raise NotData("a demand to log in", response=answer)
    if is_page(answer):
        if not any(part in answer.url for part in PAGES_EXPECTED):
            raise NotData("a web page", response=answer)
        return
    path = urlsplit(answer.url).path
    if path.endswith("/sise.nhn"):
        complete = _is_whole_chart(answer)
    elif path.endswith(".csv"):
        if "/data/index/year_" in path and not _plain(answer).startswith(b"Date,"):
            raise NotData("no table of prices", response=answer)
        complete = _is_whole_table(answer)
    else:
        complete = _is_whole_json(answer)
    if not complete:
        raise CutShort("it breaks off", response=answer)


def is_page(answer: requests.Response) -> bool:
    """Tell whether an answer is HTML."""
    return answer.content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def asks_for_login(answer: requests.Response) -> bool:
    """Tell whether an answer is what KRX gives, at 200 or 400, to who is not logged in."""
    return answer.content.strip() == b"LOGOUT"


def find_other_code(answer: requests.Response) -> str | None:
    """Return the code whose prices came instead of the one asked for, None if they agree."""
    request = (answer.history or [answer])[0].request
    asked_url = urlsplit(request.url or "")
    if asked_url.path.endswith("/sise.nhn"):
        asked = parse_qs(asked_url.query).get("symbol", [""])[0]
        came = _chart_attributes(answer).get("symbol", asked)
    elif "/v8/finance/chart/" in asked_url.path:
        asked = unquote(asked_url.path.rsplit("/", 1)[-1])
        came = _yahoo_symbol(answer) or asked
    else:
        return None
    return None if came.casefold() == asked.casefold() else came


def _is_whole_chart(answer: requests.Response) -> bool:
    """Tell whether a Naver chart has its end and its items.

    `count` may repeat what was asked for rather than count the items of a young share; only one
    that differs from it can be held against them.
    """
    if b"</protocol>" not in answer.content:
        return False
    asked = parse_qs(urlsplit(answer.url).query).get("count", [""])[0]
    count = _chart_attributes(answer).get("count", "")
    if count == asked or not count.isdigit():
        return True
    return answer.content.count(b"<item ") >= int(count)


def _is_whole_table(answer: requests.Response) -> bool:
    """Tell whether the last line of a CSV has as many fields as its header."""
    lines = _plain(answer).rstrip().splitlines() or [b""]
    return lines[-1].count(b",") >= lines[0].count(b",")


def _is_whole_json(answer: requests.Response) -> bool:
    """Tell whether what begins as JSON ends as JSON; other answers are not judged."""
    body = answer.content.strip()
    if not body.startswith((b"{", b"[")):
        return True
    try:
        json.loads(body.decode("utf-8", errors="replace"))
    except ValueError:
        return False
    return True


def _chart_attributes(answer: requests.Response) -> dict[str, str]:
    head = _CHART.search(answer.content)
    found = _ATTRIBUTE.findall(head.group()) if head else []
    return {name.decode(): value.decode("ascii", errors="replace") for name, value in found}


def _yahoo_symbol(answer: requests.Response) -> str | None:
    try:
        symbol = answer.json()["chart"]["result"][0]["meta"]["symbol"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return str(symbol)


def _plain(answer: requests.Response) -> bytes:
    return answer.content.removeprefix(b"\xef\xbb\xbf")
