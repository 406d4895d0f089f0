"""The canary: what comes later does not change one bit of a causal score."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.scoring import score_stretch
from tests.pipelines_lib.anomaly.conftest import PARTS, START

KNOWN_UNTIL = 395
THRESHOLDS = {
    "fixed": {"k": 1.0},
    "conformal": {"kind": "conformal", "risk": 0.02, "refit_steps": 5},
    "of each series": {"kind": "quantile", "scope": "series", "refit_steps": 5},
    "budget": {"alert_budget": 0.5, "refit_steps": 5},
    "hundman": {"kind": "hundman", "refit_steps": 5},
}


def change_later(panel, step):
    """Return the panel with other values after a step."""
    first = panel.position.min()
    later = panel.position > first + step
    values = np.where(later[:, None], 50 - 3 * panel.values, panel.values)
    return replace(panel, values=values)


def score(fitted, panel):
    frame, _, _ = fitted.detector.score_panel(panel, since=fitted.since(panel))
    return frame


def until(frame, step):
    return frame[frame["time"] <= START + pd.Timedelta(hours=step)].reset_index(drop=True)


@pytest.mark.parametrize("kind", THRESHOLDS)
def test_later_values_change_no_bit_of_what_was_said(every_part, kind):
    fitted = every_part.with_threshold(**THRESHOLDS[kind])
    panel = fitted.panel()
    ours, theirs = score(fitted, panel), score(fitted, change_later(panel, KNOWN_UNTIL))
    before = until(ours, KNOWN_UNTIL)
    # A lacks step 375, C ends at 389, and the new one has its 90 steps at 389.
    assert before["series_id"].value_counts().to_dict() == {"A": 36, "B": 37, "C": 31, "new": 6}
    assert before["anomalous"].any()
    pd.testing.assert_frame_equal(before, until(theirs, KNOWN_UNTIL), check_exact=True)
    assert (ours["score"] != theirs["score"])[ours["time"] > before["time"].max()].all()


@pytest.mark.parametrize("kind", THRESHOLDS)
@pytest.mark.parametrize("newest", [370, 391, 394])
def test_steps_that_are_not_there_yet_change_no_bit(every_part, newest, kind):
    fitted = every_part.with_threshold(**THRESHOLDS[kind])
    whole, short = score(fitted, fitted.panel()), score(fitted, fitted.panel(newest))
    pd.testing.assert_frame_equal(until(whole, newest), short, check_exact=True)


@pytest.mark.parametrize("name", PARTS)
def test_no_part_knows_what_follows(every_part, name):
    detector, panel = every_part.detector, every_part.panel()
    changed = change_later(panel, KNOWN_UNTIL)
    due = np.ones(len(panel.position), dtype=bool)

    def terms(panel):
        stretch = detector.make_stretch(panel)
        scored = score_stretch(
            stretch,
            due,
            parts={name: detector.parts[name]},
            weights={name: 1.0},
            pasts=detector.pasts_of(panel.series_ids),
        )
        said = np.concatenate([scored.terms, scored.alone, scored.feature[:, None]], axis=1)
        return scored.rows, said

    # The scaler of a new series is made of its first 60 steps, of which all are known here.
    (rows, ours), (_, theirs) = terms(panel), terms(changed)
    early = panel.position[rows] <= panel.position.min() + KNOWN_UNTIL
    assert np.isfinite(ours[early]).sum() > 2 * early.sum()
    np.testing.assert_array_equal(ours[early], theirs[early])
    assert (ours[~early] != theirs[~early]).any(axis=1).mean() > 0.5


def test_retrospective_scores_do_change(fit_every_part):
    fitted = fit_every_part(1, mode="retrospective")
    panel = fitted.panel()
    ours, theirs = score(fitted, panel), score(fitted, change_later(panel, KNOWN_UNTIL))
    ours, theirs = until(ours, KNOWN_UNTIL), until(theirs, KNOWN_UNTIL)
    assert set(ours["mode"]) == {"retrospective"}
    assert len(ours) > 100
    assert (ours["score"] != theirs["score"]).mean() > 0.2
