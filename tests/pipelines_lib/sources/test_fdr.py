"""FinanceDataReader against a server on this machine."""

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
from tests.mirror import (
    ERROR,
    PAGE,
    THREE_DAYS,
    busy,
    cut,
    drip,
    hang,
    in_turn,
    krx_cache,
    naver,
    naver_for,
    reset,
    yahoo,
    zipped,
)

SHARED = Path(os.environ.get("TIDEWATCH_SHARED_DATA", Path(__file__).parents[3] / "../shared/data"))


def fetch(
    settings: Settings,
    *codes: str,
    start: date | None = None,
    end: date | None = None,
    **dataset: object,
) -> Fetched:
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"), **dataset)
    return make_source(config, settings).fetch_rows(dict.fromkeys(codes, start), end=end)


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
    mirror.answers |= {"symbol=005930": naver(*THREE_DAYS), "symbol=999999": naver(symbol="999999")}
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
    mirror.answers["symbol=000660"] = ERROR
    fetched = fetch(mirror.settings(attempts=3), "005930", "000660")
    assert "answered 404: it does not know this code" in fetched.failures["005930"]
    assert "answered 500: the server failed, 3 times" in fetched.failures["000660"]
    assert fetched.transient == {"000660"}
    assert (mirror.count("005930"), mirror.count("000660")) == (1, 3)


GOOD = naver(*THREE_DAYS)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(hang(), id="hang"),
        pytest.param(drip(GOOD, every_s=0.05), id="drip"),
        pytest.param(reset(), id="reset"),
        pytest.param(busy(), id="429"),
        pytest.param(busy("0"), id="429-with-time"),
        pytest.param((503, "text/plain", "busy"), id="503"),
        pytest.param(ERROR, id="500"),
        pytest.param(cut(GOOD), id="cut-with-length"),
        pytest.param(cut(GOOD, with_length=False), id="cut-without-length"),
        pytest.param(naver(*THREE_DAYS[:2], count=3), id="items-missing"),
        pytest.param((200, "text/xml", ""), id="no-body"),
    ],
)
def test_fetch_rows_outlives_a_passing_fault(mirror, fault):
    mirror.answers["symbol=005930"] = in_turn(fault, fault, GOOD)
    fetched = fetch(mirror.settings(read_timeout_s=0.2, answer_timeout_s=0.3), "005930")
    assert fetched.failures == {}
    assert len(fetched.rows) == 3
    assert len(mirror.asked) == 3


LASTING = {
    "hang": (hang(), "fchart.stock.naver.com did not answer in time (5 s to connect, 0.2 s to"),
    "drip": (drip(GOOD, every_s=0.05), "did not end its answer in time (0.3 s): run again later"),
    "reset": (reset(), "fchart.stock.naver.com cannot be reached (ConnectionError), 2 times"),
    "429": (busy("0"), "answered 429, too many requests, 2 times: run again later, or lower"),
    "500": (ERROR, "answered 500: the server failed, 2 times; run again later"),
    "cut-with-length": (cut(GOOD), "fchart.stock.naver.com broke off its answer, 2 times"),
    "cut-without-length": (cut(GOOD, with_length=False), "broke off its answer, 2 times: run"),
    "items-missing": (naver(*THREE_DAYS, count=4), "broke off its answer, 2 times: run again"),
}


@pytest.mark.parametrize("kind", LASTING)
def test_fetch_rows_reports_a_lasting_fault_as_one_that_may_pass(mirror, kind):
    fault, told = LASTING[kind]
    mirror.answers |= {"symbol=005930": lambda: fault, "symbol=000660": naver_for(*THREE_DAYS)}
    settings = mirror.settings(read_timeout_s=0.2, answer_timeout_s=0.3, attempts=2)
    fetched = fetch(settings, "005930", "000660")
    assert told in fetched.failures["005930"]
    assert fetched.failures["005930"].startswith("005930: ")
    assert fetched.transient == {"005930"}
    assert fetched.rows["series_id"].unique().tolist() == ["000660"]
    assert mirror.count("005930") == 2


FINAL = {
    "404": ("005930", (404, "text/plain", "?"), "answered 404: it does not know this code"),
    "400": ("005930", (400, "text/plain", "?"), "answered 400: it does not accept the request"),
    "403": ("005930", (403, "text/plain", "?"), "answered 403: it refuses this address"),
    "login": ("KRX:005930", (400, "text/html", "LOGOUT"), "data.krx.co.kr asks for a login"),
    "empty": ("005930", naver(), "answered without any rows: the code is unknown"),
    "other": ("005930", naver(*THREE_DAYS, symbol="000660"), "with prices of '000660': they"),
    "null": ("AAPL", (200, "application/json", '{"chart": {"result": null}}'), "without any"),
    "no-bars": ("AAPL", yahoo([], "America/New_York"), "query2.finance.yahoo.com answered with"),
    "other-us": (
        "AAPL",
        yahoo(["2024-07-01 13:30"], "America/New_York", symbol="MSFT"),
        "query2.finance.yahoo.com answered with prices of 'MSFT': they are not stored; check",
    ),
}


@pytest.mark.parametrize("kind", FINAL)
def test_fetch_rows_asks_once_where_the_answer_is_final(mirror, kind):
    code, answer, told = FINAL[kind]
    mirror.answers["/"] = answer
    fetched = fetch(mirror.settings(), code)
    assert told in fetched.failures[code]
    assert fetched.transient == frozenset()
    assert fetched.rows.empty
    assert len(mirror.asked) == 1


def test_fetch_rows_takes_the_history_of_a_young_share_for_whole(mirror):
    mirror.answers["symbol=005930"] = naver(*THREE_DAYS, count=6000)  # as many as were asked for
    assert len(fetch(mirror.settings(), "005930").rows) == 3


def test_fetch_rows_takes_a_code_by_another_spelling_of_its_own(mirror):
    day = ["2024-07-01 13:30"]
    mirror.answers["/%5EGSPC"] = yahoo(day, "America/New_York", symbol="^GSPC")
    mirror.answers["/^GSPC"] = mirror.answers["/%5EGSPC"]
    mirror.answers["/KRW=X"] = yahoo(day, "Europe/London", symbol="KRW=X")
    assert fetch(mirror.settings(), "US500", "USD/KRW").failures == {}


def test_fetch_rows_reads_a_compressed_answer(mirror):
    mirror.answers["symbol=005930"] = zipped(GOOD)
    assert len(fetch(mirror.settings(), "005930").rows) == 3


@pytest.mark.parametrize("code", ["005930", "AAPL", "KS11"])
def test_fetch_rows_recognises_a_web_page(mirror, code):
    mirror.answers["/"] = PAGE
    fetched = fetch(mirror.settings(), code)
    assert "answered with a web page, not with data" in fetched.failures[code]
    assert fetched.transient == {code}
    assert len(mirror.asked) == 1


def test_fetch_rows_gives_up_a_host_that_is_silent(mirror):
    mirror.answers |= {"sise.nhn": hang, "/AAPL": yahoo(["2024-07-01 13:30"], "America/New_York")}
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"))
    settings = mirror.settings(read_timeout_s=0.1, attempts=1, parallel_requests=2)
    source = make_source(config, settings)
    codes = [f"{number:06d}" for number in range(300)]
    began = time.monotonic()
    fetched = source.fetch_rows(dict.fromkeys(codes), end=None)
    later = source.fetch_rows({"005930": None, "AAPL": None}, end=None)
    assert time.monotonic() - began < 5
    assert (
        "did not answer in time (5 s to connect, 0.1 s to read): run" in fetched.failures[codes[0]]
    )
    assert (
        "000299: fchart.stock.naver.com was not asked: it is given up" in fetched.failures["000299"]
    )
    assert "no answer (ReadTimeout), 3 times in a row" in fetched.failures["000299"]
    assert list(fetched.failures) == codes
    assert fetched.transient == set(codes)
    assert 3 <= mirror.count("sise.nhn") <= 4
    assert "005930: fchart.stock.naver.com was not asked" in later.failures["005930"]
    assert later.rows["series_id"].tolist() == ["AAPL"]


def test_fetch_rows_asks_on_where_single_codes_fail(mirror):
    def answer(path: str) -> object:
        return ERROR if path.endswith(("1", "2", "3", "4", "5")) else naver_for(*THREE_DAYS)

    mirror.answers["sise.nhn"] = answer
    codes = [f"{number:06d}" for number in range(40)]
    fetched = fetch(mirror.settings(attempts=1, parallel_requests=1), *codes)
    assert len(mirror.asked) == 40
    assert len(fetched.failures) == 20


def test_fetch_rows_asks_side_by_side_and_answers_in_order(mirror):
    def answer(path: str) -> object:
        time.sleep(0.05 if path.endswith("0") else 0.15)
        return naver_for(*THREE_DAYS)(path)

    mirror.answers["sise.nhn"] = answer
    codes = [f"{number:06d}" for number in range(20, 10, -1)]
    fetched = fetch(mirror.settings(parallel_requests=3), *codes)
    assert fetched.rows["series_id"].unique().tolist() == codes
    assert 2 <= mirror.most_at_once <= 3


def test_fetch_rows_starts_each_code_at_its_own_day(mirror):
    mirror.answers["sise.nhn"] = naver_for(*THREE_DAYS)
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"))
    source = make_source(config, mirror.settings())
    assert not source.whole
    starts = {"000660": date(2024, 1, 4), "005930": None, "035720": date(2024, 1, 3)}
    rows = source.fetch_rows(starts, end=date(2024, 1, 3)).rows
    assert rows.groupby("series_id").size().to_dict() == {"005930": 2, "035720": 1}


def test_fetch_rows_asks_nothing_for_no_series(mirror):
    fetched = fetch(mirror.settings())
    assert fetched.rows.empty
    assert fetched.failures == {}


def test_fetch_rows_names_a_host_that_refuses():
    settings = Settings(fdr_mirror="http://127.0.0.1:9", connect_timeout_s=1)
    reason = fetch(settings, "005930").failures["005930"]
    assert "005930: fchart.stock.naver.com cannot be reached (ConnectionError), 4 times" in reason


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
    fetched = fetch(mirror.settings(), "KS11", **days)
    assert "answered 404" in fetched.failures["KS11"]
    assert fetched.transient == frozenset()


WHOLE_YEAR = krx_cache("2023-12-27", "2023-12-28")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (hang(), "raw.githubusercontent.com did not answer in time"),
        (reset(), "raw.githubusercontent.com cannot be reached"),
        (ERROR, "raw.githubusercontent.com answered 500"),
        (busy("0"), "answered 429"),
        (PAGE, "answered with a web page"),
        ((200, "text/plain", '\ufeff""'), "answered with no table of prices"),
        (cut(WHOLE_YEAR, keep=0.9), "broke off its answer"),
        (cut(WHOLE_YEAR, keep=0.9, with_length=False), "broke off its answer"),
    ],
    ids=["hang", "reset", "500", "429", "page", "void", "cut-with-length", "cut-without-length"],
)
@pytest.mark.parametrize("year", [2022, 2023, 2024], ids=["first", "inside", "last"])
def test_fetch_rows_fails_an_index_of_which_a_year_fails(mirror, answer, told, year):
    for number in (2022, 2023, 2024):
        mirror.answers[f"year_ks11/{number}.csv"] = krx_cache(f"{number}-06-03")
    mirror.answers[f"year_ks11/{year}.csv"] = lambda: answer
    days = {"start": date(2022, 2, 1), "end": date(2024, 11, 1)}
    fetched = fetch(mirror.settings(read_timeout_s=0.1, attempts=2), "KS11", **days)
    assert told in fetched.failures["KS11"]
    assert fetched.transient == {"KS11"}
    assert fetched.rows.empty
    assert mirror.count(f"{year}.csv") <= 2


def test_fetch_rows_reports_the_fault_that_may_pass_beside_a_year_never_kept(mirror):
    mirror.answers["year_ks11/2023.csv"] = cut(WHOLE_YEAR)
    days = {"start": date(2022, 2, 1), "end": date(2023, 11, 1)}
    fetched = fetch(mirror.settings(), "KS11", **days)
    assert "broke off its answer" in fetched.failures["KS11"]
    assert fetched.transient == {"KS11"}


def test_fetch_rows_fails_an_index_that_comes_without_its_first_years(mirror):
    mirror.answers["year_ks11/2024.csv"] = krx_cache("2024-01-02")
    days = {"start": date(2022, 6, 1), "end": date(2024, 6, 1)}
    assert "answered 404" in fetch(mirror.settings(), "KS11", **days).failures["KS11"]


def test_fetch_rows_takes_years_before_an_index_for_its_beginning(mirror):
    mirror.answers["year_ks11/1997.csv"] = krx_cache("1997-01-03")
    days = {"start": date(1990, 6, 1), "end": date(1997, 6, 1)}
    assert closes(fetch(mirror.settings(), "KS11", **days)) == {"1997-01-03 00:00": 2}


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
    with pytest.raises(
        SourceError, match=r"list codes in series_ids, .* or name a market in source\.market"
    ):
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
