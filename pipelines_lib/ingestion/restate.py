"""Notice a history that its source has changed: a split, a later adjustment, a correction.

Fetched rows are compared with the stored ones of the same step. Volume alone is no reason: it is
corrected until the next morning, and stays as the source gives it.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.ingestion.report import Restatement
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import naive_times
from pipelines_lib.series.rules import PRICES
from pipelines_lib.tables import FORECASTS, OBSERVATIONS_KEY, RESTATEMENTS, SCORES

RESTATED = "restated"
RESTATED_REASON = (
    "the source has restated the history after this row, and no longer gives the row itself: it "
    "stands on another basis"
)
SAME = 1e-6
"""Values that differ by less than this fraction are one value, told in fewer digits."""
FRONT = 3
"""Compared rows next to a row that must all have changed for it to stand on another basis."""
MOST_DISPLACED = 0.2
"""Share of the stored steps that a restated history may leave out."""


@dataclass(frozen=True)
class Comparison:
    """Stored rows beside fetched ones.

    `pairs` has a row for each step in both: `series_id`, `time`, `factor` (new over old target),
    `changed`. `left_over` has the stored rows that the source no longer gives, in the span and
    before it, of the series that it gave rows of.
    """

    pairs: pd.DataFrame
    left_over: pd.DataFrame

    def restatements(self) -> list[Restatement]:
        """Return a restatement for each series with a changed row."""
        changed = self.pairs[self.pairs["changed"]]
        return [_restatement(str(name), rows) for name, rows in changed.groupby("series_id")]

    def rows_on_another_basis(self) -> pd.DataFrame:
        """Return the stored rows that the source no longer gives and whose history was restated.

        A row counts when the compared rows that follow it have all changed, or, where none
        follows, those before it: it would stand at the old scale beside new rows at another.
        """
        if len(self.left_over) == 0 or not self.pairs["changed"].any():
            return self.left_over[:0]
        following = _near(self.left_over, self.pairs.iloc[::-1], direction="forward")
        preceding = _near(self.left_over, self.pairs, direction="backward")
        rebased = np.where(np.isnan(following), preceding, following) == 1
        return self.left_over[rebased].reset_index(drop=True)


def _near(rows: pd.DataFrame, pairs: pd.DataFrame, *, direction: str) -> np.ndarray:
    """Return 1 where the FRONT pairs nearest to a row have all changed, NaN where there is none.

    `pairs` come with those nearest to a row last: in reverse order of time to look forward.
    """
    runs = pairs.groupby("series_id")["changed"].rolling(FRONT, min_periods=1).min()
    changed = pairs.assign(run=runs.reset_index(level=0, drop=True).reindex(pairs.index))
    joined = pd.merge_asof(
        rows[list(OBSERVATIONS_KEY)].assign(place=np.arange(len(rows))).sort_values("time"),
        changed.sort_values("time")[["series_id", "time", "run"]],
        on="time",
        by="series_id",
        direction=direction,  # type: ignore[arg-type]
    )
    return joined.sort_values("place")["run"].to_numpy(dtype="float64")


def find_short(
    compared: "Comparison", displaced: pd.DataFrame, *, start: date | None
) -> dict[str, str]:
    """Return the series of which a restated history leaves out too much to be believed, and why.

    A window of the source that slides on leaves out a few rows at the front; an answer that breaks
    off leaves out most of them. What lies before `start` is not asked for.
    """
    asked = displaced
    if start is not None:
        asked = displaced[displaced["time"] >= pd.Timestamp(start, tz="UTC")]
    missing = asked.groupby("series_id").size()
    given = compared.pairs.groupby("series_id").size().reindex(missing.index)
    stored = missing + given.fillna(0)
    short = missing[missing > MOST_DISPLACED * stored]
    return {
        str(name): (
            f"its history has changed, and the new one lacks {short[name]:,.0f} of "
            f"{stored[name]:,.0f} stored steps: it was not taken, and is asked for again; if its "
            "source keeps no more, set start to the first day that it gives"
        )
        for name in short.index
    }


def compare_rows(
    fetched: pd.DataFrame, stored: pd.DataFrame, *, dataset: DatasetConfig
) -> Comparison:
    """Compare fetched rows with the stored rows of the same series.

    Args:
        fetched: Judged rows: `series_id`, `time`, value columns; sorted, one row a key.
        stored: Stored rows of these series in the same form.
        dataset: Its declaration: which columns count.
    """
    names = pd.Index(fetched["series_id"].unique())
    stored = stored[stored["series_id"].isin(names)].reset_index(drop=True)
    new_key, old_key = _keys(fetched, names), _keys(stored, names)
    order = np.argsort(new_key, kind="stable")
    place = np.searchsorted(new_key[order], old_key)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else place
    in_both = new_key[place] == old_key if len(order) else np.zeros(len(old_key), dtype=bool)
    columns = PRICES if dataset.kind == "bars" else list(dataset.columns)
    old = stored.loc[in_both, columns].to_numpy()
    new = fetched[columns].to_numpy()[place[in_both]]
    target = columns.index(dataset.target) if dataset.target in columns else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = new[:, target] / old[:, target]
    pairs = stored.loc[in_both, list(OBSERVATIONS_KEY)].assign(
        factor=factor,
        changed=~np.isclose(new, old, rtol=SAME, atol=0).all(axis=1),
    )
    return Comparison(pairs.reset_index(drop=True), stored[~in_both].reset_index(drop=True))


def _keys(rows: pd.DataFrame, names: pd.Index) -> np.ndarray:
    """Return one number for each series and time: text compares slowly."""
    code = names.get_indexer(pd.Index(rows["series_id"])).astype("int64")
    seconds = naive_times(rows["time"]).astype("datetime64[s]").astype("int64")
    return (code << 40) + (seconds + (1 << 38))


def _restatement(series_id: str, changed: pd.DataFrame) -> Restatement:
    factor = changed["factor"]
    moved = factor[np.isfinite(factor) & (np.abs(factor - 1) > SAME)]
    factor = moved if len(moved) else pd.Series([1.0])  # another column than the target changed
    return Restatement(
        series_id,
        changed["time"].min().to_pydatetime(),
        changed["time"].max().to_pydatetime(),
        len(changed),
        float(factor.median()),
        float(factor.min()),
        float(factor.max()),
    )


def read_restatements(lake: Lake, dataset: str, *, ingest_id: str) -> dict[str, Restatement]:
    """Return what an ingest has noted as restated, by series."""
    rows = lake.read_rows(dataset, RESTATEMENTS, equal={"ingest_id": ingest_id})
    fields = [field.name for field in dataclasses.fields(Restatement)]
    found = (Restatement(*row) for row in rows[fields].itertuples(index=False))
    return {restated.series_id: restated for restated in found}


def count_stale(lake: Lake, dataset: str, *, ingest_id: str) -> int:
    """Count the forecasts and scores that are stale because of an ingest."""
    because = {"stale": ingest_id}
    counts = (lake.count_rows(dataset, table, equal=because).sum() for table in (FORECASTS, SCORES))
    return int(sum(counts))


def note_restatements(
    lake: Lake,
    dataset: str,
    restated: Sequence[Restatement],
    *,
    old_version: int,
    ingest_id: str,
    at: datetime,
) -> None:
    """Write down what was restated, and mark what was made on it as stale.

    This comes before the new history: an ingest that is killed in between finds the restatement
    again, while one killed after it would not.
    """
    if not restated:
        return
    rows = _timed(pd.DataFrame([vars(found) for found in restated]))
    # One that is written already belongs to an ingest that was killed before its new history.
    written = lake.read_rows(dataset, RESTATEMENTS).drop_duplicates("series_id", keep="last")
    known = pd.MultiIndex.from_frame(written[list(rows.columns)])
    again = pd.MultiIndex.from_frame(rows).isin(known)
    lake.merge_rows(
        dataset,
        RESTATEMENTS,
        rows[~again].assign(ingest_id=ingest_id, at=at, old_version=old_version),
    )
    since = {found.series_id: found.first_time for found in restated}
    lake.mark_stale(dataset, FORECASTS, since, ingest_id=ingest_id, by="origin")
    lake.mark_stale(dataset, SCORES, since, ingest_id=ingest_id, by="time")


def _timed(rows: pd.DataFrame) -> pd.DataFrame:
    times = {
        name: pd.to_datetime(rows[name], utc=True).astype("datetime64[us, UTC]")
        for name in ("first_time", "last_time")
    }
    return rows.assign(**times)
