import numpy as np
import pandas as pd
import pytest

from pipelines_lib.ingestion.restate import compare_rows

PRICES = ["open", "high", "low", "close"]


@pytest.fixture
def bars(make_bars):
    return make_bars(["A", "B"], 8)


def test_compare_rows_finds_nothing_where_nothing_changed(bars, bars_dataset):
    compared = compare_rows(bars, bars, dataset=bars_dataset())
    assert len(compared.pairs) == 16
    assert compared.restatements() == []
    assert len(compared.left_over) == 0


def test_compare_rows_tells_rows_and_factor_of_a_split(bars, bars_dataset):
    split = bars.copy()
    split.loc[split["series_id"] == "B", PRICES] /= 50
    (found,) = compare_rows(split, bars, dataset=bars_dataset()).restatements()
    assert (found.series_id, found.rows) == ("B", 8)
    assert found.factor == pytest.approx(1 / 50)
    assert found.first_time == bars["time"].iloc[0]
    assert found.last_time == bars["time"].iloc[7]
    assert "B: 8 stored rows from 2024-01-02 to 2024-01-11" in found.sentence
    assert "factor of 0.02" in found.sentence


def test_compare_rows_tells_the_range_of_factors(bars, bars_dataset):
    changed = bars.copy()
    changed.loc[[1, 2], "close"] *= [2.0, 4.0]
    (found,) = compare_rows(changed, bars, dataset=bars_dataset()).restatements()
    assert (found.rows, found.factor, found.factor_low, found.factor_high) == (2, 3.0, 2.0, 4.0)
    assert "3 (2 to 4)" in found.sentence


def test_compare_rows_does_not_take_a_corrected_volume_for_another_history(bars, bars_dataset):
    corrected = bars.assign(volume=bars["volume"] + 1)
    assert compare_rows(corrected, bars, dataset=bars_dataset()).restatements() == []


def test_compare_rows_ignores_digits_that_are_only_told_shorter(bars, bars_dataset):
    shorter = bars.copy()
    shorter[PRICES] *= 1 + 1e-8
    assert compare_rows(shorter, bars, dataset=bars_dataset()).restatements() == []


def test_compare_rows_of_values_minds_every_column(make_values, values_dataset):
    values = make_values(["A"], 5)
    changed = values.assign(value=values["value"].where(values.index != 2, 0.0))
    (found,) = compare_rows(changed, values, dataset=values_dataset()).restatements()
    assert (found.rows, found.factor) == (1, 0.0)


def test_compare_rows_with_a_stored_zero_has_a_finite_factor(make_values, values_dataset):
    stored = make_values(["A"], 5).assign(value=0.0)
    changed = stored.assign(value=[0.0, 1.0, 0.0, 0.0, 0.0])
    (found,) = compare_rows(changed, stored, dataset=values_dataset()).restatements()
    assert np.isfinite([found.factor, found.factor_low, found.factor_high]).all()


def test_compare_rows_keeps_apart_what_the_source_no_longer_gives(bars, bars_dataset):
    later = bars[bars["time"] >= bars["time"].iloc[3]]
    compared = compare_rows(later, bars, dataset=bars_dataset())
    assert compared.left_over["time"].dt.day.tolist() == [2, 3, 4, 2, 3, 4]
    assert len(compared.rows_on_another_basis()) == 0  # old, but of the same basis


def test_rows_on_another_basis_are_those_before_a_restated_history(bars, bars_dataset):
    later = bars[bars["time"] >= bars["time"].iloc[3]].copy()
    later.loc[later["series_id"] == "B", PRICES] /= 50
    displaced = compare_rows(later, bars, dataset=bars_dataset()).rows_on_another_basis()
    assert displaced["series_id"].tolist() == ["B", "B", "B"]
    assert displaced["time"].is_monotonic_increasing


def test_rows_on_another_basis_are_none_where_one_row_was_corrected(bars, bars_dataset):
    later = bars[bars["time"] >= bars["time"].iloc[3]].copy()
    later.loc[later.index[0], "close"] += 1
    compared = compare_rows(later, bars, dataset=bars_dataset())
    assert len(compared.restatements()) == 1
    assert len(compared.rows_on_another_basis()) == 0


def test_compare_rows_of_nothing(bars, bars_dataset):
    compared = compare_rows(bars[:0], bars, dataset=bars_dataset())
    assert len(compared.pairs) == len(compared.left_over) == 0
    assert compared.restatements() == []
    assert len(compared.rows_on_another_basis()) == 0
    fresh = compare_rows(bars, bars[:0], dataset=bars_dataset())
    assert isinstance(fresh.pairs, pd.DataFrame)
    assert len(fresh.pairs) == 0
