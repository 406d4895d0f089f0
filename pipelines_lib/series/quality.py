"""Judge raw rows by the quality rules: what is stored, repaired, kept apart or put off.

Nothing is dropped: a row is stored, in quarantine, or put off and given again by its source.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import Calendar, last_final_position, naive_times
from pipelines_lib.series.rules import RULES, Judging, Rule

KEY = ["series_id", "time"]
RELEASE_KEY = ["series_id", "rule", "time"]
Released = pd.MultiIndex
"""Series, rule and time of the steps whose quarantined row was let through after all."""


@dataclass(frozen=True)
class CheckedRows:
    """Rows after the rules.

    `good` has `series_id`, `time`, the value columns and `repair`, sorted by series and time, one
    row a key; `quarantined` has `series_id`, `time`, `rule`, `reason`, `row`; `counts` maps each
    rule that was broken to its number of rows (of steps, for missing ones), `examples` to the
    newest of them as `SERIES TIME`. `waived` has, in the form of `quarantined`, the rows that
    passed a rule because it was released for their step; a later rule may have held them.
    """

    good: pd.DataFrame
    quarantined: pd.DataFrame
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    waived: pd.DataFrame = field(default_factory=pd.DataFrame)


def check_rows(
    rows: pd.DataFrame,
    *,
    dataset: DatasetConfig,
    calendar: Calendar,
    at: datetime | None = None,
    neighbours: pd.DataFrame | None = None,
    released: Released | None = None,
) -> CheckedRows:
    """Judge raw rows by every rule.

    Args:
        rows: Columns `series_id`, `time` (UTC, NaT where unreadable) and the value columns.
        dataset: Its declaration: columns, kind, price limit.
        calendar: Its index of time.
        at: The moment of judging, UTC: sessions open then are put off; None: all are over.
        neighbours: Stored rows at other steps, for the rules that compare a row with the one
            before it; they are not judged.
        released: Steps that pass in spite of the rule named, whatever values they come with; None:
            none. A rule that may not be waived holds them all the same.
    """
    final = None if at is None else last_final_position(dataset, calendar, at)
    judging = Judging(dataset, calendar, final)
    left = _prepare(rows, dataset, neighbours)
    came = left[[*KEY, *dataset.columns]]
    refused, passed, counts, examples = [], [], {}, {}
    for rule in RULES:
        if rule.bars_only and dataset.kind != "bars":
            continue
        marks = np.where(left["_known"], 0, rule.broken(left, judging))
        if not marks.any():
            continue
        broken = marks > 0
        if rule.action == "quarantine":
            held = _quarantine(came.loc[left.index[broken]], rule, left["time"][broken])
            waived = find_released(held, released) & rule.may_be_waived
            broken[np.flatnonzero(broken)[waived]] = False
            passed.append(held[waived])
            if not broken.any():
                continue
            refused.append(held[~waived])
        counts[rule.name] = int(marks[broken].sum())
        examples[rule.name] = _example(left, broken)
        if rule.action in ("quarantine", "postpone"):
            left = left[~broken]
        elif rule.repair is not None:
            mended = rule.repair(left.loc[broken], judging)
            left.loc[broken, mended.columns] = mended
            left.loc[broken, "repair"] = rule.name
            if "time" in mended:
                left = left.sort_values(["_code", "time"], kind="stable")
    good = left[~left["_known"]] if neighbours is not None else left
    good = good[[*KEY, *dataset.columns, "repair"]].reset_index(drop=True)
    empty = _quarantine(came.iloc[:0], RULES[0], came["time"].iloc[:0])
    quarantined = pd.concat(refused, ignore_index=True) if refused else empty
    quarantined = quarantined.drop_duplicates(["series_id", "rule", "row"])
    waived_rows = pd.concat(passed, ignore_index=True) if passed else empty
    return CheckedRows(good, quarantined, counts, examples, waived_rows)


def _prepare(
    rows: pd.DataFrame, dataset: DatasetConfig, neighbours: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the rows sorted by series and time, with the columns that the rules see."""
    columns = [*KEY, *dataset.columns]
    left = rows[columns].astype(dict.fromkeys(dataset.columns, "float64"))
    left = left.assign(_known=False)
    if neighbours is not None and len(neighbours):
        known = neighbours[columns].assign(_known=True)
        left = pd.concat([known, left], ignore_index=True)
    # Numbers of the series in the order of their names: comparing text is slow.
    code, names = pd.factorize(left["series_id"])
    rank = np.argsort(np.argsort(np.asarray(names, dtype=object)))
    code = rank[code].astype("int32") if len(names) else code
    time = naive_times(left["time"])
    late = _find_late(code, time, judged=~left["_known"].to_numpy())
    left = left.assign(_code=code, _late=late, repair=None)
    order = np.lexsort((time, code))
    if not (order[1:] > order[:-1]).all():
        left = left.iloc[order]
    return left.reset_index(drop=True)


def _find_late(code: np.ndarray, time: np.ndarray, *, judged: np.ndarray) -> np.ndarray:
    """Mark the judged rows that came after a later row of their series (n,)."""
    timed = judged & ~np.isnat(time)
    stamp = pd.Series(np.where(timed, time.astype("int64"), np.iinfo("int64").min))
    newest = stamp.groupby(code).cummax()
    return ((stamp < newest) & timed).to_numpy()


def _quarantine(came: pd.DataFrame, rule: Rule, time: pd.Series) -> pd.DataFrame:
    """Return rows as they came, under the times of their steps: those may have been mended."""
    as_json = rows_as_json(came.drop(columns="series_id"))
    return came[KEY].assign(time=time, rule=rule.name, reason=rule.reason, row=as_json)


def rows_as_json(rows: pd.DataFrame) -> list[str]:
    """Write each row as JSON that gives back the same numbers.

    A missing value is null, an infinite one, which JSON lacks, is text.
    """
    told = {}
    for name in rows:
        values = rows[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").astype(object)
        elif np.isinf(values.to_numpy()).any():
            values = values.astype(object).where(~np.isinf(values), values.astype(str))
        told[str(name)] = values.astype(object).where(values.notna(), None)
    return [
        json.dumps(dict(zip(told, row, strict=True)), separators=(",", ":"))
        for row in zip(*told.values(), strict=True)
    ]


def find_released(held: pd.DataFrame, released: Released | None) -> np.ndarray:
    """Mark the quarantined rows whose step was let through (n,); one without a time never was."""
    if released is None or len(released) == 0 or len(held) == 0:
        return np.zeros(len(held), dtype=bool)
    keys = pd.MultiIndex.from_frame(held[RELEASE_KEY].astype({"series_id": "str"}))
    return keys.isin(released) & held["time"].notna().to_numpy()


def _example(rows: pd.DataFrame, broken: np.ndarray) -> str:
    marked = rows[broken]
    newest = marked.iloc[int(marked["time"].fillna(marked["time"].min()).to_numpy().argmax())]
    time = "no time" if pd.isna(newest["time"]) else f"{newest['time']:%Y-%m-%d %H:%M}"
    return f"{newest['series_id']} {time.removesuffix(' 00:00')}"
