"""Deadlines, retries and honest faults for the requests that FinanceDataReader makes.

It calls `requests.get` and `pandas.read_csv` with neither. Its modules are given stand-ins for the
two, and for `print`; they act only inside `open_client`, in the thread or task that opened it.
"""

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from threading import Lock
from typing import Any

import pandas as pd
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from pipelines_lib.errors import SourceError
from pipelines_lib.settings import Settings

RETRIES = 2
TRANSIENT = (429, 500, 502, 503, 504)
LONGEST_WAIT_S = 30
"""A server that asks for a longer pause (Retry-After) is asked again after this one."""
PATCHED = (
    "data",
    "naver.data",
    "yahoo.data",
    "krx.data",
    "fred.data",
    "ecos.data",
    "investing.data",
)

_log = logging.getLogger(__name__)
_active: ContextVar["Client | None"] = ContextVar("fdr_client", default=None)
_patching = Lock()


@dataclass
class Client:
    """One session, and what its last series met: `answer`, `faults`."""

    session: requests.Session
    timeout: tuple[float, float]
    mirror: str = ""
    answer: requests.Response | None = None
    """The last answer, whatever its status."""
    faults: list[requests.RequestException] = field(default_factory=list)
    """Every request that failed, also those whose exception FinanceDataReader swallowed."""

    def forget(self) -> None:
        """Start over for the next series."""
        self.answer, self.faults = None, []

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send one request, to the mirror where one is set.

        Raises:
            requests.RequestException: No answer in time, or one with an error status; the same
                again at once where a request before this one had no answer.
        """
        for fault in self.faults:
            if fault.response is None:
                raise fault
        if self.mirror:
            url = f"{self.mirror.rstrip('/')}/{url.split('://', 1)[-1]}"
        try:
            answer = self.session.request(method, url, **options | {"timeout": self.timeout})
            self.answer = answer
            answer.raise_for_status()
        except requests.RequestException as fault:
            self.faults.append(fault)
            raise
        return answer


@contextmanager
def open_client(settings: Settings) -> Iterator[Client]:
    """Send what FinanceDataReader asks for through one session with deadlines and retries."""
    _patch()
    retry = Retry(
        total=RETRIES,
        status_forcelist=TRANSIENT,
        backoff_factor=0.5,
        raise_on_status=False,
        retry_after_max=LONGEST_WAIT_S,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        timeout = (settings.connect_timeout_s, settings.read_timeout_s)
        client = Client(session, timeout, settings.fdr_mirror)
        token = _active.set(client)
        try:
            yield client
        finally:
            _active.reset(token)


def is_timeout(fault: requests.RequestException) -> bool:
    """Tell whether nobody answered in time; a retried read timeout comes as a ConnectionError."""
    if isinstance(fault, requests.Timeout):
        return True
    cause = fault.args[0] if fault.args else None
    return isinstance(getattr(cause, "reason", cause), ReadTimeoutError)


class _Requests:
    """`requests` as FinanceDataReader sees it."""

    def get(self, url: str, params: Any = None, **options: Any) -> requests.Response:
        return self._send("GET", url, params=params, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> Any:
        return self._send("POST", url, data=data, json=json, **options)

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        client = _active.get()
        send = client.send if client else requests.request
        return send(method, url, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)


class _Pandas:
    """`pandas` as FinanceDataReader sees it."""

    def read_csv(self, source: Any, *args: Any, **options: Any) -> pd.DataFrame:
        client = _active.get()
        if client and isinstance(source, str) and source.startswith(("http://", "https://")):
            source = BytesIO(client.send("GET", source).content)
        return pd.read_csv(source, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(pd, name)


def _print(*words: Any, **options: Any) -> None:
    if _active.get():
        _log.debug(" ".join(str(word) for word in words))
    else:
        print(*words, **options)


def _patch() -> None:
    """Put the stand-ins into FinanceDataReader's modules, once."""
    with _patching:
        modules = [importlib.import_module(f"FinanceDataReader.{name}") for name in PATCHED]
        for module in modules:
            if not hasattr(module, "requests") and module.__name__ != "FinanceDataReader.data":
                raise SourceError(
                    f"{module.__name__} no longer calls requests, so it would wait without end: "
                    "install finance-datareader 0.9.202"
                )
            for name, stand_in in (("requests", _Requests()), ("pd", _Pandas())):
                if hasattr(module, name):
                    setattr(module, name, stand_in)
            module.print = _print  # type: ignore[attr-defined]
