"""The command `tidewatch quarantine` on a lake that holds rows back."""

import re
import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from deployments.cli import main
from deployments.quarantine import override_rules
from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import Lake
from pipelines_lib.tables import INGESTS, RELEASES, observations_table
from tests.fakes import FakeSource

AT = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch, make_bars, bars_dataset):
    """Return a home in whose lake series A has a jump on its last day, and bad rows before."""
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    bars = make_bars(["A", "B"], 30)
    prices = ["open", "high", "low", "close"]
    bars.loc[29, prices] = np.round(bars.loc[28, "close"] * 1.4)
    bars.loc[40, "high"] = bars.loc[40, "close"] * 0.9
    bars.loc[[41, 42], "volume"] = [np.inf, np.nan]
    lake = Lake(str(tmp_path / "lake"))
    ingest_dataset(lake, bars_dataset(), FakeSource(bars), ingest_id="i", at=AT)
    return tmp_path


@pytest.fixture
def quarantine(monkeypatch, capsys):
    """Run the command; return the exit code and what it said, spaces as one."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidewatch", "quarantine", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, re.sub(r"\s+", " ", said.out + said.err)

    return run


def stored(home, series):
    table = observations_table(("open", "high", "low", "close", "volume"))
    return Lake(str(home / "lake")).read_rows("prices", table, series_ids=[series])


def test_quarantine_lists_counts_rows_and_what_to_do(home, quarantine):
    code, said = quarantine("prices")
    assert code == 0
    assert "prices: 4 rows in quarantine" in said
    assert "not_finite 2 a value is missing or not finite" in said
    assert "price_limit 1 the close moved by more than a session allows" in said
    close = f"{np.round(stored(home, 'A')['close'].iloc[-1] * 1.4):,.0f}"
    assert re.search(rf"A 2024-02-14 price_limit ({close} ){{4}}", said)
    assert re.search(r"B 2024-01-18 not_finite .* missing B 2024-01-17 not_finite .* inf ", said)
    assert "--release --by-hand --rule price_limit" in said
    assert "--set price_limit=0.5 by another limit than 0.31" in said
    assert "--rule not_finite" not in said  # such a row cannot be stored


def test_quarantine_fits_a_hundred_columns(home, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tidewatch", "quarantine", "prices"])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    table = out[out.index("The newest") : out.index("->")]
    assert max(map(len, table.splitlines())) <= 100
    assert len([line for line in table.splitlines() if line.startswith(("A", "B"))]) == 4


def test_quarantine_shows_the_newest_rows_and_counts_the_rest(home, quarantine):
    _, said = quarantine("prices", "--limit", "1")
    assert "A 2024-02-14" in said
    assert "B 2024-01-18" not in said
    assert "and 3 older rows" in said


def test_quarantine_filters_by_rule_and_series(home, quarantine):
    assert "prices: 1 row in quarantine" in quarantine("prices", "--rule", "price_order")[1]
    assert "prices: 3 rows in quarantine" in quarantine("prices", "--series", "B")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pirces"], "dataset 'pirces' is not in the lake (known: prices)"),
        (["prices", "--rule", "typo"], "rule='typo' (it has not_finite, price_limit, price_order)"),
        (["prices", "--series", "Z"], "series_id='Z' (it has A, B): correct --series"),
        (["prices", "--by-hand"], "add --release"),
        (["prices", "--set", "price_limit=1"], "add --release"),
        (["prices", "--release", "--by-hand"], "with --rule or --series"),
        (["prices", "--release", "--set", "unit=KRW"], "price_limit and close_margin_minutes"),
        (["prices", "--release", "--set", "price_limit"], "price_limit="),
        (["prices", "--release", "--set", "price_limit=-1"], "price_limit=-1"),
    ],
)
def test_quarantine_refuses_in_a_sentence(home, quarantine, arguments, said):
    code, told = quarantine(*arguments)
    assert code == 1
    assert told.startswith("tidewatch: ")
    assert said in told
    assert "Traceback" not in told


def test_quarantine_release_under_the_same_rules_says_why_rows_stay(home, quarantine):
    code, said = quarantine("prices", "--release")
    assert code == 0
    assert said.startswith("0 rows released ")
    assert "2 stay: not_finite: a value is missing or not finite" in said
    assert len(stored(home, "A")) == 29


def test_quarantine_release_by_another_limit_needs_no_ingest(home, quarantine):
    _, said = quarantine("prices", "--release", "--rule", "price_limit", "--set", "price_limit=0.5")
    assert said.startswith("1 row released: stored")
    assert len(stored(home, "A")) == 30
    ingest_id = stored(home, "A")["ingest_id"].iloc[-1]
    assert ingest_id.startswith("release-")
    lake = Lake(str(home / "lake"))
    assert ingest_id in set(lake.read_rows("prices", INGESTS)["ingest_id"])
    assert lake.read_rows("prices", RELEASES)["why"].tolist() == ["passes now"]
    assert "prices: 3 rows in quarantine" in quarantine("prices")[1]


def test_quarantine_release_by_hand_stores_rows_as_they_came(home, quarantine):
    _, said = quarantine("prices", "--release", "--by-hand", "--series", "B")
    assert said.startswith("1 row released")
    assert "2 stay: not_finite cannot be waived" in said
    read = stored(home, "B")
    assert (read["high"] < read["close"]).sum() == 1


def test_quarantine_of_nothing_held(quarantine, lake, bars_dataset, make_bars, monkeypatch):
    ingest_dataset(lake, bars_dataset(), FakeSource(make_bars(n=5)), ingest_id="i", at=AT)
    monkeypatch.setenv("TIDEWATCH_LAKE_URI", lake.uri)
    assert quarantine("prices") == (0, "prices: no row is in quarantine ")
    assert quarantine("prices", "--release")[1] == "0 rows released no row is in quarantine "


def test_quarantine_lists_many_value_columns_as_text(tmp_path, quarantine, monkeypatch):
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    names = [f"sensor_{number}" for number in range(12)]
    dataset = DatasetConfig(
        name="plant", kind="values", value_columns=names, target="sensor_0", unit="",
        calendar="fixed", step_minutes=60,
    )  # fmt: skip
    times = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC", unit="us")
    rows = pd.DataFrame({"series_id": "[x]", "time": times, "repair": None, "ingest_id": ""})
    rows = rows.assign(**{name: 0.5 for name in names})
    rows.loc[1, "sensor_3"] = np.nan
    ingest_dataset(Lake(str(tmp_path / "lake")), dataset, FakeSource(rows), ingest_id="i", at=AT)
    _, said = quarantine("plant")
    assert "[x] 2024-01-01 01:00 not_finite sensor_0 0.5, sensor_1 0.5, sensor_2 0.5, " in said
    assert "sensor_3 missing" in said


def test_override_rules_changes_only_what_rules_read(bars_dataset):
    changed = override_rules(bars_dataset(), ["price_limit=0.5", "close_margin_minutes=0"])
    assert changed == bars_dataset(price_limit=0.5, close_margin_minutes=0)
    with pytest.raises(ConfigError, match=r"price_limit=x: .*number"):
        override_rules(bars_dataset(), ["price_limit=x"])
