"""Night by night gives the very rows of everything at once."""

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.lake import Lake
from pipelines_lib.tables import SCORE_STATES
from tests.pipelines_lib.anomaly.conftest import LEARNED, START
from tests.pipelines_lib.anomaly.nights import check_same, restate, run_night, scores_of

THRESHOLDS = {
    "fixed": {"k": 1.0},
    "conformal": {"kind": "conformal", "risk": 0.02, "refit_steps": 7},
    "of each series": {"kind": "pot", "scope": "series", "refit_steps": 7},
    "hundman": {"kind": "hundman", "refit_steps": 7},
    "budget": {"alert_budget": 0.5, "refit_steps": 7},
}
NEWEST = 419


@pytest.fixture
def whole(tmp_path):
    """Return a function that scores everything at once in a lake of its own."""

    def score(fitted, panel=None):
        lake = Lake(str(tmp_path / "whole"))
        run_night(lake, fitted, fitted.panel() if panel is None else panel)
        return scores_of(lake)

    return score


@pytest.mark.parametrize("kind", THRESHOLDS)
def test_nights_one_by_one_say_what_one_night_says(lake, every_part, whole, kind):
    fitted = every_part.with_threshold(**THRESHOLDS[kind])
    for newest in (365, 366, 376, 391, 400, NEWEST):
        run_night(lake, fitted, fitted.panel(newest))
    ours = scores_of(lake)
    assert ours["series_id"].value_counts().to_dict() == {"A": 60, "B": 61, "C": 31, "new": 30}
    assert ours["anomalous"].any()
    assert ours["p_value"].nunique() > 20
    check_same(ours, whole(fitted))


@pytest.mark.parametrize("seed", range(4))
def test_nights_of_any_length_say_what_one_night_says(lake, every_part, whole, seed):
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(np.arange(LEARNED, NEWEST), size=4, replace=False))
    for newest in [*cuts, NEWEST]:
        run_night(lake, every_part, every_part.panel(int(newest)))
    check_same(scores_of(lake), whole(every_part))


def test_a_night_killed_before_its_states_leaves_no_trace(lake, every_part, whole):
    fitted = every_part.with_threshold(**THRESHOLDS["conformal"])
    run_night(lake, fitted, fitted.panel(370), killed=True)
    run_night(lake, fitted, fitted.panel(380))
    run_night(lake, fitted, fitted.panel(391), killed=True)
    run_night(lake, fitted, fitted.panel(393), killed=True)
    again = run_night(lake, fitted, fitted.panel(400))
    assert again.scores["time"].min() == START + pd.Timedelta(hours=394)
    run_night(lake, fitted, fitted.panel())
    check_same(scores_of(lake), whole(fitted))


def test_a_series_is_scored_the_same_whatever_night_it_appears(lake, every_part, whole):
    run_night(lake, every_part, every_part.panel(370, series=("B",)))
    run_night(lake, every_part, every_part.panel(380, series=("A", "B")))
    run_night(lake, every_part, every_part.panel(395))
    run_night(lake, every_part, every_part.panel())
    # A p-value is that among the scores of all series that there were.
    check_same(scores_of(lake), whole(every_part), but="p_value")


def test_a_restated_series_is_scored_again_from_the_calibration(lake, every_part, whole):
    fitted = every_part.with_threshold(**THRESHOLDS["fixed"])
    run_night(lake, fitted, fitted.panel(380))
    run_night(lake, fitted, fitted.panel(400))
    assert restate(lake, "B", 370) == 31
    panel = fitted.panel(405)
    first = panel.offsets[panel.series_ids.index("B")]
    panel.values[first + 270 : first + 306] += 0.7  # B begins at step 100
    night = run_night(lake, fitted, panel)
    counts = night.scores["series_id"].value_counts().to_dict()
    assert counts == {"B": 36, "A": 5, "new": 5}
    ours = scores_of(lake)
    assert ours["stale"].isna().all()
    # The p-values of others that stand are those among the scores that B had then.
    check_same(ours, whole(fitted, panel), but="p_value")


def test_a_restatement_between_scores_and_states_is_not_lost(lake, every_part, whole):
    run_night(lake, every_part, every_part.panel(380), killed=True)
    restate(lake, "A", 365)
    run_night(lake, every_part, every_part.panel(390))
    check_same(scores_of(lake), whole(every_part, every_part.panel(390)))


def test_states_follow_the_newest_step_of_each_series(lake, every_part):
    run_night(lake, every_part, every_part.panel(400))
    states = lake.read_rows("waves", SCORE_STATES)
    assert sorted(states["part"].unique()) == sorted(every_part.detector.parts)
    newest = states.groupby("series_id")["time"].agg(["min", "max"])
    hours = (newest - START) / pd.Timedelta(hours=1)
    assert hours["min"].to_dict() == {"A": 400, "B": 400, "C": 389, "new": 400}
    assert (newest["min"] == newest["max"]).all()
    # Of the energy of C: all its errors since the first step.
    energy = states[(states["part"] == "energy")].set_index("series_id")
    past = every_part.detector.pasts["energy"]
    assert energy.loc["C", "n"] == past.n[2] + 389 - LEARNED
