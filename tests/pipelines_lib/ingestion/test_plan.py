from datetime import UTC, date, datetime

import pandas as pd
import pytest

from pipelines_lib.ingestion.plan import make_plan
from pipelines_lib.ingestion.states import SeriesState

FRIDAY_EVENING = datetime(2024, 1, 5, 9, tzinfo=UTC)  # 18:00 in Seoul
ASKED_ALL = SeriesState(asked_from="")


def plan(calendar, dataset, *, stored=None, states=None, at=FRIDAY_EVENING, whole=False):
    times = {name: pd.Timestamp(day, tz="UTC") for name, day in (stored or {}).items()}
    return make_plan(
        ["A", "B"],
        dataset=dataset,
        calendar=calendar,
        last_times=pd.Series(times, dtype="datetime64[us, UTC]"),
        states={"A": ASKED_ALL, "B": ASKED_ALL} if states is None else states,
        at=at,
        whole=whole,
    )


def test_make_plan_asks_for_all_of_what_is_new_to_it(krx_calendar, bars_dataset):
    made = plan(krx_calendar, bars_dataset(start="2020-01-01"))
    assert made.starts == {"A": date(2020, 1, 1), "B": date(2020, 1, 1)}
    assert krx_calendar.times([made.final])[0].item() == datetime(2024, 1, 5)


def test_make_plan_asks_for_an_overlap_before_the_newest_row(krx_calendar, bars_dataset):
    dataset = bars_dataset(overlap_steps=2)
    made = plan(krx_calendar, dataset, stored={"A": "2024-01-03", "B": "2024-01-04"})
    # Two sessions before 3 January is 28 December: the 29th and New Year's Day are holidays.
    assert made.starts == {"A": date(2023, 12, 28), "B": date(2024, 1, 2)}


def test_make_plan_does_not_ask_for_what_is_up_to_date(krx_calendar, bars_dataset):
    stored = {"A": "2024-01-04", "B": "2024-01-05"}
    assert list(plan(krx_calendar, bars_dataset(), stored=stored).starts) == ["A"]
    before_the_close = datetime(2024, 1, 5, 5, tzinfo=UTC)
    assert plan(krx_calendar, bars_dataset(), stored=stored, at=before_the_close).starts == {}


def test_make_plan_on_a_holiday_asks_for_nothing_new(krx_calendar, bars_dataset):
    sunday = datetime(2024, 1, 7, 9, tzinfo=UTC)
    stored = {"A": "2024-01-05", "B": "2024-01-05"}
    assert plan(krx_calendar, bars_dataset(), stored=stored, at=sunday).starts == {}


def test_make_plan_holds_to_the_declared_range(krx_calendar, bars_dataset):
    dataset = bars_dataset(start="2024-01-02", end="2024-01-04", overlap_steps=10)
    made = plan(krx_calendar, dataset, stored={"A": "2024-01-03", "B": "2024-01-04"})
    assert made.starts == {"A": date(2024, 1, 2)}


@pytest.mark.parametrize(
    ("start", "asked_from", "whole"),
    [
        ("2020-01-01", "2020-01-01", False),
        ("2021-01-01", "2020-01-01", False),
        ("2019-01-01", "2020-01-01", True),  # the range was widened
        (None, "2020-01-01", True),
        ("2020-01-01", "", False),
        (None, "", False),
    ],
)
def test_make_plan_asks_again_for_a_history_that_begins_earlier_now(
    krx_calendar, bars_dataset, start, asked_from, whole
):
    dataset = bars_dataset(start=start)
    known = {name: SeriesState(asked_from=asked_from) for name in "AB"}
    stored = {"A": "2024-01-04", "B": "2024-01-05"}
    made = plan(krx_calendar, dataset, stored=stored, states=known)
    assert (list(made.starts) == ["A", "B"]) == whole
    assert (made.starts["A"] == dataset.start) == whole


def test_make_plan_of_a_whole_source_asks_for_everything(krx_calendar, bars_dataset):
    stored = {"A": "2024-01-05", "B": "2024-01-05"}
    made = plan(krx_calendar, bars_dataset(), stored=stored, whole=True)
    assert made.starts == {"A": None, "B": None}
