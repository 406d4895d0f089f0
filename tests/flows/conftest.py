"""A real Prefect server for the session, and a home folder of its own for each test."""

import pytest
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session", autouse=True)
def prefect_server():
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The lake, MLflow store and reports of one test."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TIDEWATCH_LAKE_URI", raising=False)
    monkeypatch.delenv("TIDEWATCH_MLFLOW_URI", raising=False)
    return tmp_path / "home"
