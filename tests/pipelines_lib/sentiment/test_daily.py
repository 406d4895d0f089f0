"""Documents to daily sentiment, by hand."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines_lib.sentiment import daily
from pipelines_lib.sentiment.daily import decay_sums, make_daily
from pipelines_lib.series.calendar import Calendar

DAY = Calendar("fixed", 1440)


def batch(*rows: tuple[str, str, float | None]) -> pa.Table:
    """Return polarities: series ids, time, polarity."""
    series, times, polarity = zip(*rows, strict=True)
    return pa.table(
        {
            "series_ids": pa.array(series, pa.string()),
            "time": pa.array(np.array(times, dtype="datetime64[us]")),
            "polarity": pa.array(polarity, pa.float64()),
        }
    )


def made(*batches: pa.Table, halflife: float = 1.0) -> pd.DataFrame:
    frame = make_daily(batches, calendar=DAY, halflife_steps=halflife).to_pandas()
    return frame.assign(time=frame["time"].dt.strftime("%d"))


def test_make_daily_of_one_series_by_hand():
    rows = batch(
        ("A", "2024-01-01T09:00", 0.5),
        ("A", "2024-01-01T10:00", 1.0),
        ("A", "2024-01-03T08:00", -0.25),
    )
    assert made(rows).to_dict("list") == {
        "series_id": ["A", "A"],
        "time": ["02", "04"],
        "documents": [2, 1],
        "mean": [0.75, -0.25],
        "dispersion": [0.25, 0.0],
        "mood": [1.5, 0.125],  # 1.5 / 4 - 0.25: two steps later it counts a quarter
    }


def test_make_daily_counts_a_document_for_each_series_it_speaks_of():
    rows = batch(("A 1,B", "2024-01-01", 1.0), ("", "2024-01-01", -1.0), ("B", "2024-01-01", 0.0))
    frame = made(rows)
    told = frame[["series_id", "documents", "mean"]].values.tolist()
    assert told == [["A 1", 1, 1], ["B", 2, 0.5]]


def test_make_daily_leaves_out_what_has_no_polarity_and_what_counts_for_no_step(krx_calendar):
    rows = batch(("A", "2024-01-01", None), ("A", "2999-01-01", 1.0), (None, "2024-01-01", 1.0))
    frame = make_daily([rows], calendar=krx_calendar, halflife_steps=1.0)
    assert frame.num_rows == 0
    assert make_daily([], calendar=krx_calendar, halflife_steps=1.0).num_rows == 0


def test_make_daily_says_of_equal_documents_that_they_do_not_disperse():
    rows = batch(*[("A", "2024-01-01", 0.123457)] * 7)
    assert made(rows)["dispersion"].tolist() == [0.0]


def test_make_daily_does_not_depend_on_the_order_of_documents_or_batches(monkeypatch):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=30, freq="7h")
    rows = [
        (",".join(rng.choice(list("ABCD"), 2, replace=False)), str(day), rng.uniform(-1, 1))
        for day in days.repeat(20)
    ]
    whole = made(batch(*rows))
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    monkeypatch.setattr(daily, "PENDING_ROWS", 10)  # so that tallies are added up again and again
    split = made(*(batch(*shuffled[i : i + 37]) for i in range(0, len(rows), 37)))
    pd.testing.assert_frame_equal(split, whole, check_exact=True)
    assert len(whole) > 30


def test_make_daily_agrees_with_a_plain_computation():
    rng = np.random.default_rng(1)
    rows = [
        (str(rng.choice(list("ABC"))), f"2024-01-{day:02}", round(rng.uniform(-1, 1), 6))
        for day in rng.integers(1, 29, 200)
    ]
    frame = made(batch(*rows), halflife=3.0)
    for name, day, documents, mean, dispersion, mood in frame.itertuples(index=False):
        mine = [(int(time[-2:]), p) for series, time, p in rows if series == name]
        today = [p for d, p in mine if d == int(day)]
        assert documents == len(today)
        assert mean == pytest.approx(np.mean(today), abs=1e-12)
        assert dispersion == pytest.approx(np.std(today), abs=1e-7)
        so_far = sum(p * 2 ** (-(int(day) - d) / 3) for d, p in mine if d <= int(day))
        assert mood == pytest.approx(so_far, abs=1e-12)


def test_decay_sums_follow_the_recurrence_of_each_series():
    rng = np.random.default_rng(2)
    series = np.repeat(np.arange(5), [1, 2, 3, 17, 40])
    position = np.concatenate(
        [np.sort(rng.permutation(100)[: (series == s).sum()]) for s in range(5)]
    )
    amount = rng.normal(size=len(series))
    sums = decay_sums(series, position, amount, halflife_steps=4.0)
    for s in range(5):
        mine = np.flatnonzero(series == s)
        expected = amount[mine[0]]
        assert sums[mine[0]] == expected
        for before, now in pairwise(mine):
            expected = expected * 2 ** (-(position[now] - position[before]) / 4) + amount[now]
            assert sums[now] == pytest.approx(expected, abs=1e-12)


def test_decay_sums_change_no_bit_with_what_comes_later():
    rng = np.random.default_rng(3)
    position, amount = np.arange(100) * 2, rng.normal(size=100)
    series = np.zeros(100, dtype=int)
    whole = decay_sums(series, position, amount, halflife_steps=7.0)
    for n in (1, 2, 33, 64, 99):
        part = decay_sums(series[:n], position[:n], amount[:n], halflife_steps=7.0)
        assert part.tolist() == whole[:n].tolist()


def test_decay_sums_over_millions_of_steps_stay_finite():
    position = np.array([0, 5_000_000, 5_000_001])
    sums = decay_sums(np.zeros(3, dtype=int), position, np.ones(3), halflife_steps=0.5)
    assert sums.tolist() == [1.0, 1.0, 1.25]
