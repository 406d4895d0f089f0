"""The made-up series: the same for the same seed, with the events where they are said to be."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config import DatasetConfig, SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.settings import Settings
from pipelines_lib.sources import Fetched, Source, make_source

PRICES = ["open", "high", "low", "close"]


def market(*, calendar: str = "fixed", **source: object) -> Source:
    config = SourceConfig(kind="synthetic-market", **source)
    return make_source(DatasetConfig(name="m", source=config, calendar=calendar), Settings())


def sine(*, step_minutes: int = 60, **source: object) -> Source:
    config = SourceConfig(kind="synthetic-sine", **source)
    dataset = DatasetConfig(
        name="s", source=config, kind="values", value_columns=["value"], target="value",
        calendar="fixed", step_minutes=step_minutes,
    )  # fmt: skip
    return make_source(dataset, Settings())


def fetch(source: Source, *ids: str, start: date | None = None, end: date | None = None) -> Fetched:
    return source.fetch_rows(dict.fromkeys(ids or source.list_series(), start), end=end)


def bars_of(source: Source, series_id: str) -> pd.DataFrame:
    return fetch(source, series_id).rows.reset_index(drop=True)


def traded(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[bars["volume"] > 0]


def test_sine_is_a_sine_without_noise():
    source = sine(n_series=2, n_steps=100, noise=0, anomalies=False, period=4)
    fetched = fetch(source, "sin", "cos")
    assert source.list_series() == ["cos", "sin"]
    sin, cos = (fetched.rows.query("series_id == @name")["value"] for name in ("sin", "cos"))
    assert sin.head(5).round(9).tolist() == [0, 1, 0, -1, 0]
    assert cos.head(5).round(9).tolist() == [1, 0, -1, 0, 1]
    assert fetched.labels.empty


def test_sine_rises_by_its_trend():
    source = sine(n_series=1, n_steps=1001, noise=0, trend=3, anomalies=False, period=100)
    values = fetch(source).rows["value"]
    assert values.iloc[1000] == pytest.approx(3)


def test_sine_keeps_labels_of_its_spikes_and_drops():
    with_anomalies = fetch(sine(n_series=2, n_steps=1000))
    without = fetch(sine(n_series=2, n_steps=1000, anomalies=False))
    moved = (with_anomalies.rows["value"] - without.rows["value"]).to_numpy().reshape(2, 1000)
    assert np.flatnonzero(moved[1]).tolist() == [200, 400, 600, 800]
    assert moved[1, [200, 400, 600, 800]].round(9).tolist() == [2.8, -2.8, 2.8, -2.8]
    assert np.flatnonzero(moved[0]).tolist() == [237, 437, 637, 837]
    labels = with_anomalies.labels.query("series_id == 'sin'")
    assert labels["kind"].tolist() == ["spike", "drop", "spike", "drop"]
    assert labels["time"].iloc[0] == pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(hours=200)


@pytest.mark.parametrize(("minutes", "first"), [(60, "2024-01-01 00:00"), (7, "2024-01-01 00:01")])
def test_sine_starts_on_a_step_of_its_calendar(minutes, first):
    times = fetch(sine(n_series=1, n_steps=10, step_minutes=minutes)).rows["time"]
    assert times.dtype == "datetime64[us, UTC]"
    assert times.iloc[0] == pd.Timestamp(first, tz="UTC")
    assert times.iloc[0].timestamp() % (minutes * 60) == 0
    assert times.iloc[9] - times.iloc[0] == pd.Timedelta(minutes=9 * minutes)


def test_sine_follows_the_offset_of_its_calendar():
    dataset = DatasetConfig(
        name="s", source=SourceConfig(kind="synthetic-sine", n_steps=10), kind="values",
        value_columns=["value"], target="value", calendar="fixed", step_minutes=60,
        offset_minutes=7,
    )  # fmt: skip
    rows = fetch(make_source(dataset, Settings())).rows
    assert rows["time"].iloc[0] == pd.Timestamp("2024-01-01 00:07", tz="UTC")


def test_sine_refuses_bars():
    dataset = DatasetConfig(name="s", source=SourceConfig(kind="synthetic-sine"))
    with pytest.raises(SourceError, match="declare kind=values with one column"):
        make_source(dataset, Settings())


@pytest.mark.parametrize("make", [sine, market])
def test_synthetic_repeats_itself_by_seed(make):
    first = fetch(make(n_series=3, n_steps=300)).rows
    pd.testing.assert_frame_equal(first, fetch(make(n_series=3, n_steps=300)).rows)
    other = fetch(make(n_series=3, n_steps=300, seed=8)).rows
    assert not np.array_equal(first.iloc[:, -1], other.iloc[:, -1])


@pytest.mark.parametrize("make", [sine, market])
def test_synthetic_series_do_not_depend_on_how_many_there_are(make):
    few, many = make(n_series=3, n_steps=300), make(n_series=9, n_steps=300)
    for series_id in few.list_series():
        pd.testing.assert_frame_equal(bars_of(few, series_id), bars_of(many, series_id))
    assert len({fetch(many, name).rows.iloc[-1, -1] for name in many.list_series()}) == 9


@pytest.mark.parametrize("make", [sine, market])
def test_synthetic_cuts_each_series_at_its_own_start(make):
    source = make(n_series=2, n_steps=1000)
    assert source.whole
    whole = fetch(source)
    day = whole.labels["time"].iloc[1].date()
    first, second = source.list_series()
    cut = source.fetch_rows({first: day, second: None}, end=None)
    for kept, all_ in ((cut.rows, whole.rows), (cut.labels, whole.labels)):
        late = all_["time"] >= pd.Timestamp(day, tz="UTC")
        asked = all_[late | (all_["series_id"] == second)]
        pd.testing.assert_frame_equal(kept, asked.reset_index(drop=True))


@pytest.mark.parametrize("make", [sine, market])
def test_synthetic_cuts_rows_and_labels_alike(make):
    source = make(n_series=1, n_steps=1000)
    whole = fetch(source)
    day = whole.labels["time"].iloc[1].date()
    cut = fetch(source, start=day, end=day)
    assert set(cut.rows["time"].dt.date) == {day}
    assert cut.labels["time"].tolist() == [whole.labels["time"].iloc[1]]


@pytest.mark.parametrize("make", [sine, market])
def test_synthetic_fails_a_series_it_does_not_have(make):
    fetched = fetch(make(n_series=2, n_steps=100), "nobody")
    assert "nobody is none of the source's 2 series" in fetched.failures["nobody"]
    assert fetched.rows.empty
    assert fetched.labels.empty


def test_market_trades_on_sessions_of_its_exchange():
    times = bars_of(market(calendar="XKRX", n_series=1, n_steps=25), "SYN001")["time"]
    days = times.dt.strftime("%Y-%m-%d").tolist()
    assert days[0] == "2022-01-03"
    assert days[19:22] == ["2022-01-28", "2022-02-03", "2022-02-04"]


def test_market_reaches_further_back_for_a_long_history():
    times = bars_of(market(calendar="XKRX", n_series=1, n_steps=2500), "SYN001")["time"]
    assert len(times) == 2500
    assert times.iloc[-1] == pd.Timestamp("2025-12-30", tz="UTC")


def test_market_refuses_more_sessions_than_there_were():
    with pytest.raises(SourceError, match=r"source\.n_steps is 100000, but XKRX has 1\d{4} "):
        fetch(market(calendar="XKRX", n_series=1, n_steps=100_000))


def test_market_bars_hold_together_but_for_one_row():
    rows = traded(fetch(market(n_series=8)).rows)
    inner = rows[["open", "close"]]
    torn = (inner.max(axis=1) > rows["high"]) | (inner.min(axis=1) < rows["low"])
    assert rows.loc[torn, "series_id"].tolist() == ["SYN001"]
    assert (rows.loc[torn, "low"] > rows.loc[torn, "high"]).all()
    assert (rows[PRICES] >= 1).all(axis=None)
    assert (rows[[*PRICES, "volume"]] % 1 == 0).all(axis=None)


def test_market_moves_stay_within_the_limit():
    rows = fetch(market(n_series=40, n_steps=1000)).rows
    moves = rows.groupby("series_id")["close"].pct_change().abs()
    assert 0.1 < moves.max() <= 0.30


def test_market_moves_together_and_in_clusters():
    close = fetch(market(n_series=20, n_steps=2000, anomalies=False)).rows
    moves = close.pivot(index="time", columns="series_id", values="close").pct_change()
    pairs = moves.corr().to_numpy()[np.triu_indices(20, 1)]
    assert 0.1 < pairs.mean() < 0.6
    assert np.mean([moves[name].abs().autocorr(1) for name in moves]) > 0.05


def test_market_prices_differ_widely():
    last = fetch(market(n_series=8)).rows.groupby("series_id")["close"].last()
    assert last.max() / last.min() > 20


def test_market_halts_as_the_korean_feed_does():
    bars = bars_of(market(n_series=3, n_steps=600), "SYN003")
    halted = bars["volume"] == 0
    assert halted[120]
    assert 2 <= halted.sum() <= 9
    assert (bars.loc[halted, ["open", "high", "low"]] == 0).all(axis=None)
    carried = bars["close"].shift()
    assert (bars.loc[halted, "close"] == carried[halted]).all()


def test_market_splits_one_share_in_volume_only():
    bars = bars_of(market(n_series=2, n_steps=600, anomalies=False), "SYN002")
    assert (bars.loc[237:239, "volume"] == 0).all()
    assert (bars["volume"] == 0).sum() == 3
    before, after = bars.loc[137:236, "volume"].median(), bars.loc[240:339, "volume"].median()
    assert after / before == pytest.approx(5, rel=0.25)
    assert abs(bars.loc[240, "close"] / bars.loc[236, "close"] - 1) < 0.1


def test_market_lists_one_share_late():
    source = market(n_series=4, n_steps=400)
    assert len(bars_of(source, "SYN004")) == 300
    assert len(bars_of(source, "SYN003")) == 400
    assert bars_of(source, "SYN004")["time"].iloc[-1] == bars_of(source, "SYN003")["time"].iloc[-1]


def test_market_labels_what_is_strange():
    source = market(n_series=8, n_steps=600)
    fetched = fetch(source)
    rows = fetched.rows.merge(fetched.labels, how="left", on=["series_id", "time"])
    series = rows.groupby("series_id")
    rows["move"] = series["close"].pct_change()
    usual = rows.groupby("series_id")["move"].transform(lambda m: m.rolling(60, 30).std().shift())
    rows["sigmas"] = rows["move"].abs() / usual
    trade = series["volume"].transform(lambda v: v.rolling(20).median().shift())
    rows["burst"] = rows["volume"] / trade
    rows["range"] = (rows["high"] - rows["low"]) / rows["close"]
    by_kind = dict(list(rows.groupby("kind")))
    assert {kind: len(found) for kind, found in by_kind.items()} == {
        "jump": 8,
        "range_burst": 8,
        "volume_burst": 8,
    }
    assert by_kind["jump"]["sigmas"].median() > 8
    assert by_kind["jump"]["sigmas"].min() > 6
    assert by_kind["volume_burst"]["burst"].min() > 12
    assert by_kind["range_burst"]["range"].min() > 0.2
    plain = rows[rows["kind"].isna()]
    assert plain["sigmas"].max() < 6.5
    assert plain["range"].max() < 0.2
    half = rows["time"].min() + (rows["time"].max() - rows["time"].min()) / 2
    assert fetched.labels["time"].min() >= half


def test_market_without_anomalies_has_no_labels():
    fetched = fetch(market(n_series=8, n_steps=600, anomalies=False))
    assert fetched.labels.empty
    rows = traded(fetched.rows)
    assert (rows["low"] <= rows["high"]).all()


def test_market_refuses_columns_it_has_not():
    source = SourceConfig(kind="synthetic-market")
    dataset = DatasetConfig(
        name="m", source=source, kind="values", value_columns=["close", "yield"]
    )
    with pytest.raises(SourceError, match="no column yield"):
        make_source(dataset, Settings())


def test_make_source_imports_no_heavy_library():
    import subprocess
    import sys

    heavy = ("mlflow", "prefect", "torch", "FinanceDataReader", "exchange_calendars")
    code = f"import sys, pipelines_lib.sources; print([m for m in {heavy!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
