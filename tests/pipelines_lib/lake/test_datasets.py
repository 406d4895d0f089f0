import pytest

from pipelines_lib.errors import ConfigError, LakeError
from pipelines_lib.lake import declare_dataset, list_datasets, read_dataset
from pipelines_lib.lake.store import ROOT
from pipelines_lib.tables import DATASETS


def test_read_dataset_returns_what_was_declared(lake, bars_dataset):
    config = bars_dataset(series_ids=["005930", "^KS11"], source={"seed": 3})
    declare_dataset(lake, config)
    assert read_dataset(lake, "prices") == config


def test_declare_dataset_repeated_changes_nothing(lake, bars_dataset):
    declare_dataset(lake, bars_dataset())
    before = lake.table_version(ROOT, DATASETS)
    declare_dataset(lake, bars_dataset())
    assert lake.table_version(ROOT, DATASETS) == before


def test_declare_dataset_accepts_other_series_source_and_tolerance(lake, bars_dataset):
    declare_dataset(lake, bars_dataset(series_ids=["A"]))
    later = bars_dataset(
        series_ids=["A", "B"], source={"seed": 9}, max_failed_share=0.5, price_limit=0.0
    )
    declare_dataset(lake, later)
    assert read_dataset(lake, "prices") == later


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unit", "degF"),
        ("step_minutes", 30),
        ("calendar", "XKRX"),
        ("target", "other"),
        ("value_columns", ["value", "other", "third"]),
    ],
)
def test_declare_dataset_refuses_what_stored_rows_depend_on(lake, values_dataset, field, value):
    first = values_dataset(value_columns=["value", "other"])
    declare_dataset(lake, first)
    with pytest.raises(ConfigError, match=f"dataset sensors was declared with {field}=.*new name"):
        declare_dataset(lake, values_dataset(**{"value_columns": ["value", "other"], field: value}))
    assert read_dataset(lake, "sensors") == first


def test_declare_dataset_refuses_another_kind(lake, bars_dataset, values_dataset):
    declare_dataset(lake, bars_dataset(name="one"))
    with pytest.raises(ConfigError, match="kind='bars', now 'values'"):
        declare_dataset(lake, values_dataset(name="one"))


def test_read_dataset_names_the_known_ones(lake, bars_dataset):
    with pytest.raises(LakeError, match=r"'prices' is not in the lake .known: none yet.: ingest"):
        read_dataset(lake, "prices")
    declare_dataset(lake, bars_dataset(name="other"))
    with pytest.raises(LakeError, match="known: other"):
        read_dataset(lake, "prices")


def test_list_datasets_is_sorted(lake, bars_dataset):
    assert list_datasets(lake) == []
    for name in ("b", "a"):
        declare_dataset(lake, bars_dataset(name=name))
    assert list_datasets(lake) == ["a", "b"]
