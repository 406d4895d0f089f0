"""The codes of a market, as the hosts behind FinanceDataReader list them."""

import json
from pathlib import Path

import pytest

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.sources import make_source
from tests.mirror import (
    ERROR,
    LOGOUT,
    PAGE,
    Mirror,
    busy,
    cut,
    hang,
    in_turn,
    krx_market,
    krx_work_day,
    reset,
)

DAY = "2026-03-20"
CODES = {"005930": "STK", "0126Z0": "STK", "000660": "STK", "035420": "KSQ", "900110": "KNX"}
WORK_DAY = "executeForResourceBundle.cmd"
LIST = f"listing/krx/{DAY}.csv"


def list_series(mirror: Mirror, market: str, **settings: object) -> list[str]:
    config = DatasetConfig(name="all", source=SourceConfig(kind="fdr", market=market))
    return make_source(config, mirror.settings(**settings)).list_series()


@pytest.mark.parametrize(
    ("market", "codes"),
    [
        ("KRX", ["000660", "005930", "0126Z0", "035420", "900110"]),
        ("KOSPI", ["000660", "005930", "0126Z0"]),
        ("KOSDAQ", ["035420"]),
        ("KONEX", ["900110"]),
    ],
)
def test_list_series_lists_a_korean_market(mirror, market, codes):
    mirror.answers |= krx_market(DAY, **CODES)
    assert list_series(mirror, market) == codes
    assert mirror.asked[0].startswith("/data.krx.co.kr/comm/bldAttendant/executeForResource")
    assert mirror.asked[-1].startswith("/raw.githubusercontent.com/FinanceData/fdr_krx_data_cache/")


def test_list_series_leaves_out_what_has_no_prices(mirror):
    mirror.answers |= krx_market(DAY, **{"005930": "STK", "F70100026": "STK", "12345": "STK"})
    assert list_series(mirror, "KRX") == ["005930"]


def test_list_series_reads_the_recorded_list(mirror, shared_data: Path):
    recorded = shared_data / "fdr/github_cache/listing_krx_2026-03-20.csv"
    if not recorded.exists():
        pytest.skip(f"no recorded list at {recorded}")
    body = recorded.read_bytes()
    mirror.answers |= {WORK_DAY: krx_work_day(DAY), LIST: (200, "text/plain; charset=utf-8", body)}
    codes = list_series(mirror, "KRX")
    assert len(codes) == 2879
    assert codes == sorted(set(codes))
    assert {"005930", "000660"} <= set(codes)
    assert len(list_series(mirror, "KOSPI")) < 1000


def test_list_series_lists_korean_funds(mirror):
    funds = [{"itemcode": "069500", "itemname": "KODEX 200"}, {"itemcode": "0000D0"}]
    body = json.dumps({"result": {"etfItemList": funds}})
    mirror.answers["etfItemList.nhn"] = (200, "application/json", body)
    assert list_series(mirror, "ETF/KR") == ["0000D0", "069500"]


def test_list_series_lists_an_american_market_page_by_page(mirror):
    def page(*symbols: str) -> tuple[int, str, str]:
        stocks = [
            {"symbolCode": name, "stockNameEng": name, "industryCodeType": None} for name in symbols
        ]
        return 200, "application/json", json.dumps({"totalCount": 3, "stocks": stocks})

    mirror.answers |= {"page=1&": page("MSFT", "AAPL"), "page=2&": page("BRK.B"), "page=3&": page()}
    assert list_series(mirror, "NASDAQ") == ["AAPL", "BRK-B", "MSFT"]


def test_list_series_lists_the_s_and_p_500_as_yahoo_spells_it(mirror):
    head = "".join(f"<th>{name}</th>" for name in ("Symbol", "Security", "GICS Sector"))
    rows = "".join(
        f"<tr><td>{name}</td><td>x</td><td>y</td><td>z</td></tr>" for name in ("MMM", "BRK.B")
    )
    table = f"<table><tr>{head}<th>GICS Sub-Industry</th></tr>{rows}</table>"
    page = (200, "text/html", f"<!DOCTYPE html><html><body>{table}</body></html>")
    mirror.answers["List_of_S"] = page
    assert list_series(mirror, "S&P500") == ["BRK-B", "MMM"]


def test_list_series_outlives_a_passing_fault(mirror):
    good = krx_market(DAY, **CODES)
    mirror.answers[WORK_DAY] = in_turn(hang(), ERROR, good[WORK_DAY])
    mirror.answers[LIST] = in_turn(reset(), cut(good[LIST]), good[LIST])
    assert len(list_series(mirror, "KRX", read_timeout_s=0.2)) == 5


NO_CODE = (200, "text/plain", ",Kod,MarketId\n0,005930,STK\n")
NO_SHARE = (200, "text/plain", ",Code,MarketId\n0,F70100026,STK\n")
NO_ROW = (200, "text/plain", ",Code,MarketId\n")
FAULTS = {
    "hang": (WORK_DAY, hang(), True, "data.krx.co.kr did not answer in time"),
    "reset": (WORK_DAY, reset(), True, "data.krx.co.kr cannot be reached"),
    "busy": (WORK_DAY, busy("0"), True, "data.krx.co.kr answered 429, too many requests"),
    "logout": (WORK_DAY, LOGOUT, False, r"data.krx.co.kr asks for a login \(LOGOUT\)"),
    "logout-400": (WORK_DAY, (400, "text/html", "LOGOUT"), False, "asks for a login"),
    "page": (WORK_DAY, PAGE, True, "data.krx.co.kr answered with a web page"),
    "403": (WORK_DAY, (403, "text/plain", "?"), False, "data.krx.co.kr answered 403: it refuses"),
    "json": (WORK_DAY, (200, "text/plain", "{}"), False, "data.krx.co.kr gave cannot be read"),
    "not-pushed": (LIST, None, True, "answered 404: the list of the day is not there yet; run"),
    "list-500": (LIST, ERROR, True, "raw.githubusercontent.com answered 500"),
    "list-page": (LIST, PAGE, True, "raw.githubusercontent.com answered with a web page"),
    "weekend": (LIST, (200, "text/plain", '\ufeff""'), True, "raw.githubusercontent.com gave an"),
    "void": (LIST, (200, "text/plain", ""), True, "gave an empty list: run again later, or name"),
    "no-row": (LIST, NO_ROW, True, "gave an empty list: run again later, or name the codes in"),
    "no-column": (LIST, NO_CODE, False, "has no column Code or Symbol, it has Kod, MarketId"),
    "no-share": (LIST, NO_SHARE, False, r"none of the 1 codes in .*\(F70100026\) is one that"),
}


@pytest.mark.parametrize("market", ["KRX", "KOSPI"])
@pytest.mark.parametrize("kind", FAULTS)
def test_list_series_reports_every_fault(mirror, kind, market):
    part, fault, transient, told = FAULTS[kind]
    mirror.answers |= krx_market(DAY, **CODES)
    mirror.answers[part] = (404, "text/plain", "404: Not Found") if fault is None else fault
    with pytest.raises(SourceError, match=told) as caught:
        list_series(mirror, market, read_timeout_s=0.1, attempts=2)
    assert market in str(caught.value)
    assert caught.value.transient == transient


def test_list_series_reports_a_market_without_shares(mirror):
    mirror.answers |= krx_market(DAY, **{"005930": "STK"})
    with pytest.raises(SourceError, match=r"KONEX: .* gave an empty list") as caught:
        list_series(mirror, "KONEX")
    assert caught.value.transient


def test_list_series_reports_an_american_page_that_fails(mirror):
    stock = {"symbolCode": "AAPL", "stockNameEng": "Apple", "industryCodeType": None}
    page = json.dumps({"totalCount": 100, "stocks": [stock]})
    mirror.answers |= {"page=1&": (200, "application/json", page), "page=2&": ERROR}
    with pytest.raises(SourceError, match=r"list of NYSE: api\.stock\.naver\.com answered 500"):
        list_series(mirror, "NYSE", attempts=2)
