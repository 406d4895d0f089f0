"""What a service can do wrong, over real HTTP: what is stored, what is said, how the run ends.

Every fault befalls one of two shares; the other must be stored all the same.
"""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.ingest import ingest
from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import last_final_position, make_calendar
from pipelines_lib.tables import ALERTS, QUARANTINE, RESTATEMENTS, observations_table
from tests import mirror as faults
from tests.mirror import naver

GOOD, BAD = "000660", "005930"
N = 30
BARS = DatasetConfig(
    name="prices",
    source=SourceConfig(kind="fdr"),
    series_ids=[GOOD, BAD],
    max_failed_share=0.5,
    overlap_steps=5,
)
OBSERVATIONS = observations_table(BARS.columns)


@pytest.fixture(scope="module")
def days():
    """Return the last sessions that are over, and the next one that is not, as yyyymmdd."""
    calendar = make_calendar(BARS)
    final = last_final_position(BARS, calendar, datetime.now(UTC))
    times = calendar.times(np.arange(final - N + 1, final + 2))
    return [pd.Timestamp(time).strftime("%Y%m%d") for time in times]


def item(day, level):
    """Return a bar of a share that climbs by 1 a day and trades a little more each day."""
    return f"{day}|{level}|{level + 3}|{level - 3}|{level + 1}|{level}"


def items(days, factor=1):
    return [item(day, (1000 + number) * factor) for number, day in enumerate(days)]


def serve(mirror, days):
    """Answer both shares well, up to the newest of these days."""
    for code in (GOOD, BAD):
        mirror.answers[f"symbol={code}"] = naver(*items(days), symbol=code)


def run(dataset=BARS):
    """Run the flow and return its state and the report of the ingest."""
    state = ingest(dataset, return_state=True)
    return state, (state.result().report if state.is_completed() else None)


def stored(home, series_id):
    return Lake(str(home / "lake")).read_rows("prices", OBSERVATIONS, series_ids=[series_id])


def artifact(key):
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )
    return found[0].data


@pytest.mark.parametrize(
    ("fault", "reason", "transient"),
    [
        pytest.param(faults.hang(), "did not answer in time", True, id="hang"),
        pytest.param((404, "text/plain", "?"), "it does not know this code", False, id="404"),
        pytest.param(faults.ERROR, "500: the server failed, 2 times", True, id="500"),
        pytest.param(faults.PAGE, "a web page, not with data", True, id="html-at-200"),
        pytest.param(faults.reset(), "cannot be reached", True, id="reset"),
        pytest.param(naver(symbol=BAD), "answered without any rows", False, id="empty"),
        pytest.param(
            naver("20240102|1|2|1|2|9", symbol="035420"), "035420", False, id="wrong-code"
        ),
    ],
)
def test_a_share_that_fails_leaves_the_others_stored(mirror, home, days, fault, reason, transient):
    serve(mirror, days[:N])
    mirror.answers[f"symbol={BAD}"] = fault

    state, report = run()

    assert len(stored(home, GOOD)) == N
    assert len(stored(home, BAD)) == 0
    assert list(report.failures) == [BAD]
    assert reason in report.failures[BAD]
    assert (BAD in report.transient) == transient
    assert state.name == "Partial"
    assert f"1 of 2 failed: {BAD}" in state.message
    assert reason in artifact("failed-prices")
    run()
    told = Lake(str(home / "lake")).read_rows("prices", ALERTS, equal={"kind": "ingest.partial"})
    assert told["title"].str.contains(f"1 series failed in the night of .*: {BAD}").tolist() == [
        True
    ]
    assert told["told_how"].tolist() == ["prefect"]

    serve(mirror, days[:N])
    asked = len(mirror.asked)
    state, report = run()

    assert state.name == "Completed"
    assert len(stored(home, BAD)) == N
    assert [path for path in mirror.asked[asked:] if GOOD in path] == []  # only what was missing


@pytest.mark.parametrize("with_length", [True, False], ids=["with-length", "without"])
def test_a_truncated_answer_is_not_taken_for_a_short_history(mirror, home, days, with_length):
    serve(mirror, days[:N])
    whole = mirror.answers[f"symbol={BAD}"]
    mirror.answers[f"symbol={BAD}"] = faults.cut(whole, with_length=with_length)

    state, report = run()

    assert len(stored(home, BAD)) == 0
    assert "broke off its answer, 2 times" in report.failures[BAD]
    assert report.transient == {BAD}
    assert state.name == "Partial"


def test_a_busy_server_is_given_the_time_it_asks_for(mirror, home, days):
    serve(mirror, days[:N])
    well = mirror.answers[f"symbol={BAD}"]
    mirror.answers[f"symbol={BAD}"] = faults.in_turn(faults.busy("1"), well)

    state, report = run()

    assert (state.name, report.failures) == ("Completed", {})
    assert len(stored(home, BAD)) == N
    asked = [t for t, path in zip(mirror.times, mirror.asked, strict=True) if BAD in path]
    assert asked[1] - asked[0] >= 1


def test_the_bar_of_an_open_session_is_put_off(mirror, home, days):
    serve(mirror, days)  # the last day is not over
    tomorrow = pd.Timestamp(days[N]).date()

    state, report = run(BARS.model_copy(update={"end": tomorrow}))

    assert stored(home, BAD)["time"].max() == pd.Timestamp(days[N - 1], tz="UTC")
    assert report.rules == {"open_session": 2}
    assert len(Lake(str(home / "lake")).read_rows("prices", QUARANTINE)) == 0
    assert state.name == "Completed"
    assert '"rule": "open_session"' in artifact("quality-prices")


def test_a_day_told_twice_is_stored_once_as_told_last(mirror, home, days):
    serve(mirror, days[:N])
    early = item(days[N - 1], 900)
    mirror.answers[f"symbol={BAD}"] = naver(
        *items(days[:N])[:-1], early, items(days[:N])[-1], symbol=BAD
    )

    state, report = run()

    rows = stored(home, BAD)
    assert len(rows) == N
    assert rows["close"].iloc[-1] == 1000 + N
    held = Lake(str(home / "lake")).read_rows("prices", QUARANTINE)
    assert held[["series_id", "rule"]].to_numpy().tolist() == [[BAD, "duplicate"]]
    assert report.rules == {"duplicate": 1}
    assert state.name == "Completed"


def test_a_split_between_two_runs_restates_the_history(mirror, home, days):
    serve(mirror, days[: N - 1])
    run()
    serve(mirror, days[:N])
    mirror.answers[f"symbol={BAD}"] = naver(*items(days[:N], factor=50), symbol=BAD)

    state, report = run()

    rows = stored(home, BAD)
    assert len(rows) == N
    assert rows["close"].iloc[0] == 50_000 + 1
    (found,) = report.restated
    assert (found.series_id, found.rows) == (BAD, N - 1)
    assert found.factor == pytest.approx(50, rel=0.01)
    told = Lake(str(home / "lake")).read_rows("prices", RESTATEMENTS)
    old = Lake(str(home / "lake")).read_rows(
        "prices", OBSERVATIONS, series_ids=[BAD], version=int(told["old_version"].iloc[0])
    )
    assert old["close"].iloc[0] == 1001
    assert "1 history restated" in state.message
    assert state.name == "Completed"


def test_a_missing_year_of_an_index_is_no_history(mirror, home, days):
    mirror.answers["year_ks11/2023.csv"] = faults.krx_cache("2023-01-02", "2023-12-28")
    mirror.answers["year_ks11/2024.csv"] = faults.ERROR
    mirror.answers["year_ks11/2025.csv"] = faults.krx_cache("2025-01-02", "2025-01-03")
    serve(mirror, days[:N])
    dataset = BARS.model_copy(
        update={
            "series_ids": [GOOD, "KS11"],
            "start": pd.Timestamp("2023-01-01").date(),
            "end": pd.Timestamp("2025-01-03").date(),
        }
    )
    past = [str(int(day)) for day in ("20250102", "20250103")]
    mirror.answers[f"symbol={GOOD}"] = naver(*items(past), symbol=GOOD)

    state, report = run(dataset)

    assert len(stored(home, "KS11")) == 0
    assert len(stored(home, GOOD)) == 2
    assert "raw.githubusercontent.com" in report.failures["KS11"]
    assert "500" in report.failures["KS11"]
    assert state.name == "Partial"


def test_past_the_tolerance_the_run_fails_with_the_good_stored(mirror, home, days):
    serve(mirror, days[:N])
    mirror.answers[f"symbol={BAD}"] = (404, "text/plain", "?")

    state, _ = run(BARS.model_copy(update={"max_failed_share": 0.1}))

    assert state.is_failed()
    assert "max_failed_share=0.1" in state.message
    assert len(stored(home, GOOD)) == N
    assert BAD in artifact("failed-prices")


def test_a_fault_that_may_pass_is_tried_again_for_what_is_missing(mirror, home, days):
    serve(mirror, days[:N])
    well = mirror.answers[f"symbol={BAD}"]
    mirror.answers[f"symbol={BAD}"] = faults.in_turn(faults.ERROR, faults.ERROR, well)

    state, _ = run(BARS.model_copy(update={"max_failed_share": 0.1}))

    assert state.name == "Completed"
    assert len(stored(home, BAD)) == N
    assert mirror.count(f"symbol={GOOD}") == 1


def test_a_server_keeps_the_pace_that_a_person_has_set(mirror, home, days):
    """The limit on Prefect's page holds for every worker, and is not overwritten."""
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("tidewatch-fdr", 1, 2.0)
    serve(mirror, days[:N])
    try:
        run()
        with get_client(sync_client=True) as client:
            limit = client.read_global_concurrency_limit_by_name("tidewatch-fdr")
        assert (limit.limit, limit.slot_decay_per_second) == (1, 2.0)
        assert mirror.times[1] - mirror.times[0] > 0.3  # two requests at 2 a second
    finally:
        with get_client(sync_client=True) as client:
            client.delete_global_concurrency_limit_by_name("tidewatch-fdr")
