"""The hosts behind FinanceDataReader, answered on this machine."""

from collections.abc import Iterator

import pytest

from pipelines_lib.sources import http, pace
from tests.mirror import Mirror, open_mirror


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hundredths of a second before repeats where a run waits seconds."""
    monkeypatch.setattr(http, "BASE_WAIT_S", 0.01)
    monkeypatch.setattr(pace, "TOO_MANY_WAIT_S", 0.02)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with open_mirror() as answering:
        yield answering
