"""What a detector saw of an event."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.explain import STEPS_AFTER, STEPS_BEFORE, DetectorView, explain_event
from tests.pipelines_lib.anomaly.conftest import PARTS, START


def at(step) -> pd.Timestamp:
    return START + pd.Timedelta(hours=step)


@pytest.fixture(scope="module")
def explained(fit_every_part):
    """Return the rows of a detector with a bump in B, column c1, and the explanation of it."""
    fitted = fit_every_part(2)
    rows = fitted.rows.copy()
    hour = (rows["time"] - START) / pd.Timedelta(hours=1)
    rows.loc[(rows["series_id"] == "B") & hour.between(380, 384), "c1"] += 6.0
    fitted = replace(fitted, rows=rows)
    panel = fitted.panel()
    scores, _, _ = fitted.detector.score_panel(panel, since=fitted.since(panel))
    scores = scores[scores["series_id"] == "B"]
    peak = scores.loc[scores["score"].idxmax()]
    event = {
        "series_id": "B",
        "start": at(380),
        "end": at(384),
        "peak": peak["time"],
        "features": peak["feature"],
    }
    view = DetectorView(fitted.detector, panel)
    return fitted, peak, explain_event(view, event, scores[["time", "score", "threshold"]])


def test_explain_event_shows_the_steps_around_it_in_the_data_s_units(explained):
    fitted, _, explanation = explained
    hours = (explanation.time - np.datetime64("2024-01-01", "us")) / np.timedelta64(1, "h")
    assert hours.tolist() == list(range(380 - STEPS_BEFORE, 384 + STEPS_AFTER + 1))
    rows = fitted.rows[fitted.rows["series_id"] == "B"].set_index("time")["c1"]
    expected = rows.reindex(pd.DatetimeIndex(explanation.time).tz_localize("UTC"))
    assert (explanation.series_id, explanation.column) == ("B", "c1")
    np.testing.assert_allclose(explanation.value, expected.to_numpy())


def test_explain_event_shows_what_was_expected_of_them(explained):
    _, _, explanation = explained
    for made in (explanation.forecast, explanation.reconstruction):
        assert np.isfinite(made).all()
    low, high = explanation.lower, explanation.upper
    assert (low < high).all()
    bump = slice(STEPS_BEFORE, STEPS_BEFORE + 2)
    assert (explanation.value[bump] > high[bump]).all()
    inside = (low < explanation.value) & (explanation.value < high)
    assert inside[:STEPS_BEFORE].mean() == pytest.approx(0.9, abs=0.08)


def test_explain_event_shows_the_scores_that_are_stored(explained):
    _, peak, explanation = explained
    known = np.isfinite(explanation.score)
    assert not known[: 359 - 260].any()
    assert known[359 - 260 :].all()
    assert explanation.score[known].max() == peak["score"]
    assert explanation.peak == np.datetime64(peak["time"].tz_localize(None), "us")


def test_explain_event_tells_the_shares_of_parts_and_features(explained):
    _, peak, explanation = explained
    assert list(explanation.parts) == PARTS
    assert sum(explanation.parts.values()) == pytest.approx(100)
    assert max(explanation.parts, key=explanation.parts.get) == peak["part"]
    assert sum(explanation.features.values()) == pytest.approx(100)
    assert explanation.features["c1"] > 80
