"""What a night owes: read from the lake as it was, kept once."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from pipelines_lib.forecasting.nights import (
    SCHEDULE,
    Night,
    expect_series,
    note_night,
    read_nights,
)
from pipelines_lib.tables import NIGHTS, SERIES_STATES, observations_table

NEWEST = datetime(2024, 1, 1, 9, tzinfo=UTC)
NIGHT = Night(NEWEST, "sensors-forecaster", "1", 3, datetime(2024, 1, 1, 18, tzinfo=UTC))


@pytest.fixture
def stored(lake, values_dataset, make_values):
    """Ten hours of A, B, C and DEAD, nine of LATE; return lake, declaration and table version."""
    dataset = values_dataset()
    rows = make_values(("A", "B", "C", "DEAD"), 10)
    late = make_values(("LATE",), 9)
    table = observations_table(dataset.columns)
    lake.merge_rows(dataset.name, table, pd.concat([rows, late]))
    state = {"series_id": ["DEAD"], "state": ["dead"], "since": [pd.Timestamp(NEWEST)]}
    lake.merge_rows(
        dataset.name,
        SERIES_STATES,
        pd.DataFrame(state | {"reason": "r", "asked_from": "", "ingest_id": "i"}),
    )
    return lake, dataset, lake.table_version(dataset.name, table)


def expected(stored, **left_out):
    lake, dataset, version = stored
    return expect_series(lake, dataset, NIGHT, left_out=left_out, data_version=version)


def test_expect_series_are_those_that_live_and_have_the_newest_step(stored):
    assert expected(stored).expected == ("A", "B", "C")


def test_expect_series_lets_out_who_was_left_out_with_a_reason(stored):
    night = expected(stored, B="too short", LATE="no newest step", DEAD="dead")
    assert night.expected == ("A", "C")
    assert night.left_out == {"B": "too short"}  # of the others nobody expects a forecast


def test_expect_series_are_of_the_declaration(stored):
    lake, dataset, version = stored
    some = dataset.model_copy(update={"series_ids": ["C"]})
    assert expect_series(lake, some, NIGHT, left_out={}, data_version=version).expected == ("C",)


def test_expect_series_does_not_know_rows_that_came_later(stored, make_values):
    lake, dataset, version = stored
    lake.merge_rows(
        dataset.name, observations_table(dataset.columns), make_values(("LATE", "NEW"), 10)
    )
    night = expect_series(lake, dataset, NIGHT, left_out={}, data_version=version)
    assert night.expected == ("A", "B", "C")


def test_note_night_reads_back_what_was_noted_and_keeps_it_once(stored):
    lake, dataset, _ = stored
    night = expected(stored, B="too short: 3 steps, 가")
    note_night(lake, dataset.name, night)
    again = Night(**{**vars(night), "at": NIGHT.at.replace(hour=19), "started_by": SCHEDULE})
    note_night(lake, dataset.name, again)
    assert lake.table_version(dataset.name, NIGHTS) == 0
    assert read_nights(lake, dataset.name) == [night]


def test_read_nights_before_the_first_are_none(lake):
    assert read_nights(lake, "sensors") == []
