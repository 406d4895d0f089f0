"""A disk that is full in the middle of an ingest: a sentence, whole tables, and a way on."""

from contextlib import suppress

import pytest

from tests.lakes import check_keys, check_log, copy_lake, say_series, what_it_says
from tests.support import mount_small_disk


def check_refused(outcome, lake, clean):
    """See that an ingest ended for want of room, and harmed nothing."""
    assert (outcome.error, outcome.transient) == ("LakeError", True), outcome.text
    assert "The table is as it was; make room on the disk" in outcome.text
    check_keys(lake)
    for name, said in say_series(lake).items():
        assert said in (clean.before.get(name), clean.after[name])


@pytest.mark.parametrize("night", [0, 1], ids=["first", "split"])
def test_ingest_dataset_that_finds_no_room_ends_in_the_same_tables_once_there_is(
    ingests, clean_nights, tmp_path, night
):
    clean, full = clean_nights(0)[night], set()
    for limit in (0, 2500, 3500, 5000):  # bytes a file may have: the commits differ in size
        lake = copy_lake(clean.base, tmp_path / f"{limit}")
        (outcome,) = ingests.run(lake.uri, 0, night, "no-room", file_limit=limit)
        check_refused(outcome, lake, clean)
        full.add(outcome.text.split(":")[0].split("/")[-1])
        (outcome,) = ingests.run(lake.uri, 0, night, "again")
        assert not outcome.error, outcome.text
        assert what_it_says(lake) == clean.said, f"limit {limit}"
        check_log(lake)
    assert len(full) > 1, f"always the same table: {full}"


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder that is a file system of 2 MiB."""
    with mount_small_disk(tmp_path / "disk", mib=2) as folder:
        yield folder


@pytest.mark.parametrize("pages", [0, 1, 4, 9, 16, 20])
def test_ingest_dataset_onto_a_full_disk_ends_in_the_same_tables_once_there_is_room(
    ingests, clean_nights, small_disk, pages
):
    clean, other = clean_nights(0)[1], small_disk / "other"
    lake = copy_lake(clean.base, small_disk / "lake")
    with other.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    with other.open("r+b") as file:
        file.truncate(other.stat().st_size - 4096 * pages)

    (outcome,) = ingests.run(lake.uri, 0, 1, "no-room")

    check_refused(outcome, lake, clean)
    other.unlink()
    (outcome,) = ingests.run(lake.uri, 0, 1, "again")
    assert not outcome.error, outcome.text
    assert what_it_says(lake) == clean.said
    check_log(lake)
