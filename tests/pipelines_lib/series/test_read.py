import numpy as np
import pytest

from pipelines_lib.errors import SeriesError
from pipelines_lib.series.read import list_series, panel_digest, read_panel
from pipelines_lib.tables import observations_table


@pytest.fixture
def dataset(values_dataset):
    return values_dataset()


@pytest.fixture
def filled(lake, dataset, make_values):
    table = observations_table(dataset.columns)
    lake.merge_rows(dataset.name, table, make_values(["A", "B", "C"], 5))
    return lake


def test_read_panel_reads_every_series_at_the_newest_version(filled, dataset, make_values):
    panel, version = read_panel(filled, dataset)
    assert panel.series_ids == ["A", "B", "C"]
    assert version == filled.table_version(dataset.name, observations_table(dataset.columns))
    np.testing.assert_array_equal(panel.column("value"), make_values(["A", "B", "C"], 5)["value"])


def test_read_panel_reads_an_old_version_again(filled, dataset, make_values):
    table = observations_table(dataset.columns)
    old, version = read_panel(filled, dataset)
    filled.merge_rows(dataset.name, table, make_values(["A", "B", "C"], 5, seed=9))
    again, same = read_panel(filled, dataset, version=version)
    new, newer = read_panel(filled, dataset)
    assert (same, newer) == (version, version + 1)
    assert panel_digest(again) == panel_digest(old)
    assert panel_digest(new) != panel_digest(old)


def test_read_panel_reads_the_series_asked_for(filled, dataset):
    assert read_panel(filled, dataset, series_ids=["C", "A"])[0].series_ids == ["A", "C"]


def test_read_panel_reads_the_series_that_the_declaration_names(filled, values_dataset):
    narrow = values_dataset(series_ids=["B", "NOT-YET"])
    assert read_panel(filled, narrow)[0].series_ids == ["B"]


def test_read_panel_names_an_unknown_series(filled, dataset):
    with pytest.raises(SeriesError, match="unknown series X, Y: dataset sensors has A, B, C"):
        read_panel(filled, dataset, series_ids=["Y", "A", "X"])


def test_read_panel_of_nothing_is_an_error(lake, filled, dataset, values_dataset):
    with pytest.raises(SeriesError, match="sensors has no observations of X: ingest"):
        read_panel(filled, dataset, series_ids=["X"])
    with pytest.raises(SeriesError, match="dataset other has no observations: ingest"):
        read_panel(lake, values_dataset(name="other"))


def test_list_series_is_sorted(filled, dataset, values_dataset):
    assert list_series(filled, dataset) == ["A", "B", "C"]
    assert list_series(filled, values_dataset(name="other")) == []


def test_panel_digest_sees_values_times_and_names(make_day_panel):
    base = panel_digest(make_day_panel({"A": {"value": [1, 2]}}))
    assert panel_digest(make_day_panel({"A": {"value": [1, 2]}})) == base
    assert len(base) == 16
    others = [
        make_day_panel({"A": {"value": [1, 3]}}),
        make_day_panel({"B": {"value": [1, 2]}}),
        make_day_panel({"A": {"value": [1, 2]}}, first=1),
        make_day_panel({"A": {"value": [1]}, "B": {"value": [2]}}),
    ]
    assert len({base, *map(panel_digest, others)}) == 5
