"""Jobs that runs have stored stand beside the declared ones."""

import sys

import pytest

from deployments.cli import main
from deployments.jobs import JOBS_FILE, find_job, read_jobs, resolve_parameters
from deployments.serve import make_deployments
from pipelines_lib.config import ForecasterConfig
from pipelines_lib.config.stored_jobs import write_job
from pipelines_lib.errors import ConfigError

FORECASTER = ForecasterConfig(hidden=7)


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Return the folder of stored jobs of a home of its own."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    return tmp_path / "jobs"


def store(folder, name="prices-best", **fields):
    job = {
        "entrypoint": "flows/train_forecaster.py:train_forecaster",
        "description": "The best of 9 trials.",
        "parameters": {"dataset": "prices", "forecaster": FORECASTER.model_dump(mode="json")},
        "tags": ["search"],
    }
    return write_job(folder, **{**job, "name": name, **fields})


def test_read_jobs_lists_stored_jobs_after_the_declared_ones(jobs):
    declared = list(read_jobs(JOBS_FILE))
    assert list(read_jobs()) == declared
    store(jobs)
    assert list(read_jobs()) == [*declared, "prices-best"]
    assert read_jobs()["prices-best"].tags == ["search"]


def test_a_stored_job_is_run_and_served_like_a_declared_one(jobs):
    store(jobs)
    job = find_job("prices-best")
    assert resolve_parameters(job)["forecaster"] == FORECASTER
    assert resolve_parameters(job, ["hidden=9"])["forecaster"].hidden == 9
    [served] = make_deployments({job.name: job})
    assert served.name == "prices-best"


def test_jobs_command_lists_a_stored_job(jobs, monkeypatch, capsys):
    store(jobs)
    monkeypatch.setattr(sys, "argv", ["tidewatch", "jobs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "prices-best  train_forecaster, on demand\n    The best of 9 trials." in said


def test_read_jobs_refuses_a_stored_job_with_the_name_of_a_declared_one(jobs):
    store(jobs, "demo")
    with pytest.raises(ConfigError, match=r"demo\.yaml has the name of a job in .*prefect\.yaml"):
        read_jobs()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1, 2", "is no job: .* correct or delete it"),
        ("just words", "is no job: it holds 'just words'"),
        ("name: mine", "lacks entrypoint: add it"),
        ("{name: other, entrypoint: 'flows/ingest.py:ingest'}", "holds the job 'other': name the"),
    ],
)
def test_read_jobs_refuses_a_stored_file_that_is_no_job(jobs, text, sentence):
    jobs.mkdir()
    (jobs / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"(?s)mine\.yaml.*{sentence}"):
        read_jobs()
