"""From scaled series to scores: errors of the parts, smoothed, each by how far it stands out.

Shapes: N rows, S series, F features, R rows that are scored, P parts.
"""

from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.fusion import Past, fuse, stand_out, stand_out_of_all
from pipelines_lib.anomaly.parts import Part, Stretch
from pipelines_lib.anomaly.parts.base import covering
from pipelines_lib.anomaly.smoothing import centred_mean, trailing_mean

LEVELS = ("shift", "robust_z")
"""Parts that look over many steps by themselves: not smoothed in causal mode."""


@dataclass(frozen=True)
class Scored:
    """Scores of the rows asked for, in row order.

    `rows` (R,): their row numbers. `score` (R,): NaN where nothing can be said. `terms` (R, P):
    what each part adds to it. `alone` (R, P): the score that each part has alone. `feature` (R,):
    number of the feature that is most wrong in the part that adds most. `pasts`: each part's,
    after them.
    """

    rows: np.ndarray
    score: np.ndarray
    terms: np.ndarray
    alone: np.ndarray
    feature: np.ndarray
    pasts: dict[str, Past]


def score_stretch(
    stretch: Stretch,
    due: np.ndarray,
    *,
    parts: dict[str, Part],
    weights: dict[str, float],
    pasts: dict[str, Past],
) -> Scored:
    """Score the rows that are due.

    causal: an error is averaged over the last half of the smoothing, and stands out from all errors
    before it: those of `pasts`, and of the due rows. retrospective: averaged twice over one and a
    half times the smoothing, around it, and stands out from all errors of its series.

    Args:
        stretch: The series, with the history that the parts need.
        due: Rows to score (N,); in causal mode the first one of a series follows its past.
        parts: The fitted parts, by name.
        weights: Weight of each part in the score, by name; parts without one are scored alone.
        pasts: Earlier errors of each part, of the stretch's series; ignored in retrospective mode.
    """
    due = due & (stretch.run > 0)  # a mean over the steps before would speak for a missing one
    rows = np.flatnonzero(due)
    deviations = np.full((len(rows), len(parts)), np.nan)
    strongest = np.zeros((len(rows), len(parts)), dtype=int)
    after = {}
    series = stretch.row_series[rows]
    for number, (name, part) in enumerate(parts.items()):
        by_feature = smoothed_errors(stretch, due, part)
        strongest[:, number] = np.nan_to_num(by_feature[rows], nan=-1.0).argmax(axis=1)
        error = by_feature.mean(axis=1)
        if stretch.mode == "retrospective":
            deviations[:, number] = stand_out_of_all(error, series=stretch.row_series)[rows]
            after[name] = pasts[name]
        else:
            deviations[:, number], after[name] = stand_out(
                error[rows], series=series, past=pasts[name]
            )
    weight = np.array([weights.get(name, 0.0) for name in parts])
    score, terms = fuse(deviations, weight)
    alone = np.log1p(np.maximum(deviations, 0.0))
    feature = strongest[np.arange(len(rows)), terms.argmax(axis=1)]
    return Scored(rows, score, terms, alone, feature, after)


def smoothed_errors(stretch: Stretch, due: np.ndarray, part: Part) -> np.ndarray:
    """Return a part's errors (N, F), averaged over steps; those that are not due may be NaN."""
    steps = stretch.window.smoothing_steps
    if stretch.mode == "retrospective":
        steps = 1 if steps == 1 else round(1.5 * steps)
        errors = part.errors(stretch, np.ones(len(due), dtype=bool))
        for _ in range(2):  # two boxes make a triangle: neighbours count more than far steps
            errors = centred_mean(errors, steps, offsets=stretch.offsets)
        return errors
    steps = 1 if part.name in LEVELS else (steps + 1) // 2
    errors = part.errors(stretch, covering(due, before=steps - 1, after=0))
    return trailing_mean(errors, steps, in_series=stretch.in_series)
