"""Jobs that follow data: read from their file, told in words, refused where they cannot work."""

import pytest

from deployments.jobs import JOBS_FILE, Job, read_jobs
from deployments.serve import make_deployments
from deployments.triggers import check_followed, read_triggers
from pipelines_lib.errors import ConfigError

TRIGGER = {
    "type": "event",
    "expect": ["tidewatch.ingest.committed"],
    "match": {"prefect.resource.id": "tidewatch.dataset.prices"},
}
INGEST = Job("bring", "flows/ingest.py:ingest", parameters={"dataset": {"name": "prices"}})


def test_jobs_of_the_live_prices_and_the_demo_follow_their_ingest():
    jobs = read_jobs(JOBS_FILE)
    check_followed(jobs)
    for name in ("krx-live", "demo"):
        for what in ("forecast", "detect"):
            job = jobs[f"{name}-{what}"]
            assert job.when == f"after new rows of {name}"
            assert job.entrypoint == f"flows/{what}.py:{what}"
            assert job.parameters == {"dataset": name}
    assert jobs["krx-live"].triggers == ()  # it forecasts by itself


def test_make_deployments_has_the_triggers():
    triggers = read_triggers("forecast", [TRIGGER])
    job = Job(
        "follow", "flows/forecast.py:forecast", parameters={"dataset": "prices"}, triggers=triggers
    )
    (made,) = make_deployments({"follow": job})
    (trigger,) = made.triggers
    assert trigger.name == "follow after new rows of prices"
    assert trigger.expect == {"tidewatch.ingest.committed"}
    assert trigger.match.model_dump() == TRIGGER["match"]


def test_read_triggers_says_other_events_by_their_name():
    trigger = TRIGGER | {"expect": ["tidewatch.anomaly.opened", "tidewatch.ingest.committed"]}
    (read,) = read_triggers("look", [trigger])
    assert read.words == "on tidewatch.anomaly.opened of prices or after new rows of prices"
    assert read_triggers("look", None) == ()


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (TRIGGER, "is {'type': 'event'"),
        (["new rows"], "the trigger 'new rows' is no mapping"),
        ([{"expects": "x"}], "has expects, which is not known"),
        ([TRIGGER | {"type": "metric"}], "has type 'metric', which is not known"),
        ([TRIGGER | {"expect": []}], r"expects \[\], no event"),
        ([TRIGGER | {"expect": "ingest.committed"}], "expects 'ingest.committed': the events are"),
        ([TRIGGER | {"expect": ["tidewatch.new"]}], "expects 'tidewatch.new': the events are"),
        ([TRIGGER | {"match": {}}], "matches {}, which names no dataset"),
        ([TRIGGER | {"match": {"prefect.resource.id": "prices"}}], "which names no dataset"),
        ([TRIGGER | {"match": TRIGGER["match"] | {"a": "b"}}], "which names no dataset"),
    ],
    ids=str,
)
def test_read_triggers_refuses_a_mistake_with_a_sentence(listed, said):
    with pytest.raises(ConfigError, match=f"^job follow: .*{said}"):
        read_triggers("follow", listed)


def test_check_followed_refuses_a_job_that_would_never_start_or_always():
    follow = Job("follow", "flows/forecast.py:forecast", triggers=read_triggers("f", [TRIGGER]))
    check_followed({"follow": follow, "bring": INGEST})
    with pytest.raises(ConfigError, match="job follow waits for new rows of prices, and no job"):
        check_followed({"follow": follow})
    itself = Job(INGEST.name, INGEST.entrypoint, "", INGEST.parameters, triggers=follow.triggers)
    with pytest.raises(ConfigError, match="job bring ingests prices and waits"):
        check_followed({"bring": itself})
