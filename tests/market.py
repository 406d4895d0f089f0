"""A small market that changes from night to night, made from a seed: what a crash is tried on.

Over four nights it has bad and halted rows, labels, a split whose source keeps only a part of the
history, a corrected row, corrected volumes, a series that fails and comes back, one that dies and
comes back, one that is newly listed and then dropped. Which series does what is drawn.
"""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.tables import FORECASTS, SCORES
from tests.fakes import FakeSource

PRICES = ["open", "high", "low", "close"]
FIRST_DAY = pd.Timestamp("2023-12-01", tz="UTC")  # the history lies in two years: two partitions
STEPS = (36, 37, 39, 40)
"""Steps that are over on each night."""
REST_BEGINS, DEAD_AFTER = 19, 20  # dead on the third night: 20 steps of 39 without a trade


class MarketSource(FakeSource):
    """Gives labels only with the rows that they stand at."""

    def fetch_rows(self, starts, *, end):
        fetched = super().fetch_rows(starts, end=end)
        key = ["series_id", "time"]
        given = self.labels.merge(fetched.rows[key].drop_duplicates(), on=key)
        return type(fetched)(fetched.rows, given, fetched.failures, fetched.transient)


class Market:
    """Rows, listing and failures of each night."""

    n_nights = len(STEPS)

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        roles = ("split", "tired", "late", "corrected", "resting", "calm", "new")
        names = [f"S{number}" for number in rng.permutation(len(roles))]
        self.name_of = dict(zip(roles, names, strict=True))
        self.kept_from = int(rng.integers(0, 5))  # first row of a split history that is given
        self.factor = float(rng.choice([2, 5, 10]))
        self.days = FIRST_DAY + pd.to_timedelta(np.arange(STEPS[-1]), unit="D")
        self.bars = pd.concat([self._walk(name, rng) for name in sorted(names)], ignore_index=True)
        self._rest("resting")
        self.bad = {
            "not_finite": ("calm", int(rng.integers(5, 30))),
            "halted": ("tired", int(rng.integers(5, 30))),
            "price_order": ("corrected", STEPS[1] - 1),
            "halted again": ("split", int(rng.integers(10, 30))),
            "not_finite again": ("late", STEPS[2] - 2),
        }
        self.labelled = [(name, int(step)) for name in names for step in rng.integers(5, 40, 3)]
        newest = (("calm", STEPS[1] - 1), ("split", STEPS[1] - 1), ("tired", STEPS[2] - 1))
        self.labelled += [(self.name_of[role], step) for role, step in newest]

    @property
    def dataset(self) -> DatasetConfig:
        return DatasetConfig(
            name="prices",
            source=SourceConfig(kind="fdr", market="KOSPI"),
            calendar="fixed",
            overlap_steps=5,
            dead_after_steps=DEAD_AFTER,
            max_failed_share=0.5,
        )

    def at(self, night: int) -> datetime:
        """Return three hours after the end of the night's last step."""
        return (self.days[STEPS[night] - 1] + timedelta(hours=27)).to_pydatetime()

    def source(self, night: int) -> MarketSource:
        """Return the source as it is on a night, from 0."""
        bars, name = self.bars.copy(), self.name_of
        for kind, (role, step) in self.bad.items():
            row = self._row(role, step)
            if kind.startswith("halted"):
                bars.loc[row, ["open", "high", "low", "volume"]] = 0.0
            elif kind.startswith("not_finite"):
                bars.loc[row, "close"] = np.nan
            else:
                bars.loc[row, "high"] = bars.loc[row, "low"] * 0.5
        if night >= 1:
            split = (bars["series_id"] == name["split"]) & (bars["time"] < self.days[STEPS[1] - 1])
            bars.loc[split, PRICES] /= self.factor
            latest = (bars["series_id"] == name["split"]) & ~split
            bars.loc[latest, PRICES] /= self.factor
            gone = (bars["series_id"] == name["split"]) & (bars["time"] < self.days[self.kept_from])
            bars = bars[~gone]
        if night >= 2:
            bars.loc[self._row("corrected", STEPS[1] - 3), PRICES] *= 1.02
            bars.loc[self._row("calm", STEPS[1] - 2), "volume"] += 7
        reasons, listing = {}, sorted(set(name.values()) - {name["new"]})
        if night == 1:
            reasons = {name["tired"]: "the host answered 503"}
        if night == 2:
            reasons = {name["late"]: "the host answered 404"}
        if night in (1, 2):
            listing = sorted(name.values())
        labels = pd.DataFrame(
            {
                "series_id": [label for label, _ in self.labelled],
                "time": self.days[[step for _, step in self.labelled]].as_unit("us"),
                "kind": "spike",
            }
        ).drop_duplicates()
        return MarketSource(
            bars[bars["time"] < self.days[0] + timedelta(days=STEPS[night])],
            labels=labels,
            reasons=reasons,
            transient=(name["tired"],),
            whole=False,
            listing=listing,
        )

    def made_after(self, night: int) -> tuple[tuple[object, pd.DataFrame], ...]:
        """Return the forecasts and scores of models after a night."""
        origins = self.days[STEPS[night] - 3 : STEPS[night]].as_unit("us")
        names = sorted(self.name_of.values())
        keys = [(name, time) for name in names for time in origins]
        made = {"run_id": "r", "model_version": "1", "data_version": 0, "stale": None}
        series = [name for name, _ in keys]
        times = pd.DatetimeIndex([time for _, time in keys]).as_unit("us")
        forecasts = pd.DataFrame({"series_id": series, "origin": times, "step": 1}).assign(
            time=times + timedelta(days=1), model="m", value=1.0, lower=0.0, upper=2.0
        )
        scores = pd.DataFrame({"series_id": series, "time": times, "mode": "causal"}).assign(
            scorer="s", score=1.0, threshold=2.0, feature="close", **made
        )
        forecasts = forecasts.assign(interval=0.9, last_value=1.0, **made)
        return (FORECASTS, forecasts), (SCORES, scores)

    def _walk(self, name: str, rng: np.random.Generator) -> pd.DataFrame:
        n = len(self.days)
        close = np.round(50_000 * np.exp(np.cumsum(np.clip(rng.normal(0, 0.02, n), -0.1, 0.1))))
        open_ = np.round(close * np.exp(rng.normal(0, 0.003, n)))
        frame = pd.DataFrame({"series_id": name, "time": self.days.as_unit("us"), "open": open_})
        return frame.assign(
            high=np.maximum(open_, close) + rng.integers(0, 300, n),
            low=np.minimum(open_, close) - rng.integers(0, 300, n),
            close=close,
            volume=rng.integers(1_000, 100_000, n).astype("float64"),
            repair=None,
            ingest_id="source",
        )

    def _rest(self, role: str) -> None:
        """Let a series rest until its last step: untraded, on one close."""
        rows = slice(self._row(role, REST_BEGINS), self._row(role, len(self.days) - 2))
        self.bars.loc[rows, PRICES] = self.bars.loc[rows.start - 1, "close"]
        self.bars.loc[rows, "volume"] = 0.0

    def _row(self, role: str, step: int) -> int:
        series = self.bars["series_id"] == self.name_of[role]
        return int(self.bars.index[series][step])
