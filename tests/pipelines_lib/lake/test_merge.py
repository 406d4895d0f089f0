import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines_lib.errors import LakeError
from pipelines_lib.lake import Lake, MergeCounts
from pipelines_lib.tables import (
    EVENTS,
    FORECASTS,
    QUARANTINE,
    SCORES,
    dataset_tables,
    observations_table,
)


def triples(frame: pd.DataFrame) -> list[tuple]:
    days = frame["time"].dt.strftime("%Y-%m-%d")
    return list(zip(frame["series_id"], days, frame["value"], strict=True))


def test_merge_rows_inserts_updates_and_leaves_the_rest(lake, observations, rows):
    first = rows(("A", "2024-01-02", 1.0), ("A", "2024-01-03", 2.0), ("B", "2024-01-02", 3.0))
    assert lake.merge_rows("d", observations, first) == MergeCounts(inserted=3)

    second = rows(("A", "2024-01-03", 2.5), ("A", "2024-01-04", 4.0), ("B", "2024-01-02", 3.0))
    counts = lake.merge_rows("d", observations, second)

    assert counts == MergeCounts(inserted=1, updated=1, unchanged=1)
    assert counts.written == 2
    assert triples(lake.read_rows("d", observations)) == [
        ("A", "2024-01-02", 1.0),
        ("A", "2024-01-03", 2.5),
        ("A", "2024-01-04", 4.0),
        ("B", "2024-01-02", 3.0),
    ]


def test_merge_counts_add_up():
    total = MergeCounts(1, 2, 3, 4) + MergeCounts(10, 20, 30, 40)
    assert total == MergeCounts(inserted=11, updated=22, unchanged=33, deleted=44)


def test_merge_rows_repeated_makes_no_new_version(lake, observations, rows):
    frame = rows(("A", "2023-12-29", 1.0), ("A", "2024-01-02", 2.0))
    lake.merge_rows("d", observations, frame)
    before = lake.table_version("d", observations)

    assert lake.merge_rows("d", observations, frame) == MergeCounts(unchanged=2)
    assert lake.table_version("d", observations) == before
    lake.merge_rows("d", observations, rows(("A", "2024-01-03", 3.0)))
    assert lake.table_version("d", observations) == before + 1


def test_merge_rows_ignores_a_change_of_provenance_alone(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0), ingest_id="first"))
    before = lake.table_version("d", observations)

    counts = lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0), ingest_id="second"))

    assert counts == MergeCounts(unchanged=1)
    assert lake.table_version("d", observations) == before
    assert lake.read_rows("d", observations)["ingest_id"].tolist() == ["first"]


def test_merge_rows_writes_provenance_with_a_changed_fact(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0), ingest_id="first"))
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 9.0), ingest_id="second"))
    assert lake.read_rows("d", observations)["ingest_id"].tolist() == ["second"]


@pytest.mark.parametrize(
    ("stored", "offered", "expected"),
    [
        (np.nan, 1.0, MergeCounts(updated=1)),
        (1.0, np.nan, MergeCounts(updated=1)),
        (np.nan, np.nan, MergeCounts(unchanged=1)),
    ],
)
def test_merge_rows_compares_null_as_a_value(lake, observations, rows, stored, offered, expected):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", stored)))
    assert lake.merge_rows("d", observations, rows(("A", "2024-01-02", offered))) == expected
    read = lake.read_rows("d", observations)["value"].tolist()
    assert read == pytest.approx([offered], nan_ok=True)


def test_merge_rows_sees_a_repair_that_came_or_went(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)))
    mended = rows(("A", "2024-01-02", 1.0), repair="halt")
    assert lake.merge_rows("d", observations, mended) == MergeCounts(updated=1)
    assert lake.read_rows("d", observations)["repair"].tolist() == ["halt"]
    assert lake.merge_rows("d", observations, mended) == MergeCounts(unchanged=1)


def test_merge_rows_of_nothing_makes_no_table(lake, observations, rows):
    assert lake.merge_rows("d", observations, rows()) == MergeCounts()
    assert lake.table_version("d", observations) is None


def test_merge_rows_keeps_same_key_of_other_series_and_year_apart(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2023-01-02", 1.0), ("B", "2023-01-02", 2.0)))
    counts = lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)))
    assert counts == MergeCounts(inserted=1)
    assert len(lake.read_rows("d", observations)) == 3


def test_merge_rows_refuses_a_key_that_stands_twice(lake, observations, rows):
    twice = rows(("A", "2024-01-02", 1.0), ("A", "2024-01-02", 2.0))
    with pytest.raises(LakeError, match=r"key .*'A'.* more than once"):
        lake.merge_rows("d", observations, twice)
    assert lake.table_version("d", observations) is None


def test_merge_rows_refuses_a_missing_column(lake, observations, rows):
    with pytest.raises(LakeError, match="lack the columns value"):
        lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)).drop(columns="value"))


@pytest.mark.parametrize("key", [(None, "2024-01-02"), ("A", None)])
def test_merge_rows_refuses_a_null_in_the_key(lake, observations, rows, key):
    with pytest.raises(LakeError, match="do not fit its schema"):
        lake.merge_rows("d", observations, rows((*key, 1.0)))


def test_merge_rows_refuses_a_value_of_the_wrong_type(lake, observations, rows):
    with pytest.raises(LakeError, match=r"do not fit its schema.*abc"):
        lake.merge_rows("d", observations, rows(("A", "2024-01-02", "abc")))


def test_merge_rows_drops_columns_that_are_not_declared(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)).assign(extra=5))
    assert list(lake.read_rows("d", observations)) == observations.schema.names


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Upper", "-x", "x" * 64])
def test_merge_rows_refuses_a_dataset_name_that_escapes(lake, observations, rows, name):
    with pytest.raises(LakeError, match="dataset name"):
        lake.merge_rows(name, observations, rows(("A", "2024-01-02", 1.0)))
    with pytest.raises(LakeError, match="dataset name"):
        lake.read_rows(name, observations)


def test_merge_rows_works_with_columns_that_are_sql_words(lake, rows):
    table = observations_table(("select", "order", "end"))
    frame = rows(("A", "2024-01-02", 1.0)).assign(select=1.0, order=2.0, end=3.0)
    lake.merge_rows("d", table, frame)
    assert lake.merge_rows("d", table, frame.assign(order=5.0)) == MergeCounts(updated=1)
    read = lake.read_rows("d", table, columns=["end", "order", "select"])
    assert read.to_numpy().tolist() == [[3.0, 5.0, 1.0]]


def test_merge_rows_keeps_microseconds_and_zones(lake, observations, rows):
    frame = rows(("A", "2024-01-02T00:00:00.000123", 1.0))
    frame["time"] = frame["time"].dt.tz_convert("Asia/Seoul")
    lake.merge_rows("d", observations, frame)
    read = lake.read_rows("d", observations)["time"]
    assert str(read.dtype) == "datetime64[us, UTC]"
    assert read.tolist() == [pd.Timestamp("2024-01-02T00:00:00.000123", tz="UTC")]


def sample_row(table):
    time = pd.Timestamp("2024-01-02", tz="UTC")
    values = {"string": "x", "double": 1.0, "int64": 1, "bool": True}
    values["timestamp[us, tz=UTC]"] = time
    return pd.DataFrame({c.name: [values[str(c.type)]] for c in table.columns})


def changed(frame, table, name):
    old = frame[name].iloc[0]
    new = (
        "y"
        if isinstance(old, str)
        else old + (pd.Timedelta("1D") if "time" in str(frame[name].dtype) else 1)
    )
    return frame.assign(**{name: [new]})


@pytest.mark.parametrize("table", dataset_tables(("value",)), ids=lambda table: table.name)
def test_merge_rows_holds_for_every_declared_table(lake, table):
    frame = sample_row(table)
    assert lake.merge_rows("d", table, frame) == MergeCounts(inserted=1)
    version = lake.table_version("d", table)
    for name in [c.name for c in table.columns if c.provenance]:
        assert lake.merge_rows("d", table, changed(frame, table, name)) == MergeCounts(unchanged=1)
    assert lake.table_version("d", table) == version
    if table.facts:
        frame = changed(frame, table, table.facts[-1])
        assert lake.merge_rows("d", table, frame) == MergeCounts(updated=1)
    pd.testing.assert_frame_equal(
        lake.read_rows("d", table), frame, check_dtype=False, check_column_type=False
    )


def test_replace_rows_deletes_only_within_its_scope(lake, score_rows):
    lake.merge_rows(
        "d",
        SCORES,
        score_rows(
            ("A", "2023-06-01", "causal", 1.0),  # another year: still within the scope
            ("A", "2024-01-02", "causal", 2.0),
            ("A", "2024-01-03", "causal", 3.0),
            ("A", "2024-01-02", "retrospective", 4.0),
        ),
    )
    lake.merge_rows("d", SCORES, score_rows(("A", "2024-01-03", "causal", 5.0), scorer="other"))

    counts = lake.replace_rows(
        "d",
        SCORES,
        score_rows(("A", "2024-01-02", "causal", 2.5), ("A", "2024-01-04", "causal", 6.0)),
        scope={"mode": "causal", "scorer": "m"},
    )

    assert counts == MergeCounts(inserted=1, updated=1, unchanged=0, deleted=2)
    left = lake.read_rows("d", SCORES)
    assert sorted(zip(left["scorer"], left["mode"], left["score"], strict=True)) == [
        ("m", "causal", 2.5),
        ("m", "causal", 6.0),
        ("m", "retrospective", 4.0),
        ("other", "causal", 5.0),
    ]


@pytest.mark.parametrize("by_year", [True, False])
def test_replace_rows_with_nothing_empties_the_scope(lake, score_rows, by_year):
    table = SCORES if by_year else EVENTS
    if by_year:
        frame = score_rows(("A", "2024-01-02", "causal", 2.0))
    else:
        frame = sample_row(EVENTS).assign(mode="causal", scorer="m")
    other = frame.assign(mode="retrospective")
    lake.merge_rows("d", table, pd.concat([frame, other], ignore_index=True))

    counts = lake.replace_rows("d", table, frame.iloc[:0], scope={"mode": "causal"})

    assert counts == MergeCounts(deleted=1)
    assert lake.read_rows("d", table)["mode"].tolist() == ["retrospective"]


def test_replace_rows_repeated_makes_no_new_version(lake, score_rows):
    frame = score_rows(("A", "2024-01-02", "causal", 2.0))
    lake.replace_rows("d", SCORES, frame, scope={"scorer": "m"})
    before = lake.table_version("d", SCORES)
    assert lake.replace_rows("d", SCORES, frame, scope={"scorer": "m"}) == MergeCounts(unchanged=1)
    assert lake.table_version("d", SCORES) == before


def test_replace_rows_quotes_its_scope(lake, score_rows):
    lake.merge_rows("d", SCORES, score_rows(("A", "2024-01-02", "causal", 2.0)))
    none = score_rows()
    lake.replace_rows("d", SCORES, none, scope={"scorer": "x' OR '1'='1"})
    assert len(lake.read_rows("d", SCORES)) == 1


def test_merge_rows_deletes_what_is_gone_of_every_year_in_the_same_version(
    lake, observations, rows
):
    lake.merge_rows(
        "d",
        observations,
        rows(
            ("A", "2022-01-03", 1.0),  # of a year that the new rows do not reach
            ("A", "2023-01-02", 2.0),
            ("A", "2023-01-03", 3.0),
            ("B", "2022-01-03", 4.0),
        ),
    )
    before = lake.table_version("d", observations)

    counts = lake.merge_rows(
        "d",
        observations,
        rows(("A", "2023-01-02", 20.0), ("A", "2023-01-03", 3.0), ("A", "2024-01-02", 7.0)),
        gone=rows(("A", "2022-01-03", 1.0), ("B", "2021-01-04", 9.0)),  # one was never there
    )

    assert counts == MergeCounts(inserted=1, updated=1, unchanged=1, deleted=1)
    assert lake.table_version("d", observations) == before + 1
    assert triples(lake.read_rows("d", observations)) == [
        ("A", "2023-01-02", 20.0),
        ("A", "2023-01-03", 3.0),
        ("A", "2024-01-02", 7.0),
        ("B", "2022-01-03", 4.0),
    ]


def test_merge_rows_of_nothing_but_what_is_gone(lake, observations, rows):
    assert (
        lake.merge_rows("d", observations, rows(), gone=rows(("A", "2022-01-03", 1.0)))
        == MergeCounts()
    )
    lake.merge_rows("d", observations, rows(("A", "2022-01-03", 1.0), ("A", "2022-01-04", 2.0)))
    counts = lake.merge_rows("d", observations, rows(), gone=rows(("A", "2022-01-03", 1.0)))
    assert counts == MergeCounts(deleted=1)
    assert triples(lake.read_rows("d", observations)) == [("A", "2022-01-04", 2.0)]


def test_replace_rows_of_nothing_makes_no_table(lake, score_rows):
    assert lake.replace_rows("d", SCORES, score_rows(), scope={"scorer": "m"}) == MergeCounts()
    assert lake.table_version("d", SCORES) is None


LAW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BATCH = st.dictionaries(
    st.tuples(
        st.sampled_from(["A", "O'Brien"]),
        st.sampled_from(["2023-12-31", "2024-01-01", "2024-01-02"]),
    ),
    st.sampled_from([1.0, 2.0, None]),
    max_size=6,
)


@LAW
@given(batches=st.lists(BATCH, min_size=1, max_size=4))
def test_merge_rows_behaves_as_a_dict_update(tmp_path_factory, observations, rows, batches):
    lake, model = Lake(str(tmp_path_factory.mktemp("law"))), {}
    for batch in batches:
        offered = rows(*[(*key, value) for key, value in batch.items()])
        counts = lake.merge_rows("d", observations, offered)
        assert counts.inserted == len(batch.keys() - model.keys())
        assert counts.updated == sum(
            model[key] != value for key, value in batch.items() if key in model
        )
        assert counts.inserted + counts.updated + counts.unchanged == len(batch)
        model |= batch
        version = lake.table_version("d", observations)
        assert lake.merge_rows("d", observations, offered).written == 0
        assert lake.table_version("d", observations) == version
        read = lake.read_rows("d", observations)
        stored = [(s, t, None if np.isnan(v) else v) for s, t, v in triples(read)]
        assert stored == sorted((*key, value) for key, value in model.items())


def test_merge_rows_finds_quarantine_rows_again_by_their_text(lake):
    frame = sample_row(QUARANTINE).assign(row='{"close": "it\'s 5"}')
    lake.merge_rows("d", QUARANTINE, frame)
    assert lake.merge_rows("d", QUARANTINE, frame) == MergeCounts(unchanged=1)


def test_merge_rows_keeps_forecasts_of_one_time_and_other_origin_apart(lake):
    frame = sample_row(FORECASTS)
    lake.merge_rows("d", FORECASTS, frame)
    later = frame.assign(origin=pd.Timestamp("2024-01-03", tz="UTC"))
    assert lake.merge_rows("d", FORECASTS, later) == MergeCounts(inserted=1)
