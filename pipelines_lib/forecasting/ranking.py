"""Whether forecasts order the series of a day as they turn out: rank correlation across series.

Shapes: W windows, H horizon, D days, K series of a day at most.
"""

import numpy as np
from scipy import stats

from pipelines_lib.forecasting.metrics import MODEL, Judged
from pipelines_lib.forecasting.significance import mean_test

MIN_SERIES = 5
"""Series that a day needs for its order to mean anything."""
STEPS_AT_ONCE = 32


def rank_metrics(judged: Judged) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Compute the daily rank correlation of every method: over all steps, and by step (H,).

    `rank_correlation` is the mean over days of a day's mean over steps, `rank_correlation_t` its
    t-statistic and `..._p` that one's p-value (days whose windows overlap count as such);
    `..._step_1` the same of the first step alone. A method is left out where it orders nothing: too
    few series a day, or no change.
    """
    cube = _lay_out(judged)
    metrics: dict[str, float] = {}
    by_step: dict[str, np.ndarray] = {}
    if cube is None:
        return metrics, by_step
    for name, daily in _rank_correlations(judged, cube).items():
        known = ~np.isnan(daily)
        if not known.any():
            continue
        prefix = "" if name == MODEL else f"{name}_"
        total, count = np.where(known, daily, 0), known
        by_step[f"{prefix}rank_correlation"] = np.divide(
            total.sum(axis=0),
            count.sum(axis=0),
            out=np.full(daily.shape[1], np.nan),
            where=count.any(axis=0),
        )
        days = known.any(axis=1)
        mean = total[days].sum(axis=1) / count[days].sum(axis=1)
        first = daily[known[:, 0], 0]
        for end, values, reach in (
            ("", mean, judged.reach),
            ("_step_1", first, int(judged.ahead[0])),
        ):
            if len(values):
                metrics[f"{prefix}rank_correlation{end}"] = float(values.mean())
            statistic, p = mean_test(values, overlap=reach)
            if statistic is not None and p is not None and np.isfinite(statistic):
                metrics[f"{prefix}rank_correlation{end}_t"] = statistic
                metrics[f"{prefix}rank_correlation{end}_p"] = p
        if name == MODEL:
            metrics["rank_origins"] = float(days.sum())
    return metrics, by_step


def _lay_out(judged: Judged) -> np.ndarray | None:
    """Return the windows of each day that has enough series (D, K), -1 where it has no more."""
    usable = np.flatnonzero(~np.isnan(judged.unit))
    order = usable[np.argsort(judged.position[usable], kind="stable")]
    _, first, count = np.unique(judged.position[order], return_index=True, return_counts=True)
    enough = count >= MIN_SERIES
    if not enough.any():
        return None
    column = np.arange(count[enough].max())
    inside = column < count[enough][:, None]
    at = np.where(inside, first[enough][:, None] + column, 0)
    return np.where(inside, order[at], -1)


def _rank_correlations(judged: Judged, cube: np.ndarray) -> dict[str, np.ndarray]:
    """Return each method's Spearman correlation of forecast change and realised change (D, H).

    Changes are relative to the last value where all values are positive, as prices are; else in
    units of the series' own. NaN where one of the two is the same for every series.
    """
    relative = bool((judged.last > 0).all() and (judged.actual > 0).all())
    unit = judged.last if relative else judged.unit

    def ranks(values: np.ndarray, steps: slice) -> np.ndarray:
        change = (values[:, steps] - judged.last[:, None]) / unit[:, None]
        # Absent series rank last, all alike, and so change no other's rank.
        laid = np.where(inside, change[cube], np.inf)
        return np.where(inside, stats.rankdata(laid, axis=1) - middle, 0.0)

    inside = (cube >= 0)[:, :, None]
    middle = (inside.sum(axis=1, keepdims=True) + 1) / 2
    parts: dict[str, list[np.ndarray]] = {name: [] for name in judged.forecasts}
    for begin in range(0, len(judged.ahead), STEPS_AT_ONCE):  # bounds the memory
        steps = slice(begin, begin + STEPS_AT_ONCE)
        theirs = ranks(judged.actual, steps)
        for name, made in judged.forecasts.items():
            ours = ranks(made, steps)
            spread = (ours**2).sum(axis=1) * (theirs**2).sum(axis=1)
            unknown = np.full_like(spread, np.nan)
            agreed = (ours * theirs).sum(axis=1)
            parts[name].append(np.divide(agreed, np.sqrt(spread), out=unknown, where=spread > 0))
    return {name: np.concatenate(daily, axis=1) for name, daily in parts.items()}
