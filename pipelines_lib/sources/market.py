"""A made-up stock market: bars that cluster, halt and split as a real feed's do, labels included.

Returns share a market factor; both it and each share's own part follow GARCH(1,1) with Student-t
shocks. What a series draws depends on its number alone, not on how many others there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines_lib.config import BAR_COLUMNS, DatasetConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.market_events import (
    MAX_MOVE,
    Script,
    break_one_row,
    burst_ranges,
    burst_volumes,
    halt_bars,
    jump_returns,
    make_script,
)
from pipelines_lib.sources.rows import refuse_unknown
from pipelines_lib.sources.synthetic import make_fetched, make_series_frame, make_times

ALPHA, BETA = 0.12, 0.85
"""GARCH(1,1): weight of yesterday's squared shock and of yesterday's variance."""
MAX_CLUSTER = 1.7
"""Volatility stays below this multiple of its long-run level, so that a jump stands out."""
MARKET_VOLATILITY = 0.009
DEGREES = 5
"""Degrees of freedom of the shocks' Student-t."""
MAX_SHOCK = 5.0
MIN_PRICE = 100


@dataclass(frozen=True)
class Share:
    """What is fixed for one series, and its draws, one row a step: (n_steps, 6)."""

    level: float
    volatility: float
    exposure: float
    turnover: float
    shocks: np.ndarray
    draws: np.ndarray
    script: Script


class MarketSource:
    """Open, high, low, close and volume of shares SYN001, SYN002, ..."""

    whole = True

    def __init__(self, dataset: DatasetConfig) -> None:
        others = [name for name in dataset.columns if name not in BAR_COLUMNS]
        if others:
            raise SourceError(
                f"synthetic-market has no column {', '.join(others)}: "
                f"declare kind=bars, or value_columns among {', '.join(BAR_COLUMNS)}"
            )
        self._dataset = dataset

    def describe(self) -> str:
        """Return kind, size and seed in a few words."""
        source = self._dataset.source
        return f"synthetic-market: {source.n_series} x {source.n_steps} steps, seed {source.seed}"

    def list_series(self) -> list[str]:
        """Return the ids of all series, sorted."""
        return sorted(self._numbers)

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        """Make the bars and labels of each series from its start to `end`, both inclusive."""
        failures = refuse_unknown(starts, self.list_series())
        asked = [series_id for series_id in starts if series_id not in failures]
        times = make_times(self._dataset)
        shares = [self._make_share(self._numbers[series_id]) for series_id in asked]
        returns, volatility = self._make_returns(shares)
        rows, labels = [], []
        for i, (series_id, share) in enumerate(zip(asked, shares, strict=True)):
            bars = _make_bars(share, returns[:, i], volatility[:, i])
            first = share.script.listed_at
            kept = {name: bars[name][first:] for name in self._dataset.columns}
            rows.append(make_series_frame(series_id, times[first:], **kept))
            steps, kinds = list(share.script.anomalies), list(share.script.anomalies.values())
            labels.append(make_series_frame(series_id, times[steps], kind=kinds))
        return make_fetched(
            rows, labels, dataset=self._dataset, failures=failures, starts=starts, end=end
        )

    @property
    def _numbers(self) -> dict[str, int]:
        return {f"SYN{i + 1:03d}": i for i in range(self._dataset.source.n_series)}

    def _make_share(self, number: int) -> Share:
        source = self._dataset.source
        rng = np.random.default_rng(np.random.SeedSequence([source.seed, number + 1]))
        level, volatility, exposure, turnover = rng.uniform(size=4)
        return Share(
            level=3_000 * 300**level,
            volatility=0.010 + 0.007 * volatility,
            exposure=0.8 + 0.5 * exposure,
            turnover=50_000 * 40**turnover,
            shocks=_draw_shocks(rng, source.n_steps),
            draws=np.random.default_rng(
                np.random.SeedSequence([source.seed, number + 1, 1])
            ).standard_normal((source.n_steps, 6)),
            script=make_script(number, source),
        )

    def _make_returns(self, shares: Sequence[Share]) -> tuple[np.ndarray, np.ndarray]:
        """Return log returns and their volatility before the fact, both (n_steps, shares)."""
        source = self._dataset.source
        market_rng = np.random.default_rng(np.random.SeedSequence([source.seed, 0]))
        shocks = np.column_stack(
            [_draw_shocks(market_rng, source.n_steps), *(share.shocks for share in shares)]
        )
        base = np.array([MARKET_VOLATILITY, *(share.volatility for share in shares)])
        exposure = np.array([share.exposure for share in shares])
        moves, sigma = _cluster(shocks, base)
        returns = 0.0002 + exposure * moves[:, :1] + moves[:, 1:]
        limit = np.log1p(-MAX_MOVE)
        return np.clip(returns, limit, -limit / 2), np.hypot(exposure * sigma[:, :1], sigma[:, 1:])


def _draw_shocks(rng: np.random.Generator, n_steps: int) -> np.ndarray:
    """Draw Student-t shocks of unit variance (n_steps,), none so large that it needs a label."""
    shocks = rng.standard_t(DEGREES, n_steps) * np.sqrt((DEGREES - 2) / DEGREES)
    return np.clip(shocks, -MAX_SHOCK, MAX_SHOCK)


def _cluster(shocks: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn unit shocks (n_steps, k) into moves whose variance follows GARCH(1,1) around `base`."""
    sigma = np.empty_like(shocks)
    variance = base**2
    for step, shock in enumerate(shocks):
        sigma[step] = np.sqrt(variance)
        variance = (1 - ALPHA - BETA) * base**2 + (ALPHA * shock**2 + BETA) * variance
        variance = np.minimum(variance, (MAX_CLUSTER * base) ** 2)
    return shocks * sigma, sigma


def _make_bars(share: Share, returns: np.ndarray, volatility: np.ndarray) -> dict[str, np.ndarray]:
    """Return integer open, high, low, close and volume, each (n_steps,) float64."""
    script, draws = share.script, share.draws
    returns = jump_returns(np.where(script.halted, 0.0, returns), volatility, script)
    close = np.maximum(np.round(share.level * np.exp(np.cumsum(returns))), MIN_PRICE)
    before = np.concatenate([close[:1], close[:-1]])
    lowest, highest = np.ceil(before * (1 - MAX_MOVE)), np.floor(before * (1 + MAX_MOVE))
    open_ = np.round(before * np.exp(0.3 * returns + 0.3 * volatility * draws[:, 0]))
    open_ = np.clip(open_, lowest, highest)
    reach = 0.5 * volatility[:, None] * np.abs(draws[:, 1:3])
    high = np.ceil(np.maximum(open_, close) * (1 + reach[:, 0]))
    low = np.floor(np.minimum(open_, close) * (1 - reach[:, 1]))
    stir = 0.25 * np.abs(returns) / volatility
    volume = np.ceil(share.turnover * np.exp(0.35 * draws[:, 3] + np.minimum(stir, 1.0)))
    bars = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    bars["volume"] = burst_volumes(volume * script.volume_factor, script)
    burst_ranges(bars, script)
    bars["high"] = np.maximum(np.minimum(bars["high"], highest), np.maximum(open_, close))
    bars["low"] = np.minimum(np.maximum(bars["low"], lowest), np.minimum(open_, close))
    halt_bars(bars, script)
    break_one_row(bars, script)
    return bars
