"""Where MLflow's page shows a run."""

from types import SimpleNamespace

import pytest

from pipelines_lib.settings import Settings
from pipelines_lib.tracking import Run, Tracker


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/#/experiments/3/runs/abc"),
        ("https://host/mlflow/", "https://host/mlflow/#/experiments/3/runs/abc"),
        ("https://me:secret@host:8443", "https://host:8443/#/experiments/3/runs/abc"),
        ("sqlite:////home/me/mlflow.db", ""),
    ],
)
def test_run_page_is_known_of_a_server_alone_and_tells_no_password(uri, page):
    assert Run(SimpleNamespace(page=uri, client=None), "abc", "3").page == page


def test_page_of_a_run_is_where_the_settings_say_that_it_is(tracker, mlflow_home):
    elsewhere = Tracker(Settings(home=mlflow_home, mlflow_page="http://127.0.0.1:5001"))
    with elsewhere.run("prices", "forecast", name="one") as run:
        assert run.page == (
            f"http://127.0.0.1:5001/#/experiments/{run.experiment_id}/runs/{run.run_id}"
        )
