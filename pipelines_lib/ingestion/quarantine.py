"""The quarantine: list what is held, and let rows through after all.

A row is released for good: the release is kept, so that the same row passes when its source gives
it again.
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
from pipelines_lib.series.quality import KEY, Released, check_rows
from pipelines_lib.series.rules import RULE_BY_NAME
from pipelines_lib.sources.rows import parse_numbers, parse_times
from pipelines_lib.tables import QUARANTINE, RELEASES, observations_table

PASSES_NOW, BY_HAND = "passes now", "by hand"


@dataclass(frozen=True)
class Release:
    """What a release did."""

    released: int
    kept: dict[str, int]
    """Rows still held, by the reason."""


def read_releases(lake: Lake, dataset: str) -> Released:
    """Return every row that was let through: series, rule and row."""
    rows = lake.read_rows(dataset, RELEASES, columns=["series_id", "rule", "row"])
    return frozenset(rows.itertuples(index=False, name=None))


def list_quarantine(
    lake: Lake, dataset: str, *, rule: str = "", series_id: str = ""
) -> pd.DataFrame:
    """Return the rows that are held, the newest first; empty text: all.

    Raises:
        LakeError: No row was ever held for this rule or series.
    """
    rows = lake.read_rows(dataset, QUARANTINE)
    for name, wanted in (("rule", rule), ("series_id", series_id)):
        if wanted and wanted not in set(rows[name]):
            known = shown(sorted(rows[name].unique())) or "none at all"
            raise LakeError(
                f"dataset {dataset} has no row in quarantine with {name}={wanted!r} (it has "
                f"{known}): correct --{name.removesuffix('_id')}"
            )
        rows = rows[rows[name] == wanted] if wanted else rows
    released = read_releases(lake, dataset)
    keys = zip(rows["series_id"], rows["rule"], rows["row"], strict=True)
    held = rows[np.array([key not in released for key in keys], dtype=bool)]
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

    A row whose step is stored meanwhile stays where it is.

    Args:
        lake: Where the tables lie.
        dataset: The declaration, with the rules' parameters as they are now.
        rule: Only rows held by this rule; empty: all.
        series_id: Only rows of this series; empty: all.
        by_hand: Waive the rule that held them, where a row can be stored in spite of it.
        release_id: Written beside the stored rows, as an ingest's id.
        at: The moment of the release, UTC.
    """
    held = list_quarantine(lake, dataset.name, rule=rule, series_id=series_id)
    kept: dict[str, int] = {}
    waivable = [name for name, known in RULE_BY_NAME.items() if known.may_be_waived]
    if by_hand:
        storable = held["rule"].isin([*waivable, RESTATED])
        _count(kept, held[~storable]["rule"].map(lambda name: f"{name} cannot be waived"))
    else:  # no rule sees the basis that a row stands on
        storable = held["rule"] != RESTATED
        _count(kept, held[~storable]["rule"].map(lambda name: f"{name}: release it by hand"))
    held = held[storable]
    table = observations_table(dataset.columns)
    names = list(held["series_id"].unique())
    stored = lake.read_rows(dataset.name, table, columns=[*KEY, *dataset.columns], series_ids=names)
    raw = _parse_rows(held, dataset)
    taken = pd.MultiIndex.from_frame(raw[KEY]).isin(pd.MultiIndex.from_frame(stored[KEY]))
    _count(kept, pd.Series("its step is stored meanwhile", index=held.index[taken]))
    held, raw = held[~taken], raw[~taken]
    # A row that one rule holds may break the next one too: a close of 0 is a move as well.
    by_person = held[by_hand & held["rule"].ne(RESTATED)]
    waived = pd.concat([by_person.assign(rule=name) for name in waivable])
    checked = check_rows(
        raw,
        dataset=dataset,
        calendar=make_calendar(dataset),
        at=at,
        neighbours=stored,
        released=frozenset(zip(waived["series_id"], waived["rule"], waived["row"], strict=True)),
    )
    again = checked.quarantined
    _count(kept, again["rule"].map(lambda name: f"{name}: {_reason(name)}"))
    refused = set(zip(again["series_id"], again["row"], strict=True))
    if by_hand:
        held = pd.concat([held, waived]).drop_duplicates(["series_id", "rule", "row"])
    stored_now = pd.MultiIndex.from_frame(checked.good[KEY])
    keys = zip(held["series_id"], held["row"], strict=True)
    passed = held[
        pd.MultiIndex.from_frame(held[KEY]).isin(stored_now)
        & np.array([key not in refused for key in keys], dtype=bool)
    ]
    if len(checked.good):
        lake.merge_rows(
            dataset.name,
            RELEASES,
            passed[["series_id", "rule", "row"]].assign(
                at=pd.Timestamp(at).as_unit("us"), why=BY_HAND if by_hand else PASSES_NOW
            ),
        )
        lake.merge_rows(dataset.name, table, checked.good.assign(ingest_id=release_id))
        log_batch(lake, dataset, raw, ingest_id=release_id, at=at, source="release: quarantine")
    return Release(len(checked.good), kept)


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
