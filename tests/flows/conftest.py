"""A real Prefect server for the session, and a home folder of its own for each test."""

from collections.abc import Iterator

import pytest
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from tests.mirror import Mirror, open_mirror


@pytest.fixture(scope="session", autouse=True)
def prefect_server():
    with (
        # Longer than its SQLite may be locked: a request that is sent again loses the result.
        temporary_settings(
            {
                PREFECT_API_REQUEST_TIMEOUT: 180,
                PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL: 1,
            }
        ),
        prefect_test_harness(server_startup_timeout=120),
    ):
        yield


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The lake, MLflow store and reports of one test."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TIDEWATCH_LAKE_URI", raising=False)
    monkeypatch.delenv("TIDEWATCH_MLFLOW_URI", raising=False)
    return tmp_path / "home"


@pytest.fixture
def mirror(home, monkeypatch) -> Iterator[Mirror]:
    """The hosts behind FinanceDataReader, answered on this machine; waits are short."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TIDEWATCH_READ_TIMEOUT_S", "0.5")
    monkeypatch.setenv("TIDEWATCH_ATTEMPTS", "2")
    monkeypatch.setenv("TIDEWATCH_REQUESTS_PER_SECOND", "1000")
    monkeypatch.setattr("pipelines_lib.sources.http.BASE_WAIT_S", 0.01)
    with open_mirror() as answering:
        monkeypatch.setenv("TIDEWATCH_FDR_MIRROR", answering.url)
        yield answering
