"""A real MLflow on a SQLite file, made once: its first use takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines_lib.settings import Settings
from pipelines_lib.tracking import Tracker


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home folder of the session's tracker."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def tracker(mlflow_home: Path) -> Iterator[Tracker]:
    """Return a tracker on an empty store of its own, shared by all tests of the folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        yield Tracker(Settings(home=mlflow_home))
