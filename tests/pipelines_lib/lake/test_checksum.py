import pytest

from pipelines_lib.lake import table_checksum
from pipelines_lib.tables import SCORES


@pytest.fixture
def checksum(lake, observations, rows):
    """Return a function: the checksum of a table of its own with these rows."""
    seen = []

    def of(*batches, **provenance):
        seen.append(f"d{len(seen)}")
        for batch in batches:
            lake.merge_rows(seen[-1], observations, rows(*batch, **provenance))
        return table_checksum(lake, seen[-1], observations)

    return of


FIRST = [("A", "2023-12-29", 1.0), ("A", "2024-01-02", None), ("B", "2024-01-02", 0.0)]


def test_table_checksum_does_not_know_batches_order_or_provenance(checksum):
    whole = checksum(FIRST)
    assert len(whole) == 64
    assert checksum(FIRST[2:], FIRST[:1], FIRST[1:2]) == whole
    assert checksum([("A", "2023-12-29", 7.0)], FIRST[::-1]) == whole
    assert checksum(FIRST, ingest_id="second") == whole


def test_table_checksum_does_not_know_the_files(lake, observations, rows):
    for row in FIRST:
        lake.merge_rows("d", observations, rows(row))
    before = table_checksum(lake, "d", observations)
    lake.compact("d", observations, keep_hours=24)
    assert table_checksum(lake, "d", observations) == before
    assert table_checksum(lake, "d", observations, version=0) != before


def test_table_checksum_sees_every_difference(checksum):
    others = [
        [],
        FIRST[:2],
        [*FIRST, ("B", "2024-01-03", 0.0)],
        [FIRST[0], ("A", "2024-01-02", 0.0), FIRST[2]],
        [*FIRST[:2], ("B", "2024-01-02", None)],
        [*FIRST[:2], ("C", "2024-01-02", 0.0)],
        [*FIRST[:2], ("B", "2024-01-03", 0.0)],
    ]
    sums = [checksum(FIRST), checksum(FIRST, repair="halt"), *[checksum(rows) for rows in others]]
    assert len(set(sums)) == len(sums)


def test_table_checksum_of_a_table_that_is_not_there_is_that_of_an_empty_one(lake, score_rows):
    absent = table_checksum(lake, "d", SCORES)
    lake.merge_rows("d", SCORES, score_rows(("A", "2024-01-02", "causal", 1.0)))
    assert table_checksum(lake, "d", SCORES) != absent
    lake.replace_rows("d", SCORES, score_rows(), scope={"mode": "causal"})
    assert table_checksum(lake, "d", SCORES) == absent
