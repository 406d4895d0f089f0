"""The quarantine: list what is held, and let rows through after all.

What is released is a step: the row is stored, and the rule that held it is waived for its series
and time from then on, also when the source corrects the values. The other rules still judge it. A
released row stays hidden as long as its step is stored; once the step is gone it is held again.
"""

import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import LakeError, shown
from pipelines_lib.ingestion.log import log_batch
from pipelines_lib.ingestion.restate import RESTATED
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.quality import (
    KEY,
    RELEASE_KEY,
    CheckedRows,
    Released,
    check_rows,
    find_released,
)
from pipelines_lib.series.rules import RULE_BY_NAME
from pipelines_lib.sources.rows import parse_numbers, parse_times
from pipelines_lib.tables import INGESTS, QUARANTINE, RELEASES, observations_table

PASSES_NOW, BY_HAND = "passes now", "by hand"
OLDER = "its step was given again later, and that version was judged"
STORED_MEANWHILE = "its step is stored meanwhile"
OTHER_BASIS = f"{RESTATED}: another basis, so release it by hand with --rule {RESTATED}"


@dataclass(frozen=True)
class Release:
    """What a release did."""

    released: int
    kept: dict[str, int]
    """Rows not stored, by the reason."""


def read_releases(lake: Lake, dataset: str) -> Released:
    """Return every step that was let through: series, rule and time."""
    rows = lake.read_rows(dataset, RELEASES, columns=RELEASE_KEY)
    return pd.MultiIndex.from_frame(rows)


def list_quarantine(
    lake: Lake, dataset: str, *, rule: str = "", series_id: str = ""
) -> pd.DataFrame:
    """Return the rows that are held, the newest first; empty text: all.

    Rows of a released step are left out while the step is stored.

    Raises:
        LakeError: No row was ever held for this rule or series.
    """
    rows = lake.read_rows(dataset, QUARANTINE)
    for name, wanted in (("rule", rule), ("series_id", series_id)):
        if wanted and not rows[name].eq(wanted).any():
            known = shown(sorted(rows[name].unique())) or "none at all"
            raise LakeError(
                f"dataset {dataset} has no row in quarantine with {name}={wanted!r} (it has "
                f"{known}): correct --{name.removesuffix('_id')}"
            )
        rows = rows[rows[name] == wanted] if wanted else rows
    settled = find_released(rows, read_releases(lake, dataset))
    if settled.any():
        settled[settled] = _find_stored(lake, dataset, rows[settled])
    held = rows[~settled]
    return held.sort_values("time", ascending=False, kind="stable", ignore_index=True)


def release_rows(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    rule: str = "",
    series_id: str = "",
    by_hand: bool = False,
    release_id: str,
    at: datetime,
) -> Release:
    """Judge the held rows by the rules as they are now, and store those that pass.

    Of several rows of one step, only the one that the newest ingest held is judged. A row stays
    where it is if its step is stored meanwhile with other values. One that is stored as it would
    be now is released: a release that was killed before it was written down ends so.

    Args:
        lake: Where the tables lie.
        dataset: The declaration, with the rules' parameters as they are now.
        rule: Only rows held by this rule; empty: all. Rows on another basis, `restated` or older
            than such a row of their step, stay unless this is `restated`, by hand.
        series_id: Only rows of this series; empty: all.
        by_hand: Waive the rule that held them, where a row can be stored in spite of it.
        release_id: Written beside the stored rows, as an ingest's id.
        at: The moment of the release, UTC.
    """
    held = list_quarantine(lake, dataset.name, rule=rule, series_id=series_id)
    kept: dict[str, int] = {}
    held = held.assign(came=_find_begins(lake, dataset.name, held))
    if not (by_hand and rule == RESTATED):  # no rule sees the basis that a row stands on
        old_basis = _find_old_basis(lake, dataset.name, held)
        _count(kept, pd.Series(OTHER_BASIS, index=held.index[old_basis]))
        held = held[~old_basis]
    waivable = [name for name, known in RULE_BY_NAME.items() if known.may_be_waived]
    if by_hand:
        storable = held["rule"].isin([*waivable, RESTATED])
        _count(kept, held[~storable]["rule"].map(lambda name: f"{name} cannot be waived"))
        held = held[storable]
    # Rows that `duplicate` held came before the one of the same ingest that counts.
    held = held.assign(last=held["rule"].ne("duplicate"))
    held = held.sort_values(["came", "last"], na_position="first", kind="stable")
    newest = held.groupby(KEY)["row"].transform("last") == held["row"]
    newest |= held["time"].isna()
    _count(kept, pd.Series(OLDER, index=held.index[~newest]))
    held = held[newest]
    once = held.drop_duplicates(["series_id", "row"])  # several rules may hold one row
    table = observations_table(dataset.columns)
    names = list(once["series_id"].unique())
    stored = lake.read_rows(dataset.name, table, series_ids=names).drop(columns="ingest_id")
    taken = _keys(once).isin(_keys(stored))
    waived = held[held["rule"] != RESTATED] if by_hand else held[:0]
    released = pd.concat([waived.assign(rule=name) for name in waivable])[RELEASE_KEY]

    def judge(rows: pd.DataFrame, neighbours: pd.DataFrame) -> CheckedRows:
        return check_rows(
            _parse_rows(rows, dataset),
            dataset=dataset,
            calendar=make_calendar(dataset),
            at=at,
            neighbours=neighbours,
            released=pd.MultiIndex.from_frame(released),
        )

    others = stored["series_id"].isin(once["series_id"][taken]) & ~_keys(stored).isin(_keys(once))
    old = judge(once[taken], stored[others])
    there = old.good.merge(stored)
    _count(kept, pd.Series(STORED_MEANWHILE, index=range(int(taken.sum()) - len(there))))
    new = judge(once[~taken], stored)
    _count(kept, new.quarantined["rule"].map(lambda name: f"{name}: {_reason(name)}"))
    if len(there) or len(new.good):
        # What is stored comes first: after a kill in between the rows are still held.
        lake.merge_rows(dataset.name, table, new.good.assign(ingest_id=release_id))
        done = _keys(pd.concat([there[KEY], new.good[KEY]]))
        broken = pd.concat([held, old.waived, new.waived])
        broken = broken[_keys(broken).isin(done)].drop_duplicates(RELEASE_KEY)
        why = BY_HAND if by_hand else PASSES_NOW
        lake.merge_rows(
            dataset.name,
            RELEASES,
            broken[[*RELEASE_KEY, "row"]].assign(at=pd.Timestamp(at).as_unit("us"), why=why),
        )
    if len(new.good):
        raw = _parse_rows(once[~taken], dataset)
        log_batch(lake, dataset, raw, ingest_id=release_id, at=at, source="release: quarantine")
    return Release(len(there) + len(new.good), kept)


def _find_stored(lake: Lake, dataset: str, rows: pd.DataFrame) -> np.ndarray:
    """Mark the rows whose step stands in observations (n,)."""
    steps = lake.read_rows(
        dataset,
        observations_table(()),
        columns=KEY,
        series_ids=list(rows["series_id"].unique()),
        start=rows["time"].min().to_pydatetime(),
        end=rows["time"].max().to_pydatetime(),
    )
    return _keys(rows).isin(_keys(steps))


def _find_begins(lake: Lake, dataset: str, held: pd.DataFrame) -> pd.Series:
    """Return when the ingest of each row began, NaT where no log knows it."""
    log = lake.read_rows(dataset, INGESTS, columns=["ingest_id", "at"])
    began = log.groupby("ingest_id")["at"].min()
    return pd.to_datetime(held["ingest_id"].map(began), utc=True)


def _find_old_basis(lake: Lake, dataset: str, held: pd.DataFrame) -> np.ndarray:
    """Mark rows that stand on the basis before a restatement (n,).

    They are the rows that it displaced, and older ones of the same steps.
    """
    displaced = lake.read_rows(dataset, QUARANTINE, equal={"rule": RESTATED})
    marked = held["rule"].eq(RESTATED).to_numpy()
    if len(displaced) and len(held):
        displaced = displaced.assign(came=_find_begins(lake, dataset, displaced))
        restated_at = displaced.groupby(KEY)["came"].max().reindex(_keys(held)).array
        older = ~(held["came"] >= restated_at).to_numpy()
        return marked | (_keys(held).isin(_keys(displaced)) & older)
    return marked


def _keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[KEY])


def _parse_rows(held: pd.DataFrame, dataset: DatasetConfig) -> pd.DataFrame:
    """Return held rows as they came: `series_id`, `time` and the value columns."""
    lines = [json.loads(row) for row in held["row"]]
    parsed = pd.DataFrame(lines, index=held.index, columns=["time", *dataset.columns])
    values = {name: parse_numbers(parsed[name]) for name in dataset.columns}
    times = parse_times(parsed["time"])
    return pd.DataFrame({"series_id": held["series_id"], "time": times, **values})


def _reason(rule: str) -> str:
    return RULE_BY_NAME[rule].reason


def _count(kept: dict[str, int], reasons: pd.Series) -> None:
    for reason, count in reasons.value_counts().items():
        kept[str(reason)] = kept.get(str(reason), 0) + int(count)
