"""Make FinanceDataReader send through a client: it sets no deadline and repeats nothing itself.

It calls `requests.get` and `pandas.read_csv`. Its modules are given stand-ins for the two, and for
`print`; they act only inside `activate`, in the thread or task that called it.
"""

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from threading import Lock
from typing import Any

import pandas as pd
import requests

from pipelines_lib.errors import SourceError
from pipelines_lib.sources.http import Client

PATCHED = (
    "data",
    "naver.data",
    "yahoo.data",
    "krx.data",
    "fred.data",
    "ecos.data",
    "investing.data",
    "krx.listing",
    "naver.listing",
    "wikipedia.listing",
)

_log = logging.getLogger(__name__)
_active: ContextVar[Client | None] = ContextVar("fdr_client", default=None)
_patching = Lock()


@contextmanager
def activate(client: Client) -> Iterator[None]:
    """Send what FinanceDataReader asks for in this thread through `client`."""
    token = _active.set(client)
    try:
        yield
    finally:
        _active.reset(token)


def patch_reader() -> None:
    """Put the stand-ins into FinanceDataReader's modules; again is harmless.

    Raises:
        SourceError: A module no longer has what they stand in for.
    """
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
