"""The manners of a client, against a server on this machine."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.sources import http, make_source, pace
from pipelines_lib.sources.answers import CutShort, NotData, TooSlow
from pipelines_lib.sources.http import Client, GivenUp, make_manners, open_client
from tests.mirror import (
    ERROR,
    PAGE,
    THREE_DAYS,
    Mirror,
    busy,
    cut,
    drip,
    hang,
    in_turn,
    naver,
    naver_for,
    zipped,
)

GOOD = (200, "text/plain", "fine")
URL = "https://host.test/thing"


@pytest.fixture
def client(mirror):
    with open_client(make_manners(mirror.settings())) as opened:
        yield opened


def client_of(mirror: Mirror, **settings: object) -> Client:
    return Client(requests.Session(), make_manners(mirror.settings(**settings)))


def test_send_gives_an_answer_that_reads_as_ever(mirror, client):
    body = json.dumps({"symbol": "삼성", "rows": [1] * 50_000}, ensure_ascii=False)
    mirror.answers["thing"] = zipped((200, "application/json", body))
    answer = client.send("GET", URL, params={"a": "b"}, headers={"X-Test": "1"})
    assert answer.json()["symbol"] == "삼성"
    assert answer.content == body.encode()
    assert answer.text == body
    assert mirror.asked == ["/host.test/thing?a=b"]
    assert client.faults == []


def test_send_cuts_off_a_server_that_drips(mirror):
    mirror.answers["thing"] = drip((200, "text/plain", "x" * 2_000), every_s=0.02)
    client = client_of(mirror, answer_timeout_s=0.2, attempts=1)
    began = time.monotonic()
    with pytest.raises(TooSlow):
        client.send("GET", URL)
    assert time.monotonic() - began < 2


def test_send_after_a_cut_answer_asks_on_a_clean_connection(mirror):
    mirror.answers["thing"] = in_turn(cut((200, "text/plain", "0123456789" * 1000)), GOOD)
    client = client_of(mirror, attempts=1)
    with pytest.raises(CutShort):
        client.send("GET", URL)
    client.forget()
    assert client.send("GET", URL).text == "fine"


def test_send_recognises_a_compressed_answer_that_breaks_off(mirror):
    whole = naver(*THREE_DAYS * 100)
    mirror.answers["sise.nhn"] = cut(zipped(whole), with_length=False)
    client = client_of(mirror, attempts=1)
    with pytest.raises(CutShort):
        client.send("GET", "https://host.test/sise.nhn?count=6000&symbol=005930")


@pytest.mark.parametrize("body", ['{"chart": {"result": [1, 2', '[{"a": 1}, {"a"', '{"a": {}'])
def test_send_recognises_json_that_breaks_off(mirror, body):
    mirror.answers["thing"] = in_turn((200, "text/html", body), (200, "text/html", "{}"))
    assert client_of(mirror).send("GET", URL).text == "{}"
    assert len(mirror.asked) == 2


def test_send_refuses_a_page_but_where_pages_are_meant(mirror, client):
    mirror.answers["/"] = PAGE
    with pytest.raises(NotData):
        client.send("GET", URL)
    page = client.send("GET", "https://en.wikipedia.org/wiki/List_of_S%26P_500_companies")
    assert page.text == PAGE[2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_send_asks_once_for_what_is_final(mirror, client, status):
    mirror.answers["thing"] = (status, "text/plain", "no")
    with pytest.raises(requests.HTTPError):
        client.send("GET", URL)
    assert len(mirror.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_send_asks_as_often_as_attempts_say(mirror, status):
    mirror.answers["thing"] = (status, "text/plain", "busy")
    client = client_of(mirror, attempts=3)
    with pytest.raises(requests.HTTPError) as caught:
        client.send("GET", URL)
    assert len(mirror.asked) == 3
    assert client.faults == [caught.value]


def test_send_waits_longer_before_each_repeat(mirror, monkeypatch):
    monkeypatch.setattr(http, "BASE_WAIT_S", 0.1)
    mirror.answers["thing"] = ERROR
    with pytest.raises(requests.HTTPError):
        client_of(mirror, attempts=4).send("GET", URL)
    gaps = [later - first for first, later in zip(mirror.times, mirror.times[1:], strict=False)]
    for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=True):
        assert gap >= least


def test_send_honours_a_time_to_wait_in_seconds(mirror):
    mirror.answers["thing"] = in_turn(busy("1"), GOOD)
    assert client_of(mirror).send("GET", URL).text == "fine"
    assert 0.95 <= mirror.times[1] - mirror.times[0] < 1.8


def test_send_honours_a_time_to_wait_as_a_date(mirror):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    mirror.answers["thing"] = in_turn(busy(soon, status=503), GOOD)
    assert client_of(mirror).send("GET", URL).text == "fine"
    assert mirror.times[1] - mirror.times[0] >= 0.8  # dates have no fractions of a second


def test_send_caps_the_time_to_wait(mirror, monkeypatch):
    monkeypatch.setattr(pace, "LONGEST_WAIT_S", 0.2)
    mirror.answers["thing"] = in_turn(busy("86400"), GOOD)
    began = time.monotonic()
    assert client_of(mirror).send("GET", URL).text == "fine"
    assert 0.2 <= time.monotonic() - began < 2


def test_send_waits_longer_after_each_429_without_a_time(mirror, monkeypatch):
    monkeypatch.setattr(pace, "TOO_MANY_WAIT_S", 0.1)
    mirror.answers["thing"] = in_turn(busy(), busy(), busy(), GOOD)
    client_of(mirror).send("GET", URL)
    gaps = [later - first for first, later in zip(mirror.times, mirror.times[1:], strict=False)]
    for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=True):
        assert gap >= least * 0.98


def test_send_after_a_good_answer_pauses_shortly_again(mirror, monkeypatch):
    monkeypatch.setattr(pace, "TOO_MANY_WAIT_S", 0.2)
    mirror.answers["thing"] = in_turn(busy(), busy(), GOOD, busy(), GOOD)
    client = client_of(mirror)
    client.send("GET", URL)
    client.send("GET", URL)
    assert 0.2 * 0.98 <= mirror.times[4] - mirror.times[3] < 0.7  # the third in a row: 0.8


def test_send_asks_once_over_a_connection_that_is_not_secure(mirror):
    turns = []
    settings = mirror.settings().model_copy(
        update={"fdr_mirror": mirror.url.replace("http:", "https:")}
    )
    with (
        open_client(make_manners(settings, lambda: turns.append(1))) as client,
        pytest.raises(requests.exceptions.SSLError),
    ):
        client.send("GET", URL)
    assert turns == [1]
    assert mirror.asked == []


def test_send_after_a_429_holds_all_threads_back(mirror):
    """One of four gets a 429: none of the others sends until its time has passed."""
    got = threading.Event()

    def answer(path: str) -> object:
        if "first" in path and not got.is_set():
            got.set()
            return busy("1")
        return GOOD

    mirror.answers["thing"] = answer
    clients = [client_of(mirror) for _ in range(4)]

    def ask(number: int) -> None:
        if number:
            got.wait(5)
            time.sleep(0.1)  # the 429 is on its way to the first
        clients[number].send("GET", URL + ("?first" if number == 0 else f"?{number}"))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(ask, range(4)))
    assert len(mirror.times) == 5
    assert all(moment - mirror.times[0] >= 0.95 for moment in mirror.times[1:])


def test_send_keeps_the_pace_over_two_sources_in_two_threads(mirror):
    mirror.answers["sise.nhn"] = naver_for(*THREE_DAYS)
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"))
    settings = mirror.settings(requests_per_second=20)
    sources = [make_source(config, settings) for _ in range(2)]
    codes = [[f"{side}{number:05d}" for number in range(6)] for side in (1, 2)]

    def fetch(side: int) -> int:
        return len(sources[side].fetch_rows(dict.fromkeys(codes[side]), end=None).rows)

    with ThreadPoolExecutor(2) as workers:
        assert list(workers.map(fetch, range(2))) == [18, 18]
    assert mirror.times[-1] - mirror.times[0] >= 11 / 20 - 0.04


def test_send_asks_the_limiter_before_every_request(mirror):
    turns = []
    mirror.answers["sise.nhn"] = in_turn(ERROR, busy("0"), naver_for(*THREE_DAYS))
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"))
    source = make_source(config, mirror.settings(), limiter=lambda: turns.append(len(mirror.asked)))
    assert turns == []
    assert source.fetch_rows({"005930": None}, end=None).failures == {}
    assert turns == [0, 1, 2]


def test_send_takes_a_host_up_again_that_answers(mirror):
    mirror.answers["thing"] = hang()
    client = client_of(mirror, attempts=1, read_timeout_s=0.05)
    for _ in range(http.GIVE_UP_AFTER - 1):
        client.forget()
        with pytest.raises(requests.ReadTimeout):
            client.send("GET", URL)
    mirror.answers["thing"] = GOOD
    client.forget()
    client.send("GET", URL)
    mirror.answers["thing"] = hang()
    client.forget()
    with pytest.raises(requests.ReadTimeout):
        client.send("GET", URL)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [(hang(), http.GIVE_UP_AFTER), (busy("0"), http.GIVE_UP_AFTER)]
    + [(fault, http.GIVE_UP_AFTER_ERRORS) for fault in (ERROR, (403, "text/plain", "no"), PAGE)],
    ids=["hang", "429", "500", "403", "page"],
)
def test_send_gives_up_a_host_but_not_another(mirror, answer, asked):
    mirror.answers |= {"/host.test/": answer, "/other.test/": GOOD}
    client = client_of(mirror, attempts=1, read_timeout_s=0.05)
    for number in range(20):
        client.forget()
        with pytest.raises(requests.RequestException) as caught:
            client.send("GET", URL)
        assert isinstance(caught.value, GivenUp) == (number >= asked)
    assert len(mirror.asked) == asked
    assert client.send("GET", "https://other.test/thing").text == "fine"


def test_send_never_gives_up_over_unknown_codes(mirror, client):
    for _ in range(2 * http.GIVE_UP_AFTER_ERRORS):
        client.forget()
        with pytest.raises(requests.HTTPError):
            client.send("GET", URL)
    assert len(mirror.asked) == 2 * http.GIVE_UP_AFTER_ERRORS


def test_open_client_closes_its_session(mirror, monkeypatch):
    closed = []
    monkeypatch.setattr(requests.Session, "close", lambda session: closed.append(session))
    mirror.answers["sise.nhn"] = naver_for(*THREE_DAYS)
    config = DatasetConfig(name="prices", source=SourceConfig(kind="fdr"))
    source = make_source(config, mirror.settings(parallel_requests=3))
    source.fetch_rows(dict.fromkeys(["000660", "005930", "035720", "035420"]), end=None)
    assert len(closed) == 3
