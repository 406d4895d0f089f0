"""CSV and Parquet files as they come: headers, zones, codes, faults."""

import os
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.settings import Settings
from pipelines_lib.sources import Fetched, Source, make_source

SHARED = Path(os.environ.get("TIDEWATCH_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))
FDR = (
    "Date,Open,High,Low,Close,Volume,Change\n"
    "2024-01-02,100,110,90,105,1000,\n"
    "2024-01-03,105,120,100,115,1100,0.095\n"
)
ONE_VALUE = {"kind": "values", "value_columns": ["value"], "target": "value"}


def files(path: Path | str, *, dataset: dict | None = None, **source: object) -> Source:
    config = SourceConfig(kind="files", path=str(path), **source)
    return make_source(DatasetConfig(name="prices", source=config, **dataset or {}), Settings())


def fetch(source: Source, *ids: str, start: date | None = None, end: date | None = None) -> Fetched:
    return source.fetch_rows(dict.fromkeys(ids or source.list_series(), start), end=end)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def times(fetched: Fetched) -> list[str]:
    return fetched.rows["time"].dt.strftime("%Y-%m-%d %H:%M").tolist()


def test_fetch_rows_reads_a_finance_data_reader_file(tmp_path):
    source = files(write(tmp_path / "005930.csv", FDR))
    fetched = fetch(source)
    assert source.list_series() == ["005930"]
    assert list(fetched.rows) == ["series_id", "time", "open", "high", "low", "close", "volume"]
    assert fetched.rows["time"].dtype == "datetime64[us, UTC]"
    assert fetched.rows.iloc[1].tolist() == [
        "005930", pd.Timestamp("2024-01-03", tz="UTC"), 105, 120, 100, 115, 1100,
    ]  # fmt: skip
    assert fetched.failures == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_fetch_rows_knows_korean_headers(tmp_path, encoding):
    header = "종목명,일자,종가,시가,고가,저가,거래량"
    text = f'{header}\n삼성전자,2024/01/02,"79,600",78200,79800,78200,17142847\n'
    rows = fetch(files(write(tmp_path / "005930.csv", text, encoding))).rows
    assert times(Fetched(rows)) == ["2024-01-02 00:00"]
    assert rows.iloc[0, 2:].tolist() == [78200, 79800, 78200, 79600, 17142847]


def test_fetch_rows_keeps_the_zeros_of_codes(tmp_path):
    header = "날짜,종목코드,시가,고가,저가,종가,거래량"
    text = f"{header}\n20240102,005930,1,2,1,2,5\n20240102,000660,3,4,3,4,6\n"
    source = files(write(tmp_path / "all.csv", text), series_column="Code")
    assert source.list_series() == ["000660", "005930"]
    assert fetch(source, "005930").rows["close"].tolist() == [2]


def test_fetch_rows_maps_other_headers(tmp_path):
    text = "Zeit;x,Preis\n02.01.2024 09:30,5\n"
    mapped = files(
        write(tmp_path / "a.csv", text),
        dataset=ONE_VALUE,
        time_column="Zeit;x",
        time_format="%d.%m.%Y %H:%M",
        columns=["Preis=value"],
    )
    fetched = fetch(mapped)
    assert times(fetched) == ["2024-01-02 09:30"]
    assert fetched.rows["value"].tolist() == [5]


def test_fetch_rows_matches_headers_by_their_letters(tmp_path):
    dataset = {"kind": "values", "value_columns": ["ot", "load_kw"], "target": "ot"}
    text = "date,HUFL,Load (kW),OT\n2016-07-01 01:00:00,1,2,3\n"
    rows = fetch(files(write(tmp_path / "etth1.csv", text), dataset=dataset)).rows
    assert rows.iloc[0, 2:].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-01-02", "2024-01-02 00:00"),
        ("2024-01-02T09:00:00+09:00", "2024-01-02 00:00"),
        ("2024-01-02 00:30:00-05:00", "2024-01-02 05:30"),
        ("20240102", "2024-01-02 00:00"),
    ],
)
def test_fetch_rows_reads_times_as_utc(tmp_path, written, read):
    path = write(tmp_path / "a.csv", f"timestamp,value\n{written},1\n")
    assert times(fetch(files(path, dataset=ONE_VALUE))) == [read]


def test_fetch_rows_reads_times_of_parquet_as_utc(tmp_path):
    seoul = pd.to_datetime(["2024-01-02 09:00"]).tz_localize("Asia/Seoul")
    pd.DataFrame({"Date": seoul, "value": [1]}).to_parquet(tmp_path / "zone.parquet")
    pd.DataFrame({"Date": [date(2024, 1, 3)], "value": [1]}).to_parquet(tmp_path / "day.parquet")
    fetched = fetch(files(tmp_path, dataset=ONE_VALUE))
    assert fetched.rows["series_id"].tolist() == ["day", "zone"]
    assert times(fetched) == ["2024-01-03 00:00", "2024-01-02 00:00"]


def test_fetch_rows_keeps_unreadable_times_and_values(tmp_path):
    text = "Date,value\n2024-01-02,1\nyesterday,2\n2024-01-04,n/k\n2024-01-05,\n"
    rows = fetch(files(write(tmp_path / "a.csv", text), dataset=ONE_VALUE)).rows
    assert rows["time"].isna().tolist() == [False, True, False, False]
    assert rows["value"].isna().tolist() == [False, False, True, True]


def test_fetch_rows_asks_for_the_format_of_unreadable_times(tmp_path):
    path = write(tmp_path / "a.csv", "Date,value\n13.01.2024,1\n14.01.2024,1\n")
    with pytest.raises(SourceError, match=r"'13\.01\.2024'.*source\.time_format"):
        fetch(files(path, dataset=ONE_VALUE))


def test_fetch_rows_cuts_to_whole_days(tmp_path):
    stamps = ["2024-01-01 23:59", "2024-01-02 00:00", "2024-01-03 23:59", "2024-01-04 00:00", "?"]
    text = "Date,value\n" + "".join(f"{stamp},1\n" for stamp in stamps)
    source = files(write(tmp_path / "a.csv", text), dataset=ONE_VALUE)
    rows = fetch(source, start=date(2024, 1, 2), end=date(2024, 1, 3)).rows
    assert rows["time"].dt.strftime("%d %H:%M").tolist()[:2] == ["02 00:00", "03 23:59"]
    assert rows["time"].isna().tolist() == [False, False, True]


def test_list_series_takes_a_folder_or_a_pattern(tmp_path):
    for name in ("b.csv", "a.csv", ".hidden.csv", "notes.txt", "deep/c.csv"):
        write(tmp_path / name, FDR)
    assert files(tmp_path).list_series() == ["a", "b"]
    assert files(tmp_path / "**/*.csv").list_series() == ["a", "b", "c"]


def test_list_series_refuses_two_files_of_one_series(tmp_path):
    write(tmp_path / "a.csv", FDR)
    pd.DataFrame({"Date": [], "value": []}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.csv and .*a\.parquet name the same series 'a'"):
        files(tmp_path).list_series()


def test_fetch_rows_fails_only_the_file_that_is_broken(tmp_path):
    write(tmp_path / "good.csv", FDR)
    write(tmp_path / "short.csv", "Date,Open,High,Low,Close\n2024-01-02,1,1,1,1\n")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 not a table")
    (tmp_path / "void.csv").write_bytes(b"")
    fetched = fetch(files(tmp_path))
    assert fetched.rows["series_id"].unique().tolist() == ["good"]
    assert list(fetched.failures) == ["short", "torn", "void"]
    assert "no column 'volume'" in fetched.failures["short"]
    assert "torn.parquet cannot be read" in fetched.failures["torn"]
    assert "void.csv cannot be read" in fetched.failures["void"]


def test_fetch_rows_names_the_missing_column_and_the_remedy(tmp_path):
    path = write(tmp_path / "a.csv", "Date,Open,High,Low,Letzter,Volume\n2024-01-02,1,1,1,1,1\n")
    with pytest.raises(SourceError) as caught:
        fetch(files(path))
    for part in ("a.csv", "'close'", "Date, Open, High, Low, Letzter", "`theirs=close`"):
        assert part in str(caught.value)


def test_fetch_rows_refuses_a_mapping_to_nothing(tmp_path):
    path = write(tmp_path / "a.csv", FDR)
    with pytest.raises(SourceError, match="maps to 'opn', which is none of"):
        fetch(files(path, columns=["시가=opn"]))


def test_fetch_rows_refuses_rows_without_a_series(tmp_path):
    path = write(tmp_path / "a.csv", "Date,id,value\n2024-01-02,x,1\n2024-01-02,,1\n")
    with pytest.raises(SourceError, match="1 rows name no series in column 'id'"):
        fetch(files(path, dataset=ONE_VALUE, series_column="id"))


@pytest.mark.parametrize("name", ["nowhere.csv", "empty", "empty/*.csv"])
def test_list_series_names_a_path_without_files(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"source\.path .*name"):
        files(tmp_path / name).list_series()


def test_fetch_rows_fails_a_series_it_does_not_have(tmp_path):
    write(tmp_path / "000660.csv", FDR)
    write(tmp_path / "005930.csv", FDR)
    fetched = fetch(files(tmp_path), "5930", "000660")
    assert fetched.rows["series_id"].unique().tolist() == ["000660"]
    assert fetched.failures == {
        "5930": "5930 is none of the source's 2 series (000660, 005930): correct series_ids"
    }


def test_fetch_rows_joins_long_files(tmp_path):
    write(tmp_path / "2023.csv", "Date,Code,value\n2023-01-02,007,1\n2023-01-02,b ,2\n")
    write(tmp_path / "2024.csv", "Date,Code,value\n2024-01-02,007,3\n2024-01-02,c,4\n")
    source = files(tmp_path, dataset=ONE_VALUE, series_column="Code")
    assert source.list_series() == ["007", "b", "c"]
    assert fetch(source, "007", "b").rows["value"].tolist() == [1, 2, 3]


def test_fetch_rows_reads_a_long_file_once_and_fast(tmp_path):
    n_series, n_days = 900, 1_500
    days = pd.date_range("2020-01-01", periods=n_days)
    codes = [f"{i:06d}" for i in range(n_series)]
    long = pd.DataFrame({"Date": np.tile(days, n_series), "Code": np.repeat(codes, n_days)})
    bars = {name: np.arange(len(long)) for name in ("Open", "High", "Low", "Close", "Volume")}
    long.assign(**bars).to_parquet(tmp_path / "long.parquet")
    source = files(tmp_path / "long.parquet", series_column="code")
    began = time.process_time()
    batches = [fetch(source, *codes[i : i + 100]).rows for i in range(0, n_series, 100)]
    assert time.process_time() - began < 8
    assert [len(batch) for batch in batches] == [150_000] * 9
    assert batches[1]["close"].iloc[[0, -1]].tolist() == [150_000, 299_999]
    assert batches[1]["series_id"].iloc[[0, -1]].tolist() == ["000100", "000199"]


def test_fetch_rows_reads_the_recorded_market():
    path = SHARED / "krx/kospi_2020_2026.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market at {path}: set TIDEWATCH_SHARED_DATA")
    source = files(path, series_column="Code")
    assert len(source.list_series()) == 948
    rows = fetch(source, "005930", end=date(2020, 1, 3)).rows
    assert rows["close"].tolist() == [55200, 55500]


DAY = "Date,Code,value\n{day},005930,{value}\n{day},000660,{value}\n"


def test_fetch_rows_reads_a_folder_that_grows_by_a_file_a_day(tmp_path):
    for day in ("2024-01-02", "2024-01-03"):
        write(tmp_path / f"{day}.csv", DAY.format(day=day, value=1))
    options = {"dataset": ONE_VALUE, "series_column": "Code"}
    assert times(fetch(files(tmp_path, **options), "005930")) == [
        "2024-01-02 00:00",
        "2024-01-03 00:00",
    ]
    write(tmp_path / "2024-01-04.csv", DAY.format(day="2024-01-04", value=7) + "2024-01-04,new,8\n")
    source = files(tmp_path, **options)
    assert source.list_series() == ["000660", "005930", "new"]
    assert fetch(source).rows["value"].tolist() == [1, 1, 1, 1, 7, 7, 8]


def test_fetch_rows_reads_long_korean_files_of_the_exchange(tmp_path):
    header = "일자,종목코드,종목명,시가,고가,저가,종가,거래량"
    for day, close in (("2024/01/02", "79,600"), ("2024/01/03", "77,000")):
        text = f'{header}\n{day},005930,삼성전자,78200,79800,76000,"{close}",17142847\n'
        write(tmp_path / f"data_{day[-2:]}.csv", text, "cp949")
    source = files(tmp_path, series_column="종목코드")
    assert fetch(source, "005930").rows["close"].tolist() == [79600, 77000]


@pytest.mark.parametrize(
    "half",
    [b"", b"PAR1 not a table", "Date,Code,value\n2024-01-03,삼".encode()[:-1], b"Date,Co"],
    ids=["empty", "torn", "mid-letter", "mid-header"],
)
def test_fetch_rows_reads_the_days_beside_a_half_written_one(tmp_path, half):
    write(tmp_path / "2024-01-02.csv", DAY.format(day="2024-01-02", value=1))
    name = "2024-01-03.parquet" if half.startswith(b"PAR1") else "2024-01-03.csv"
    (tmp_path / name).write_bytes(half)
    source = files(tmp_path, dataset=ONE_VALUE, series_column="Code")
    assert source.list_series() == ["000660", "005930"]
    fetched = fetch(source, "005930", "000660")
    assert sorted(fetched.rows["series_id"]) == ["000660", "005930"]
    assert list(fetched.failures) == [name]
    assert name in fetched.failures[name]
    assert fetched.transient == {name}


def test_fetch_rows_expects_a_missing_series_in_the_file_that_is_half_written(tmp_path):
    write(tmp_path / "2024-01-02.csv", DAY.format(day="2024-01-02", value=1))
    write(tmp_path / "2024-01-03.csv", "")
    fetched = fetch(files(tmp_path, dataset=ONE_VALUE, series_column="Code"), "new", "000660")
    assert fetched.transient == {"new", "2024-01-03.csv"}


@pytest.mark.parametrize("names", [["a.csv"], ["a.csv", "b.csv"]])
def test_list_series_refuses_files_of_which_none_can_be_read(tmp_path, names):
    for name in names:
        write(tmp_path / name, "")
    with pytest.raises(SourceError, match=r"a\.csv cannot be read") as caught:
        files(tmp_path, dataset=ONE_VALUE, series_column="Code").list_series()
    assert caught.value.transient


def test_fetch_rows_tells_a_torn_file_from_a_wrong_one(tmp_path):
    write(tmp_path / "good.csv", FDR)
    write(tmp_path / "short.csv", "Date,Open,High,Low,Close\n2024-01-02,1,1,1,1\n")
    write(tmp_path / "void.csv", "")
    fetched = fetch(files(tmp_path))
    assert set(fetched.failures) == {"short", "void"}
    assert fetched.transient == {"void"}


@pytest.mark.parametrize("series_column", ["", "Code"])
def test_fetch_rows_cuts_each_series_at_its_own_start(tmp_path, series_column):
    for name in ("a", "b", "c"):
        days = ("2024-01-02", "2024-01-03", "2024-01-04", "?")
        rows = "".join(f"{day},{name},1\n" for day in days)
        write(tmp_path / f"{name}.csv", "Date,Code,value\n" + rows)
    source = files(tmp_path, dataset=ONE_VALUE, series_column=series_column)
    assert source.whole
    starts = {"a": date(2024, 1, 3), "b": None, "c": date(2024, 2, 1)}
    rows = source.fetch_rows(starts, end=date(2024, 1, 3)).rows
    kept = rows.groupby("series_id")["time"].agg(lambda t: t.dt.day.fillna(0).astype(int).tolist())
    assert kept.to_dict() == {"a": [3, 0], "b": [2, 3, 0], "c": [0]}
