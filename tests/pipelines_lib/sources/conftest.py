"""The hosts behind FinanceDataReader, answered on this machine."""

from collections.abc import Iterator

import pytest

from tests.mirror import Mirror, open_mirror


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with open_mirror() as answering:
        yield answering
