"""From night to night: what is due, what stands, and who is named instead."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.nightly import plan_night
from pipelines_lib.lake import Lake
from pipelines_lib.tables import SCORE_STATES, SCORES
from tests.pipelines_lib.anomaly.conftest import LEARNED, PARTS, START
from tests.pipelines_lib.anomaly.nights import (
    SCORER,
    check_same,
    restate,
    run_night,
    scores_of,
)


@pytest.fixture(scope="module")
def simple(fit_every_part):
    """Return a detector without networks, whose threshold is fitted again every 7 steps."""
    fitted = fit_every_part(1, parts=["shift", "energy"])
    return fitted.with_threshold(kind="quantile", quantile=0.9, refit_steps=7)


@pytest.fixture(scope="module")
def looking_back(fit_every_part):
    """Return a retrospective detector."""
    return fit_every_part(1, mode="retrospective")


def plan(lake, fitted, newest=410, version="1", scorer=SCORER):
    """Return the first steps that are computed and shown, and the pasts."""
    panel = fitted.panel(newest)
    planned = plan_night(lake, "waves", fitted.detector, panel, scorer=scorer, version=version)
    zero = fitted.since(panel, 0)
    return list(planned.since - zero), list(planned.shown - zero), planned.pasts


def hours(times) -> list[int]:
    return ((times - START) / pd.Timedelta(hours=1)).astype(int).tolist()


def test_plan_night_begins_after_the_calibration(lake, simple):
    since, shown, pasts = plan(lake, simple)
    assert since == shown == [LEARNED + 1] * 4
    assert pasts["energy"].n[:3].tolist() == simple.detector.pasts["energy"].n.tolist()
    assert pasts["energy"].n[3] == 0


def test_plan_night_goes_on_where_each_series_stood(lake, simple):
    run_night(lake, simple, simple.panel(400, series=("A", "C")))
    run_night(lake, simple, simple.panel(370, series=("B",)))
    since, shown, pasts = plan(lake, simple)
    assert since == shown == [401, 371, 390, LEARNED + 1]
    learned = simple.detector.pasts["energy"].n  # A lacks step 375
    assert pasts["energy"].n.tolist() == [learned[0] + 41, learned[1] + 12, learned[2] + 31, 0]


def test_plan_night_computes_what_a_killed_night_has_shown_already(lake, simple):
    run_night(lake, simple, simple.panel(365))
    run_night(lake, simple, simple.panel(380), killed=True)
    since, shown, _ = plan(lake, simple)
    assert since == [366] * 4
    assert shown == [381, 381, 381, 366]  # the new one has no score yet


def test_plan_night_begins_anew_after_a_restatement_and_shows_what_is_stale(lake, simple):
    run_night(lake, simple, simple.panel(400))
    assert restate(lake, "B", 380) == 21
    since, shown, _ = plan(lake, simple)
    assert since == [401, LEARNED + 1, 390, 401]
    assert shown == [401, 380, 390, 401]


def test_plan_night_leaves_what_a_newer_version_has_learned_from(lake, simple):
    run_night(lake, simple, simple.panel(400))
    restate(lake, "B", 365)
    later = replace(
        simple.detector,
        calibration=replace(
            simple.detector.calibration, until=str(np.datetime64("2024-01-17T05", "us"))
        ),
    )
    since, shown, _ = plan(lake, replace(simple, detector=later), version="2")
    learned = 16 * 24 + 5
    assert since == [learned + 1] * 4
    assert shown == [401, learned + 1, learned + 1, 401]


def test_plan_night_knows_its_own_scorer_only(lake, simple):
    run_night(lake, simple, simple.panel(400))
    since, shown, _ = plan(lake, simple, scorer="another")
    assert since == shown == [LEARNED + 1] * 4


def test_score_night_repeated_writes_nothing(lake, simple):
    first = run_night(lake, simple, simple.panel(400))
    assert len(first.scores) == 41 + 42 + 31 + 11
    versions = [lake.table_version("waves", table) for table in (SCORES, SCORE_STATES)]
    again = run_night(lake, simple, simple.panel(400))
    assert (len(again.scores), len(again.states)) == (0, 0)
    assert [lake.table_version("waves", table) for table in (SCORES, SCORE_STATES)] == versions


def test_score_night_scores_only_what_is_new(lake, simple):
    run_night(lake, simple, simple.panel(400))
    night = run_night(lake, simple, simple.panel(402))
    assert night.scores.groupby("series_id")["time"].agg(hours).to_dict() == {
        name: [401, 402] for name in ("A", "B", "new")
    }


def test_score_night_of_a_new_version_goes_on_without_rewriting(lake, simple, tmp_path):
    run_night(lake, simple, simple.panel(380))
    before = scores_of(lake)
    second = simple.with_threshold(kind="mad", k=1.0, refit_steps=7)
    for newest in (391, 400, 419):
        run_night(lake, second, second.panel(newest), version="2")
    after = scores_of(lake)
    check_same(after[after["model_version"] == "1"].reset_index(drop=True), before)
    # It says from there on what it would have said in one night.
    at_once = Lake(str(tmp_path / "at once"))
    run_night(at_once, simple, simple.panel(380))
    run_night(at_once, second, second.panel(), version="2")
    check_same(after, scores_of(at_once))
    made = after[after["model_version"] == "2"]
    assert {name: hours(rows)[0] for name, rows in made.groupby("series_id")["time"]} == {
        "A": 381,
        "B": 381,
        "C": 381,
        "new": 390,
    }
    # And its own scores are of a past without a hole.
    alone = Lake(str(tmp_path / "alone"))
    run_night(alone, second, second.panel(), version="2")
    theirs = scores_of(alone)
    theirs = theirs[theirs["time"] >= START + pd.Timedelta(hours=381)]
    assert made["score"].tolist() == theirs["score"].tolist()


def test_score_night_scores_a_late_series_after_its_first_90_steps(lake, simple):
    night = run_night(lake, simple, simple.panel(359))
    assert night.left_out == {
        "new": "new to the detector: it has 60 complete steps, and is scored after 90"
    }
    assert run_night(lake, simple, simple.panel(389)).left_out.keys() == {"new"}
    night = run_night(lake, simple, simple.panel(391))
    assert night.left_out == {}
    assert hours(night.scores.loc[night.scores["series_id"] == "new", "time"]) == [390, 391]


def test_score_night_gives_no_score_where_nothing_was_observed(lake, simple):
    rows = simple.rows
    hour = (rows["time"] - START) / pd.Timedelta(hours=1)
    gone = (rows["series_id"] == "B") & hour.between(365, 390)
    fitted = replace(simple, rows=rows[~gone])
    assert "B" not in run_night(lake, fitted, fitted.panel(380)).left_out
    run_night(lake, fitted, fitted.panel(400))
    found = scores_of(lake)
    b = found[found["series_id"] == "B"]
    assert hours(b["time"]) == [*range(359, 365), *range(391, 401)]


@pytest.mark.parametrize("newest", [400, 419])
def test_score_night_in_retrospective_mode_scores_all_again_and_leaves_no_state(
    lake, looking_back, newest
):
    run_night(lake, looking_back, looking_back.panel(380))
    run_night(lake, looking_back, looking_back.panel(newest))
    found = scores_of(lake)
    assert set(found["mode"]) == {"retrospective"}
    assert lake.table_version("waves", SCORE_STATES) is None
    panel = looking_back.panel(newest)
    frame, _, _ = looking_back.detector.score_panel(panel, since=looking_back.since(panel, 0))
    check_same(found, frame)
    # The whole history; of a new series what follows its first 60 steps.
    counts = found.groupby("series_id").size()
    assert (counts["B"], counts["new"]) == (newest - 99, newest - 359)


def test_score_night_names_the_part_and_feature_of_each_score(lake, fit_every_part):
    fitted = fit_every_part(3)
    rows = fitted.rows.copy()
    spiked = (rows["series_id"] == "B") & (rows["time"] == START + pd.Timedelta(hours=400))
    rows.loc[spiked, "c1"] += 40.0
    fitted = replace(fitted, rows=rows)
    run_night(lake, fitted, fitted.panel(400))
    found = scores_of(lake)
    assert set(found["part"]) <= set(PARTS)
    top = found.loc[found["score"].idxmax()]
    assert (top["series_id"], top["feature"], hours(pd.Series([top["time"]]))) == ("B", "c1", [400])
    assert top["anomalous"]
