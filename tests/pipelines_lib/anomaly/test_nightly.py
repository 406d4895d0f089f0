"""From night to night: nothing is scored twice, nothing is missed, events follow the scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.nightly import first_due_positions, update_events
from pipelines_lib.lake import Lake
from pipelines_lib.series.panel import make_panel
from pipelines_lib.tables import EVENTS, SCORES

SCORER = "sensors-detector"
LEARNED = 358
"""Last step (of 420) that the detector's threshold has seen."""


@pytest.fixture(params=["retrospective", "causal"])
def detector(request, fitted_detector):
    """Return the detector in both modes, with a threshold that is often passed."""
    fitted = fitted_detector.detector
    config = fitted.config.model_copy(update={"mode": request.param})
    return replace(fitted, config=config, threshold=fitted.threshold / 8)


@pytest.fixture
def until(sine_rows, sine_panel):
    """Return a factory of the panel as it was known at a step."""

    def make(step, series="ABCD"):
        last = sine_rows["time"].min() + pd.Timedelta(hours=step)
        rows = sine_rows[(sine_rows["time"] <= last) & sine_rows["series_id"].isin(list(series))]
        return make_panel(rows, calendar=sine_panel.calendar, columns=("value",))

    return make


def run_night(lake, detector, panel) -> tuple[int, list]:
    """Score what is due as the detect task does; return the rows scored and the new events."""
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    rows, _ = detector.score_panel(panel, since=since)
    stamped = rows.assign(
        scorer=SCORER, stale=None, data_version=1, run_id="run", model_version="1"
    )
    lake.merge_rows("sensors", SCORES, stamped)
    new = update_events(lake, "sensors", detector, panel.calendar, scorer=SCORER)
    return len(rows), new


def stored(lake, table) -> pd.DataFrame:
    return lake.read_rows("sensors", table)


def test_first_due_positions_starts_after_what_was_learned(lake, detector, until):
    panel = until(400)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    assert (since - panel.position[0]).tolist() == [LEARNED + 1] * 4


def test_first_due_positions_starts_after_the_newest_score(lake, detector, until):
    run_night(lake, detector, until(400, "AB"))
    run_night(lake, detector, until(390, "C"))
    panel = until(410)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    back = 11 if detector.config.mode == "retrospective" else 0
    expected = [401 - back, 401 - back, 391 - back, LEARNED + 1]
    assert (since - panel.position[0]).tolist() == expected


def test_first_due_positions_never_goes_back_into_what_was_learned(lake, detector, until):
    run_night(lake, detector, until(LEARNED + 4))
    panel = until(370)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    step = LEARNED + (1 if detector.config.mode == "retrospective" else 5)
    assert (since - panel.position[0]).tolist() == [step] * 4


def test_first_due_positions_knows_its_own_scorer_and_mode_only(lake, detector, until):
    other = "causal" if detector.config.mode == "retrospective" else "retrospective"
    run_night(
        lake,
        replace(detector, config=detector.config.model_copy(update={"mode": other})),
        until(400),
    )
    panel = until(410)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    assert (since - panel.position[0]).tolist() == [LEARNED + 1] * 4


def restate(lake, panel, series, step):
    """Mark the scores of a series stale from a step on, as an ingest does."""
    rows = stored(lake, SCORES)
    time = panel.times(np.array([0]))[0] + np.timedelta64(step, "h")
    touched = rows[(rows["series_id"] == series) & (rows["time"].dt.tz_localize(None) >= time)]
    lake.merge_rows("sensors", SCORES, touched.assign(stale="restated"))
    return len(touched)


def test_first_due_positions_goes_back_to_what_is_stale(lake, detector, until):
    run_night(lake, detector, until(400))
    panel = until(410)
    assert restate(lake, panel, "B", 380) == 21
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    back = 11 if detector.config.mode == "retrospective" else 0
    assert (since - panel.position[0]).tolist() == [401 - back, 380 - back] + [401 - back] * 2


def test_first_due_positions_goes_back_to_one_stale_score_among_valid_ones(
    lake, detector, until, write_scores
):
    write_scores(detector, np.zeros(400 - LEARNED), first=LEARNED + 1)
    write_scores(detector, [0], first=390, stale="restated")
    panel = until(410)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    back = 11 if detector.config.mode == "retrospective" else 0
    assert (since - panel.position[0]).tolist() == [390 - back] + [LEARNED + 1] * 3


def test_first_due_positions_leaves_stale_scores_of_what_was_learned(
    lake, detector, until, write_scores
):
    write_scores(detector, [0, 0], first=LEARNED - 20, stale="restated")
    write_scores(detector, np.zeros(41), first=LEARNED + 1)
    panel = until(410)
    since = first_due_positions(lake, "sensors", detector, panel, scorer=SCORER)
    back = 11 if detector.config.mode == "retrospective" else 0
    assert (since - panel.position[0]).tolist() == [400 - back] + [LEARNED + 1] * 3


def test_night_after_a_restatement_scores_the_new_history(
    lake, detector, until, sine_rows, sine_panel, tmp_path
):
    run_night(lake, detector, until(400))
    restate(lake, until(400), "B", 380)
    changed = sine_rows.copy()
    step = (changed["time"] - changed["time"].min()) / pd.Timedelta(hours=1)
    changed.loc[(changed["series_id"] == "B") & (step >= 380), "value"] += 3
    panel = make_panel(changed[step <= 405], calendar=sine_panel.calendar, columns=("value",))
    run_night(lake, detector, panel)
    whole = Lake(str(tmp_path / "whole"))
    run_night(whole, detector, panel)
    pd.testing.assert_frame_equal(stored(lake, SCORES), stored(whole, SCORES), rtol=1e-4)
    pd.testing.assert_frame_equal(stored(lake, EVENTS), stored(whole, EVENTS), rtol=1e-4)
    assert stored(lake, SCORES)["stale"].isna().all()


def test_nights_one_by_one_end_in_the_same_scores_as_all_at_once(lake, detector, until, tmp_path):
    for step in (380, 381, 400, 419):
        run_night(lake, detector, until(step))
    whole = Lake(str(tmp_path / "whole"))
    run_night(whole, detector, until(419))
    ours, theirs = stored(lake, SCORES), stored(whole, SCORES)
    assert len(ours) == 4 * 61
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4)
    ours, theirs = stored(lake, EVENTS), stored(whole, EVENTS)
    assert len(ours) > 3
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4)


def test_run_again_on_the_same_night_changes_nothing(lake, detector, until):
    run_night(lake, detector, until(400))
    versions = [lake.table_version("sensors", table) for table in (SCORES, EVENTS)]
    _, new = run_night(lake, detector, until(400))
    assert new == []
    assert [lake.table_version("sensors", table) for table in (SCORES, EVENTS)] == versions


def test_causal_night_scores_only_what_is_new(lake, fitted_detector, until):
    causal = fitted_detector.detector.config.model_copy(update={"mode": "causal"})
    detector = replace(fitted_detector.detector, config=causal)
    assert run_night(lake, detector, until(400))[0] == 4 * 42
    assert run_night(lake, detector, until(401))[0] == 4
    assert run_night(lake, detector, until(401))[0] == 0


@pytest.fixture
def write_scores(lake, sine_panel):
    """Return a function that stores hand-made scores of series A from step 0 on."""

    def write(detector, scores, first=0, stale=None):
        frame = pd.DataFrame(
            {
                "series_id": "A",
                "time": pd.Series(sine_panel.times(np.arange(first, first + len(scores)))),
                "mode": detector.config.mode,
                "scorer": SCORER,
                "score": np.asarray(scores, dtype=float),
                "threshold": 2.0,
                "feature": "value",
                "stale": stale,
                "data_version": 1,
                "run_id": "run",
                "model_version": "1",
            }
        )
        frame["time"] = frame["time"].dt.tz_localize("UTC")
        lake.merge_rows("sensors", SCORES, frame)
        return update_events(lake, "sensors", detector, sine_panel.calendar, scorer=SCORER)

    return write


def test_update_events_tells_what_is_new(lake, detector, write_scores):
    assert write_scores(detector, [0, 5, 0, 0]) == [("A", "2024-01-01T01:00:00+00:00")]
    assert write_scores(detector, [0, 0, 7, 8], first=4) == [("A", "2024-01-01T06:00:00+00:00")]
    assert stored(lake, EVENTS)["peak_score"].tolist() == [5.0, 8.0]


def test_update_events_lengthens_an_event_without_calling_it_new(lake, detector, write_scores):
    write_scores(detector, [0, 0, 5])
    assert write_scores(detector, [6, 0], first=3) == []
    events = stored(lake, EVENTS)
    assert (len(events), events["n_steps"][0], events["peak_score"][0]) == (1, 2, 6.0)


def test_update_events_drops_an_event_whose_scores_have_fallen(lake, detector, write_scores):
    write_scores(detector, [5, 0, 0, 5])
    assert write_scores(detector, [1, 0, 0, 5]) == []
    assert stored(lake, EVENTS)["start"].dt.hour.tolist() == [3]
    assert write_scores(detector, [1, 0, 0, 1]) == []
    assert len(stored(lake, EVENTS)) == 0


def test_update_events_ignores_stale_scores(lake, detector, write_scores):
    write_scores(detector, [5, 0, 0, 5])
    assert write_scores(detector, [5], first=3, stale="restated") == []
    assert stored(lake, EVENTS)["start"].dt.hour.tolist() == [0]
    assert write_scores(detector, [6], first=3) == [("A", "2024-01-01T03:00:00+00:00")]


def test_update_events_of_a_quiet_night(lake, detector, write_scores):
    assert write_scores(detector, [0, 1, 0]) == []
    assert len(stored(lake, EVENTS)) == 0


def test_update_events_leaves_the_events_of_others(lake, detector, write_scores, sine_panel):
    write_scores(detector, [5, 0, 0, 5])
    new = update_events(lake, "sensors", detector, sine_panel.calendar, scorer="another")
    assert new == []
    assert len(stored(lake, EVENTS)) == 2
