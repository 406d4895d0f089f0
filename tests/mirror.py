"""A server on this machine that answers as FinanceDataReader's hosts do, faults included.

`mirror.answers` maps a part of the question to an answer: a tuple, one of the faults below, or a
function of nothing or of the path that returns either.
"""

import gzip
import inspect
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from threading import Event, Lock, Thread
from typing import Any

import pandas as pd

from pipelines_lib.settings import Settings

Answer = tuple[Any, ...]
"""Status, content type, body (text or bytes) and, where wanted, a dict of further headers."""

PAGE: Answer = (200, "text/html", "\n<!DOCTYPE html><html><body>we have moved</body></html>")
ERROR: Answer = (500, "text/plain", "oops")
LOGOUT: Answer = (200, "text/html;charset=UTF-8", "LOGOUT")
THREE_DAYS = (
    "20240102|100|110|90|105|1000",
    "20240103|105|120|100|115|1100",
    "20240104|115|116|101|102|1200",
)


class Fault:
    """A way to answer badly; it writes to the connection itself."""

    def __init__(self, act: Callable[["Handler"], None]) -> None:
        self.act = act


@dataclass
class Mirror:
    """What the server answers, by a part of the question; `asked` keeps every request."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each request came, on the monotonic clock."""
    headers: dict[str, str] = field(default_factory=dict)
    most_at_once: int = 0
    """The most requests that were being answered at the same time."""
    closing: Event = field(default_factory=Event)
    _under_way: int = 0
    _lock: Any = field(default_factory=Lock)

    def settings(self, **more: object) -> Settings:
        quick = {"read_timeout_s": 5, "requests_per_second": 1000}
        return Settings(fdr_mirror=self.url, **quick | more)

    def count(self, part: str) -> int:
        """Count the requests whose path holds `part`."""
        return sum(part in path for path in self.asked)

    @contextmanager
    def _answering(self, path: str) -> Iterator[Any]:
        with self._lock:
            self.asked.append(path)
            self.times.append(time.monotonic())
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield self._find(path)
        finally:
            with self._lock:
                self._under_way -= 1

    def _find(self, path: str) -> Any:
        found = next((answer for key, answer in self.answers.items() if key in path), None)
        while callable(found):
            found = found(path) if inspect.signature(found).parameters else found()
        return found or (404, "text/plain", "unknown")


class Handler(BaseHTTPRequestHandler):
    """Answers from the mirror of its server."""

    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def do_GET(self) -> None:
        with self.mirror._answering(self.path) as answer:
            if isinstance(answer, Fault):
                self.close_connection = True
                answer.act(self)
            else:
                self.send_head(answer)
                self.wfile.write(body_of(answer))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def send_head(self, answer: Answer, length: int | None = -1) -> None:
        """Send status and headers; `length` -1: the body's own; None: none, closed at the end."""
        self.send_response(answer[0])
        self.send_header("Content-Type", answer[1])
        for name, value in (self.mirror.headers | (answer[3] if len(answer) > 3 else {})).items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body_of(answer)) if length < 0 else length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that hangs up is what many tests are about."""


@contextmanager
def open_mirror() -> Iterator[Mirror]:
    mirror = Mirror()
    server = _Server(("127.0.0.1", 0), type("Handler", (Handler,), {"mirror": mirror}))
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def body_of(answer: Answer) -> bytes:
    return answer[2] if isinstance(answer[2], bytes) else answer[2].encode()


def in_turn(*answers: Any) -> Callable[[], Any]:
    """Give one answer after the other, the last for ever."""
    left, lock = chain(answers, repeat(answers[-1])), Lock()

    def give() -> Any:
        with lock:
            return next(left)

    return give


def busy(retry_after: str | None = None, status: int = 429) -> Answer:
    """Answer that there were too many requests, with or without a time to wait."""
    return status, "text/plain", "busy", {"Retry-After": retry_after} if retry_after else {}


def zipped(answer: Answer) -> Answer:
    """Send the body compressed."""
    return (*answer[:2], gzip.compress(body_of(answer)), {"Content-Encoding": "gzip"})


def hang() -> Fault:
    """Take the question and never answer."""
    return Fault(lambda handler: handler.mirror.closing.wait(60) and None)


def drip(answer: Answer, every_s: float = 0.02) -> Fault:
    """Send the body a byte at a time."""

    def act(handler: Handler) -> None:
        handler.send_head(answer)
        for byte in body_of(answer):
            handler.wfile.write(bytes([byte]))
            if handler.mirror.closing.wait(every_s):
                return

    return Fault(act)


def reset() -> Fault:
    """Cut the connection before any answer, without a goodbye."""

    def act(handler: Handler) -> None:
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(handler.connection.detach())

    return Fault(act)


def cut(answer: Answer, *, keep: float = 0.5, with_length: bool = True) -> Fault:
    """Close the connection after a part of the body, whose length was told before or not."""

    def act(handler: Handler) -> None:
        body = body_of(answer)
        handler.send_head(answer, len(body) if with_length else None)
        handler.wfile.write(body[: int(keep * len(body))])

    return Fault(act)


def naver(*items: str, symbol: str = "005930", count: int | None = None) -> Answer:
    """Answer as Naver's chart does: one `yyyymmdd|open|high|low|close|volume` an item."""
    count = len(items) if count is None else count
    body = "".join(f'\n\t<item data="{item}" />' for item in items)
    chart = (
        f'<chartdata symbol="{symbol}" name="" count="{count}" timeframe="day" precision="0" '
        f'origintime="19900103">{body}\n</chartdata>'
    )
    head = '<?xml version="1.0" encoding="EUC-KR" ?>\n<protocol>'
    return 200, "text/xml;charset=EUC-KR", f"{head}{chart}\n</protocol>"


def naver_for(*items: str) -> Callable[[str], Answer]:
    """Answer any code as Naver does, all with the same items: `answers["sise.nhn"]`."""
    return lambda path: naver(*items, symbol=path.split("symbol=")[1].split("&")[0])


def yahoo(
    stamps: list[str], zone: str, *, symbol: str = "", **values: list[float | None]
) -> Answer:
    """Answer as Yahoo's chart does: bars stamped in UTC, every price 1 unless given."""
    names = ("open", "high", "low", "close", "volume")
    quote = {name: values.get(name, [1.0] * len(stamps)) for name in names}
    meta = {"exchangeTimezoneName": zone, "gmtoffset": 0} | ({"symbol": symbol} if symbol else {})
    result: dict[str, Any] = {
        "meta": meta,
        "timestamp": [int(pd.Timestamp(stamp, tz="UTC").timestamp()) for stamp in stamps],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]},
    }
    if not stamps:
        del result["timestamp"]
    chart = {"chart": {"result": [result], "error": None}}
    return 200, "application/json", json.dumps(chart)


def krx_cache(*days: str) -> Answer:
    """Answer as the cache of KRX indices does: close 2, volume 7, a byte order mark."""
    lines = [f"{day},2.0,1,0.1,0.01,1.0,3.0,0.5,7,9,11" for day in days]
    header = "\ufeffDate,Close,UpDown,Comp,Change,Open,High,Low,Volume,Amount,MarCap"
    return 200, "text/plain; charset=utf-8", "\n".join([header, *lines])


def krx_work_day(day: str) -> Answer:
    """Answer as KRX does when asked for its last session, `yyyy-mm-dd`."""
    output = {"result": {"output": [{"max_work_dt": day.replace("-", "")}]}}
    return 200, "application/json; charset=UTF-8", json.dumps(output)


def krx_listing(**market_of: str) -> Answer:
    """Answer as the cache of KRX listings does: `krx_listing(**{"005930": "STK"})`."""
    header = "\ufeff,Code,ISU_CD,Name,Market,Dept,Close,ChangeCode,Changes,ChagesRatio,MarketId"
    lines = [
        f"{i},{code},KR7{code}003,이름,KOSPI,,1,2,3,0.1,{market}"
        for i, (code, market) in enumerate(market_of.items())
    ]
    return 200, "text/plain; charset=utf-8", "\n".join([header, *lines]) + "\n"


def krx_market(day: str, **market_of: str) -> dict[str, Answer]:
    """Return the two answers that a KRX listing takes, for `mirror.answers |= ...`."""
    return {
        "executeForResourceBundle.cmd": krx_work_day(day),
        f"listing/krx/{day}.csv": krx_listing(**market_of),
    }
