"""A market's listing: expanded, kept, replaced by the one before where it cannot be had."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines_lib.config import SourceConfig
from pipelines_lib.errors import SourceError
from pipelines_lib.ingestion.listing import read_market
from pipelines_lib.ingestion.states import SeriesState
from pipelines_lib.tables import LISTINGS
from tests.fakes import FakeSource

NIGHT = datetime(2024, 2, 1, 18, tzinfo=UTC)
CODES = [f"{number:06d}" for number in range(10)]


@pytest.fixture
def dataset(bars_dataset):
    return bars_dataset(source=SourceConfig(kind="fdr", market="KOSPI"), max_failed_share=1.0)


def read(lake, dataset, listing, *, days=0, states=None):
    source = FakeSource.__new__(FakeSource)
    source.listing = listing
    return read_market(lake, dataset, source, states=states or {}, at=NIGHT + timedelta(days=days))


def test_read_market_expands_a_market_and_keeps_its_listing(lake, dataset):
    assert read(lake, dataset, CODES) == (CODES, [])
    kept = lake.read_rows("prices", LISTINGS)
    assert kept["series_id"].tolist() == CODES
    assert set(kept["market"]) == {"KOSPI"}


def test_read_market_adds_the_declared_series(lake, bars_dataset):
    dataset = bars_dataset(
        source=SourceConfig(kind="fdr", market="KOSPI"), series_ids=["KS11", CODES[0]]
    )
    assert read(lake, dataset, CODES)[0] == [*CODES, "KS11"]


def test_read_market_uses_a_fresh_listing_again(lake, dataset):
    read(lake, dataset, CODES)
    same_night = timedelta(hours=1) / timedelta(days=1)
    assert read(lake, dataset, SourceError("down"), days=same_night) == (CODES, [])


def test_read_market_falls_back_to_the_listing_before_with_a_warning(lake, dataset):
    read(lake, dataset, CODES)
    known, warnings = read(lake, dataset, SourceError("the host answered LOGOUT"), days=3)
    assert known == CODES
    assert warnings == [
        "the listing of KOSPI could not be had (the host answered LOGOUT): that of "
        "2024-02-01 18:00 UTC with 10 series was used"
    ]


def test_read_market_without_any_listing_is_an_error(lake, dataset):
    with pytest.raises(SourceError, match="LOGOUT"):
        read(lake, dataset, SourceError("the host answered LOGOUT"))


def test_read_market_does_not_believe_a_listing_that_was_cut_short(lake, dataset):
    read(lake, dataset, CODES)
    known, warnings = read(lake, dataset, CODES[:7], days=1)
    assert known == CODES
    assert "has only 7 series" in warnings[0]
    assert read(lake, dataset, CODES[:8], days=1) == (CODES[:8], [])


def test_read_market_goes_on_with_a_dropped_series_until_it_is_dead(lake, dataset):
    read(lake, dataset, CODES)
    states = {CODES[9]: SeriesState("live"), "GONE": SeriesState("dead")}
    assert read(lake, dataset, CODES[:9], days=1, states=states)[0] == CODES
    states[CODES[9]] = SeriesState("dead")
    assert read(lake, dataset, CODES[:9], days=2, states=states)[0] == CODES[:9]


def test_read_market_takes_up_a_series_that_is_listed_anew(lake, dataset):
    read(lake, dataset, CODES)
    assert read(lake, dataset, [*CODES, "900000"], days=1)[0] == [*CODES, "900000"]
