import yaml

from pipelines_lib.config.stored_jobs import write_job

JOB = {
    "name": "prices-best",
    "entrypoint": "flows/ingest.py:ingest",
    "description": "그 최고",
    "parameters": {"dataset": "prices", "forecaster": {"hidden": 7}},
    "tags": ["search"],
}


def test_write_job_writes_an_entry_as_prefect_yaml_has_it(tmp_path):
    path = write_job(tmp_path / "jobs", **JOB)
    assert path == tmp_path / "jobs" / "prices-best.yaml"
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert entry == {**JOB, "work_pool": {"name": "tidewatch"}}


def test_write_job_replaces_one_of_the_same_name_and_leaves_no_other_file(tmp_path):
    write_job(tmp_path, **JOB)
    path = write_job(tmp_path, **{**JOB, "tags": ["other"]})
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["tags"] == ["other"]
    assert list(tmp_path.iterdir()) == [path]
