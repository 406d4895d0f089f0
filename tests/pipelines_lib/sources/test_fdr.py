"""FinanceDataReader against a server on this machine."""

import json
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
from pipelines_lib.sources import Fetched, make_source

SHARED = Path(os.environ.get("TIDEWATCH_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))
HTML = (200, "text/html", "\n<!DOCTYPE html><html><body>we have moved</body></html>")
THREE_DAYS = (
    "20240102|100|110|90|105|1000",
    "20240103|105|120|100|115|1100",
    "20240104|115|116|101|102|1200",
)


def naver(*items: str) -> tuple[int, str, str]:
    """Answer as Naver's chart does: one `yyyymmdd|open|high|low|close|volume` an item."""
    body = "".join(f'\n\t<item data="{item}" />' for item in items)
    head = f'<?xml version="1.0" encoding="EUC-KR" ?><protocol><chartdata count="{len(items)}">'
    return 200, "text/xml;charset=EUC-KR", f"{head}{body}</chartdata></protocol>"


def yahoo(stamps: list[str], zone: str, **values: list[float | None]) -> tuple[int, str, str]:
    """Answer as Yahoo's chart does: bars stamped in UTC, every price 1 unless given."""
    names = ("open", "high", "low", "close", "volume")
    quote = {name: values.get(name, [1.0] * len(stamps)) for name in names}
    result = {
        "meta": {"exchangeTimezoneName": zone, "gmtoffset": 0},
        "timestamp": [int(pd.Timestamp(stamp, tz="UTC").timestamp()) for stamp in stamps],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]},
    }
    chart = {"chart": {"result": [result], "error": None}}
    return 200, "application/json", json.dumps(chart)


def krx_cache(*days: str) -> tuple[int, str, str]:
    """Answer as the cache of KRX indices does: close 2, volume 7, a byte order mark."""
    lines = [f"{day},2.0,1,0.1,0.01,1.0,3.0,0.5,7,9,11" for day in days]
    header = "\ufeffDate,Close,UpDown,Comp,Change,Open,High,Low,Volume,Amount,MarCap"
    return 200, "text/plain; charset=utf-8", "\n".join([header, *lines])


def fetch(
    settings: Settings,
    *codes: str,
    start: date | None = None,
    end: date | None = None,
    **dataset: object,
) -> Fetched:
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"), **dataset)
    return make_source(config, settings).fetch_rows(codes, start=start, end=end)


def closes(fetched: Fetched) -> dict[str, float]:
    """Return the close by day."""
    days = fetched.rows["time"].dt.strftime("%Y-%m-%d %H:%M")
    return dict(zip(days, fetched.rows["close"], strict=True))


def test_fetch_rows_maps_a_korean_share(mirror):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS)
    fetched = fetch(mirror.settings(), "005930")
    assert fetched.failures == {}
    assert list(fetched.rows) == ["series_id", "time", "open", "high", "low", "close", "volume"]
    assert fetched.rows["time"].dtype == "datetime64[us, UTC]"
    assert fetched.rows.iloc[1].tolist() == [
        "005930", pd.Timestamp("2024-01-03", tz="UTC"), 105, 120, 100, 115, 1100,
    ]  # fmt: skip
    assert mirror.asked[0].startswith("/fchart.stock.naver.com/sise.nhn?timeframe=day")


def test_fetch_rows_includes_start_and_end(mirror):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS)
    day = date(2024, 1, 3)
    assert closes(fetch(mirror.settings(), "005930", start=day, end=day)) == {
        "2024-01-03 00:00": 115
    }


def test_fetch_rows_keeps_halts_gaps_and_repeats_as_they_came(mirror):
    items = ("20180430|0|0|0|53000|0", "20180502|||||", "20180503|1|2|1|2|9", "20180503|1|2|1|2|9")
    mirror.answers["symbol=005930"] = naver(*items)
    rows = fetch(mirror.settings(), "005930").rows
    assert rows.loc[0, ["open", "high", "low", "close", "volume"]].tolist() == [0, 0, 0, 53000, 0]
    assert np.isnan(rows.loc[1, "close"])
    assert rows["time"].dt.day.tolist() == [30, 2, 3, 3]


def test_fetch_rows_fails_only_the_code_without_items(mirror, capsys):
    mirror.answers |= {"symbol=005930": naver(*THREE_DAYS), "symbol=999999": naver()}
    fetched = fetch(mirror.settings(), "999999", "005930")
    assert fetched.rows["series_id"].unique().tolist() == ["005930"]
    assert list(fetched.failures) == ["999999"]
    for word in ("999999", "fchart.stock.naver.com", "code is unknown", "check the code"):
        assert word in fetched.failures["999999"]
    assert capsys.readouterr().out == ""


def test_fetch_rows_fails_a_range_without_rows(mirror):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS)
    fetched = fetch(mirror.settings(), "005930", start=date(2025, 1, 1), end=date(2025, 1, 2))
    assert "005930 has no rows from 2025-01-01 to 2025-01-02" in fetched.failures["005930"]
    assert len(fetched.rows) == 0
    assert fetched.rows["time"].dtype == "datetime64[us, UTC]"


def test_fetch_rows_tells_an_unknown_code_from_a_failing_server(mirror):
    mirror.answers["symbol=000660"] = (500, "text/plain", "oops")
    failures = fetch(mirror.settings(), "005930", "000660").failures
    assert "answered 404: it does not know this code" in failures["005930"]
    assert "answered 500: the server failed" in failures["000660"]
    assert len([path for path in mirror.asked if "000660" in path]) == 3


def test_fetch_rows_outlives_a_passing_fault(mirror):
    answers = iter([(503, "text/plain", "busy"), naver(*THREE_DAYS)])
    mirror.answers["symbol=005930"] = lambda: next(answers)
    fetched = fetch(mirror.settings(), "005930")
    assert len(fetched.rows) == 3
    assert fetched.failures == {}


def test_fetch_rows_waits_as_long_as_the_server_asks(mirror):
    answers = iter([(429, "text/plain", "slow down"), naver(*THREE_DAYS)])
    mirror.answers["symbol=005930"] = lambda: next(answers)
    mirror.headers["Retry-After"] = "1"
    began = time.monotonic()
    assert len(fetch(mirror.settings(), "005930").rows) == 3
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("code", ["005930", "AAPL"])
def test_fetch_rows_recognises_a_web_page(mirror, code):
    mirror.answers[code] = HTML
    assert "answered with a web page" in fetch(mirror.settings(), code).failures[code]


def test_fetch_rows_stops_waiting_and_gives_up_on_the_rest(mirror):
    mirror.answers["sise.nhn"] = lambda: time.sleep(0.5) or naver(*THREE_DAYS)
    settings = Settings(fdr_mirror=mirror.url, read_timeout_s=0.1)
    failures = fetch(settings, "000001", "000002", "000003", "000004").failures
    assert "did not answer in time (5 s to connect, 0.1 s to read)" in failures["000001"]
    assert "fchart.stock.naver.com" in failures["000003"]
    assert "000004 was not asked for" in failures["000004"]
    assert not [path for path in mirror.asked if "000004" in path]


def test_fetch_rows_names_a_host_that_refuses():
    settings = Settings(fdr_mirror="http://127.0.0.1:9", connect_timeout_s=1)
    reason = fetch(settings, "005930").failures["005930"]
    assert "005930: fchart.stock.naver.com cannot be reached" in reason


def test_fetch_rows_dates_yahoo_bars_by_their_exchange(mirror):
    summer = ["2024-06-30 23:00", "2024-07-01 23:00", "2024-07-02 23:00"]
    mirror.answers["/KRW=X"] = yahoo(summer, "Europe/London", close=[1380, 1385, 1390])
    mirror.answers["/AAPL"] = yahoo(["2024-07-01 13:30"], "America/New_York", close=[210])
    day = date(2024, 7, 2)
    rates = fetch(mirror.settings(), "USD/KRW", start=date(2024, 7, 1), end=day)
    assert closes(rates) == {"2024-07-01 00:00": 1380, "2024-07-02 00:00": 1385}
    assert closes(fetch(mirror.settings(), "AAPL")) == {"2024-07-01 00:00": 210}


def test_fetch_rows_asks_yahoo_beyond_the_end_it_leaves_out(mirror):
    mirror.answers["/AAPL"] = yahoo(["2024-07-01 13:30"], "America/New_York")
    fetch(mirror.settings(), "AAPL", start=date(2024, 7, 1), end=date(2024, 7, 1))
    asked_until = int(mirror.asked[0].split("period2=")[1].split("&")[0])
    assert asked_until > pd.Timestamp("2024-07-02 06:00", tz="UTC").timestamp()


def test_fetch_rows_keeps_yahoo_nulls_and_adjusted_close(mirror):
    stamps = ["2024-07-01 13:30", "2024-07-02 13:30"]
    mirror.answers["/AAPL"] = yahoo(stamps, "America/New_York", close=[None, 5.0])
    dataset = {"kind": "values", "value_columns": ["adj_close"], "target": "adj_close"}
    rows = fetch(mirror.settings(), "AAPL", **dataset).rows
    assert np.isnan(rows.loc[0, "adj_close"])
    assert rows.loc[1, "adj_close"] == 5


def test_fetch_rows_names_the_columns_a_code_has(mirror):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS)
    dataset = {"kind": "values", "value_columns": ["yield"], "target": "yield"}
    reason = fetch(mirror.settings(), "005930", **dataset).failures["005930"]
    assert "no column yield; it has open, high, low, close, volume, change" in reason


def test_fetch_rows_reads_an_index_from_the_cache(mirror):
    mirror.answers["year_ks11/2023.csv"] = krx_cache("2023-12-28")
    mirror.answers["year_ks11/2024.csv"] = krx_cache("2024-01-02", "2024-01-03")
    fetched = fetch(mirror.settings(), "KS11", start=date(2023, 12, 28), end=date(2024, 1, 2))
    assert closes(fetched) == {"2023-12-28 00:00": 2, "2024-01-02 00:00": 2}
    assert fetched.rows.loc[0, ["open", "high", "low", "volume"]].tolist() == [1, 3, 0.5, 7]


def test_fetch_rows_fails_an_index_with_a_year_missing_inside(mirror):
    mirror.answers["year_ks11/2022.csv"] = krx_cache("2022-12-28")
    mirror.answers["year_ks11/2024.csv"] = krx_cache("2024-01-02")
    days = {"start": date(2022, 6, 1), "end": date(2024, 6, 1)}
    assert "answered 404" in fetch(mirror.settings(), "KS11", **days).failures["KS11"]


def test_fetch_rows_takes_a_year_missing_at_the_end_for_the_end(mirror):
    mirror.answers["year_ks11/2024.csv"] = krx_cache("2024-12-30")
    days = {"start": date(2024, 6, 1), "end": date(2024, 12, 31)}
    fetched = fetch(mirror.settings(), "KS11", **days)
    assert "year_ks11/2025.csv" in mirror.asked[-1]
    assert closes(fetched) == {"2024-12-30 00:00": 2}


def test_open_client_leaves_others_their_requests(mirror, capsys):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS)
    fetch(mirror.settings(), "005930")
    from FinanceDataReader.naver import data

    assert data.requests.get(f"{mirror.url}/plain").status_code == 404
    data.print("said outside")
    assert capsys.readouterr().out == "said outside\n"


def test_list_series_asks_for_codes():
    source = make_source(DatasetConfig(name="prices", source=SourceConfig(kind="fdr")), Settings())
    with pytest.raises(SourceError, match="list the codes in series_ids"):
        source.list_series()


def test_fetch_rows_reads_a_recorded_answer(mirror):
    recorded = SHARED / "fdr/pykrx_cassettes/naver_fchart_test_ohlcv_with_adjusted_0.xml"
    if not recorded.exists():
        pytest.skip(f"no recorded answers under {SHARED}: set TIDEWATCH_SHARED_DATA")
    body = recorded.read_text(encoding="utf-8", errors="replace")
    mirror.answers["symbol=005930"] = (200, "text/xml;charset=EUC-KR", body)
    days = {"start": date(2018, 4, 27), "end": date(2018, 5, 4)}
    rows = fetch(mirror.settings(), "005930", **days).rows
    assert rows["time"].dt.strftime("%m-%d").tolist() == [
        "04-27",
        "04-30",
        "05-02",
        "05-03",
        "05-04",
    ]
    assert (rows["open"] == 0).tolist() == [False, True, True, True, False]
    assert (rows["close"] > 0).all()
