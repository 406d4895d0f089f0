import pytest
from pydantic import ValidationError

from pipelines_lib.config import BAR_COLUMNS, DatasetConfig, SourceConfig


def test_dataset_config_of_bars_has_the_bar_columns():
    assert DatasetConfig(name="prices").columns == ("open", "high", "low", "close", "volume")
    assert BAR_COLUMNS == ("open", "high", "low", "close", "volume")


def test_dataset_config_of_values_has_its_own_columns_in_order(values_dataset):
    made = values_dataset(value_columns=["value", "a"])
    assert made.columns == ("value", "a")


@pytest.mark.parametrize("name", ["a", "krx-2024", "0" * 63])
def test_dataset_config_accepts_a_name(name):
    assert DatasetConfig(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "a b", "-a", "a/b", "..", "../a", "_lake", "a" * 64, "a\n", "é"]
)
def test_dataset_config_refuses_a_name(name):
    with pytest.raises(ValidationError, match="name"):
        DatasetConfig(name=name)


@pytest.mark.parametrize("name", ["005930", "삼성전자", "^KS11", "USD/KRW", "BRK.B", "ES=F"])
def test_dataset_config_accepts_a_series_id(name):
    assert DatasetConfig(name="d", series_ids=[name]).series_ids == [name]


@pytest.mark.parametrize("name", ["", " a", "O'Brien", "a;b", 'a"b', "/etc", "a\nb", "a" * 65])
def test_dataset_config_refuses_a_series_id(name):
    with pytest.raises(ValidationError, match="series_ids"):
        DatasetConfig(name="d", series_ids=[name])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value_columns": ["x"]}, "leave it empty"),
        ({"kind": "values", "target": "x"}, "needs value_columns"),
        ({"kind": "values", "value_columns": ["x", "x"], "target": "x"}, "names a column twice"),
        ({"kind": "values", "value_columns": ["x", "time"], "target": "x"}, "has time: reserved"),
        ({"kind": "values", "value_columns": ["x", "year"], "target": "x"}, "has year: reserved"),
        (
            {"kind": "values", "value_columns": ["repair", "ingest_id"], "target": "repair"},
            "has ingest_id, repair: reserved",
        ),
        ({"kind": "values", "value_columns": ["calendar"], "target": "calendar"}, "reserved"),
        ({"kind": "values", "value_columns": ["X"], "target": "x"}, "value_columns"),
        ({"target": "price"}, "target 'price' is none of open, high, low, close, volume"),
        ({"kind": "values", "value_columns": ["x"]}, "target 'close' is none of x"),
        (
            {"start": "2024-01-03", "end": "2024-01-02"},
            "start 2024-01-03 lies after end 2024-01-02",
        ),
        ({"max_failed_share": 1.1}, "max_failed_share"),
        ({"max_failed_share": -0.1}, "max_failed_share"),
        ({"price_limit": -0.1}, "price_limit"),
        ({"step_minutes": 0}, "step_minutes"),
        ({"step_minutes": 10_081}, "step_minutes"),
        ({"calendar": "XMOS"}, "calendar"),
        ({"unit": "x" * 21}, "unit"),
    ],
)
def test_dataset_config_refuses(fields, message):
    with pytest.raises(ValidationError, match=message):
        DatasetConfig(name="d", **fields)


def test_dataset_config_accepts_one_day():
    made = DatasetConfig(name="d", start="2024-01-02", end="2024-01-02")
    assert made.start == made.end


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "files"}, "source.path is empty"),
        ({"columns": ["open"]}, "'open': write it as theirs=ours"),
        ({"columns": ["=open"]}, "write it as theirs=ours"),
        ({"columns": ["x="]}, "write it as theirs=ours"),
        ({"kind": "ftp"}, "kind"),
        ({"first_time": "yesterday"}, "first_time 'yesterday' is no ISO time: write it as"),
        ({"first_time": ""}, "first_time '' is no ISO time"),
        ({"first_time": "1969-12-31"}, "lies before the fixed calendar"),
        ({"first_time": "1970-01-01T08:59+09:00"}, "lies before the fixed calendar"),
        ({"n_series": 0}, "n_series"),
        ({"n_series": 10_001}, "n_series"),
        ({"n_steps": 9}, "n_steps"),
        ({"seed": -1}, "seed"),
        ({"noise": -0.1}, "noise"),
        ({"period": 1}, "period"),
    ],
)
def test_source_config_refuses(fields, message):
    with pytest.raises(ValidationError, match=message):
        SourceConfig(**fields)


@pytest.mark.parametrize(
    ("first_time", "moment"),
    [
        ("2000-01-01", "2000-01-01T00:00:00+00:00"),
        ("2024-05-06T07:08", "2024-05-06T07:08:00+00:00"),
        ("1970-01-01T09:00+09:00", "1970-01-01T09:00:00+09:00"),
    ],
)
def test_source_config_takes_first_time_for_utc_where_it_names_no_zone(first_time, moment):
    assert SourceConfig(first_time=first_time).first_moment.isoformat() == moment
