"""Thresholds that walk forward: each block of steps is judged by the scores before it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.budget import alarms_within_budget, least_past
from pipelines_lib.anomaly.threshold_kinds import (
    MIN_SCORES,
    Conformal,
    Threshold,
    fit_threshold,
)
from pipelines_lib.config.detector import ThresholdConfig

__all__ = ["MIN_SCORES", "Judged", "Threshold", "apply_thresholds", "fit_threshold"]


@dataclass(frozen=True)
class Judged:
    """What scores were held against; all arrays are (N,), in the order of the scores."""

    threshold: np.ndarray
    """Infinite: no score is high enough; NaN: there were too few past scores to judge by."""
    p_value: np.ndarray
    anomalous: np.ndarray
    warning: str = ""
    """Why no step could be an alarm; empty: it could."""


@dataclass(frozen=True)
class _Scores:
    """Finite scores with where they belong."""

    score: np.ndarray
    position: np.ndarray
    series: np.ndarray

    def take(self, rows: np.ndarray) -> "_Scores":
        return _Scores(self.score[rows], self.position[rows], self.series[rows])


def apply_thresholds(
    scores: np.ndarray,
    *,
    position: np.ndarray,
    series: np.ndarray,
    past: np.ndarray,
    past_position: np.ndarray,
    past_series: np.ndarray,
    anchor: int,
    config: ThresholdConfig,
) -> Judged:
    """Judge scores, each by a threshold that was fitted on earlier ones only.

    Positions are cut into blocks of `refit_steps` that begin after `anchor`, whatever is given. A
    block is judged by all scores before it, of `past` and of `scores`: a night that gives its new
    scores, with all the others as `past`, gets the very numbers of one that gives everything as
    `scores`. With an alert budget the p-values are conformal, and a threshold is the score at
    which the p-value reaches the night's limit, for as many series as had scores before the block.

    Args:
        scores: To be judged (N,); NaN is no alarm.
        position: Calendar position of each score (N,).
        series: Number of the series of each score (N,).
        past: Scores to learn from as well (M,), in any order, NaN left out; none of `scores`.
            Those of the block that is judged, and later ones, are not looked at.
        past_position: Calendar position of each of them (M,).
        past_series: Number of the series of each of them (M,).
        anchor: Position of the last calibrated step.
        config: The threshold. With scope=series, a series that has fewer than 20 scores before a
            block is judged by those of all series.

    Returns:
        Thresholds, p-values, alarms. Where even all series have fewer than 20 scores before a
        block, threshold and p-value are NaN.
    """
    given = _Scores(np.asarray(scores, dtype="float64"), position, series)
    known = _Scores(
        np.append(past, given.score).astype("float64"),
        np.append(past_position, position),
        np.append(past_series, series),
    )
    known = known.take(np.flatnonzero(np.isfinite(known.score)))
    block = (position - anchor - 1) // config.refit_steps
    walk = _Walk(known, given.series, anchor + 1 + block * config.refit_steps, config)
    if config.alert_budget:
        return _judge_within_budget(given, walk, config)
    threshold, p_value = np.full((2, len(given.score)), np.nan)
    for rows, pool, breaks in walk.pools():
        fitted = fit_threshold(pool, config, breaks=breaks)
        threshold[rows] = fitted.value
        p_value[rows] = fitted.p_values(given.score[rows])
    return Judged(threshold, p_value, given.score > threshold)


def _judge_within_budget(given: _Scores, walk: "_Walk", config: ThresholdConfig) -> Judged:
    threshold, p_value = np.full((2, len(given.score)), np.nan)
    most = 0
    for rows, pool, _ in walk.pools():
        p_value[rows] = Conformal(pool).p_values(given.score[rows])
        most = max(most, len(pool))
    watched = walk.count_series()
    _, limit = alarms_within_budget(
        p_value,
        given.position,
        budget=config.alert_budget,
        method=config.budget_method,
        watched=watched,
    )
    # The limits of a night need the p-values of all its series: a second walk.
    for rows, pool, _ in walk.pools():
        threshold[rows] = Conformal(pool).values_at(limit[rows])
    warning = "" if np.isfinite(threshold).any() else _warn_of_few(given, watched, most, config)
    return Judged(threshold, p_value, given.score > threshold, warning)


def _warn_of_few(given: _Scores, watched: np.ndarray, most: int, config: ThresholdConfig) -> str:
    """Return why no step can be an alarm; empty: there was none to judge."""
    if len(watched) == 0:
        return ""
    _, sizes = np.unique(given.position, return_counts=True)
    m = int(max(watched.max(), sizes.max()))
    least = least_past(config.alert_budget, m, config.budget_method)
    return (
        f"no step can be an alarm: a budget of {config.alert_budget:g} false alarms a night over "
        f"{m:,} series needs {least:,} past scores and there are {most:,}; ingest more history, or "
        "raise split.calibration_steps or the budget"
    )


@dataclass(frozen=True)
class _Walk:
    """The pools of past scores that blocks are judged by."""

    known: _Scores
    series: np.ndarray
    """Of each judged score."""
    first: np.ndarray
    """First position of the block of each judged score."""
    config: ThresholdConfig

    def count_series(self) -> np.ndarray:
        """Return how many series have scores before the block of each judged score, at least 1."""
        order = np.lexsort((self.known.position, self.known.series))
        _, begins = np.unique(self.known.series[order], return_index=True)
        earliest = np.sort(self.known.position[order][begins])
        return np.maximum(np.searchsorted(earliest, self.first), 1)

    def pools(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield judged rows with the scores before their block: at least 20, else none.

        Scores are sorted, which makes them the same whatever order they came in; for hundman they
        are in order of time, series by series, with their breaks.
        """
        rows = np.arange(len(self.series))
        if self.config.scope == "series":
            few = [rows[:0]]
            for mine, known in self._by_series():
                for found in self._walk(mine, known):
                    if len(found[1]) >= MIN_SCORES:
                        yield found
                    else:
                        few.append(found[0])
            rows = np.concatenate(few)
        for found in self._walk(rows, self.known):
            if len(found[1]) >= MIN_SCORES:
                yield found

    def _by_series(self) -> Iterator[tuple[np.ndarray, _Scores]]:
        rows = np.argsort(self.series, kind="stable")
        if len(rows) == 0:
            return
        numbers, starts = np.unique(self.series[rows], return_index=True)
        order = np.argsort(self.known.series, kind="stable")
        among = self.known.series[order]
        lows, highs = (np.searchsorted(among, numbers, side=side) for side in ("left", "right"))
        for mine, low, high in zip(np.split(rows, starts[1:]), lows, highs, strict=True):
            yield mine, self.known.take(order[low:high])

    def _walk(
        self, rows: np.ndarray, known: _Scores
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield the rows of each block with the scores that are known before it."""
        rows = rows[np.argsort(self.first[rows], kind="stable")]
        firsts, starts = np.unique(self.first[rows], return_index=True)
        blocks = zip(np.split(rows, starts[1:]), firsts, strict=True) if len(rows) else ()
        if self.config.kind == "hundman" and not self.config.alert_budget:
            known = known.take(np.lexsort((known.position, known.series)))
            follows = np.diff(known.position, prepend=0) == 1
            breaks = ~follows | (np.diff(known.series, prepend=-1) != 0)
            for block, first in blocks:
                before = known.position < first
                yield block, known.score[before], breaks[before]
            return
        known = known.take(np.argsort(known.position, kind="stable"))
        pool, taken = known.score[:0], 0
        for block, first in blocks:
            end = int(np.searchsorted(known.position, first))
            # A stable sort merges the sorted pool with what is new in one pass.
            new = np.sort(known.score[taken:end])
            pool, taken = np.sort(np.append(pool, new), kind="stable"), end
            yield block, pool, None
