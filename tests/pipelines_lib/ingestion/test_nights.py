"""Laws of nights: whatever a source gives, takes back or corrects, nothing that it gave is lost."""

import json
import math
from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.ingestion.restate import RESTATED
from pipelines_lib.lake import Lake
from pipelines_lib.lake.store import ROOT
from pipelines_lib.tables import DATASETS, QUARANTINE, dataset_tables, observations_table
from tests.fakes import FakeSource

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
OBSERVED = observations_table(("value",))
VALUES = st.integers(1, 9).map(float)
ROWS = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.integers(0, 7),  # hours, of which only those up to the night's are over
        st.one_of(VALUES, VALUES, VALUES, st.just(math.nan)),
        st.sampled_from([0, 0, 0, 0, 30]),  # minutes: half past is no step
    ),
    max_size=12,
)
NIGHTS = st.lists(st.tuples(ROWS, st.sampled_from([1.0, 1.0, 0.5])), min_size=2, max_size=4)


def as_night(number, drawn, factor):
    """Return the rows of a night: those drawn at a factor, and one that keeps the night going."""
    rows = [(name, hour, minute, value * factor) for name, hour, value, minute in drawn]
    return [*rows, ("Z", number, 0, 1.0)]


def source_of(rows):
    frame = pd.DataFrame(
        {
            "series_id": [name for name, *_ in rows],
            "time": [BEGIN + timedelta(hours=h, minutes=m) for _, h, m, _ in rows],
            "value": [value for *_, value in rows],
            "repair": None,
            "ingest_id": "source",
        }
    )
    frame["time"] = frame["time"].astype("datetime64[us, UTC]")
    return FakeSource(frame, whole=False, listing=["A", "B", "Z"])


def ingest(lake, dataset, number, rows, **options):
    at = BEGIN + timedelta(hours=number)
    ingest_dataset(lake, dataset, source_of(rows), ingest_id=f"i{number}", at=at, **options)


def stored_rows(lake):
    rows = lake.read_rows("sensors", OBSERVED, columns=["series_id", "time", "value"])
    return {(name, time.hour): value for name, time, value in rows.itertuples(index=False)}


def held_rows(lake):
    """Return the rows in quarantine: series, time, value, rule."""
    rows = lake.read_rows("sensors", QUARANTINE)
    values = [json.loads(text)["value"] for text in rows["row"]]
    return {
        (name, time.to_pydatetime(), value, rule)
        for name, time, value, rule in zip(
            rows["series_id"], rows["time"], values, rows["rule"], strict=True
        )
    }


def versions(lake):
    own = {t.name: lake.table_version("sensors", t) for t in dataset_tables(("value",))}
    return own | {"datasets": lake.table_version(ROOT, DATASETS)}


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(nights=NIGHTS)
def test_nights_of_any_kind_lose_no_row(tmp_path_factory, values_dataset, nights):
    """Each given row is stored, in quarantine, put off, or superseded by a later good version."""
    lake = Lake(str(tmp_path_factory.mktemp("nights") / "lake"))
    dataset = values_dataset(overlap_steps=1000, max_failed_share=1.0, dead_after_steps=0)
    last_good: dict[tuple[str, int], float] = {}
    refused, restated = set(), set()
    for number, (drawn, factor) in enumerate(nights):
        rows = as_night(number, drawn, factor)
        ingest(lake, dataset, number, rows)

        for place, (name, hour, minute, value) in enumerate(rows):
            time = BEGIN + timedelta(hours=hour, minutes=minute)
            again = any(later[:3] == (name, hour, minute) for later in rows[place + 1 :])
            if minute:
                rule = "off_calendar"
            elif hour > number:
                continue  # put off: it is given again when its hour has come
            elif again:
                rule = "duplicate"
            elif math.isnan(value):
                rule = "not_finite"
            else:
                if last_good.get((name, hour), value) != value:
                    restated.add(name)
                last_good[name, hour] = value
                continue
            refused.add((name, time, None if math.isnan(value) else value, rule))

        stored, held = stored_rows(lake), held_rows(lake)
        assert refused == {row for row in held if row[3] != RESTATED}
        assert stored.keys() <= last_good.keys()
        for (name, hour), value in last_good.items():
            if (name, hour) in stored:
                assert stored[name, hour] == value
            else:  # it stood on another basis than what the source gives now
                assert name in restated
                assert (name, BEGIN + timedelta(hours=hour), value, RESTATED) in held

        before = versions(lake)
        ingest(lake, dataset, number, rows)
        assert versions(lake) == before
        ingest(lake, dataset, number, rows, whole=True)
        but_states = {"series": 0}  # they tell from when a series that gave nothing was asked for
        assert versions(lake) | but_states == before | but_states
