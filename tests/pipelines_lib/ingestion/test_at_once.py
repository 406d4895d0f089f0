"""Several ingests of one dataset at once, and an ingest while a training reads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pipelines_lib.lake import Lake
from pipelines_lib.series.read import panel_digest, read_panel
from tests.lakes import check_keys, check_log, copy_lake, store_models, version_of, what_it_says
from tests.market import Market


@pytest.mark.parametrize(
    ("writers", "night"),
    [
        (2, 0),
        (3, 1),
        pytest.param(2, 1, marks=pytest.mark.slow),
        pytest.param(2, 2, marks=pytest.mark.slow),
        pytest.param(3, 0, marks=pytest.mark.slow),
        pytest.param(3, 2, marks=pytest.mark.slow),
    ],
)
def test_ingest_dataset_by_processes_at_once_ends_in_the_same_tables(
    ingests, clean_nights, tmp_path, writers, night
):
    for number in range(2):  # a race: it does not show every time
        clean = clean_nights(number)[night]
        lake = copy_lake(clean.base, tmp_path / f"{number}")
        outcomes = ingests.run(lake.uri, number, night, *(f"i{n}" for n in range(writers)))
        assert [outcome.text for outcome in outcomes] == [""] * writers
        check_keys(lake)
        assert what_it_says(lake) == clean.said, f"market {number}"
        (last,) = ingests.run(lake.uri, number, night, "last")
        assert (last.text, what_it_says(lake)) == ("", clean.said)
        check_log(lake)


def test_read_panel_during_ingests_gives_one_committed_version(ingests, clean_nights, tmp_path):
    market, nights = Market(0), clean_nights(0)
    lake, dataset = copy_lake(nights[1].base, tmp_path / "lake"), market.dataset
    fixed = version_of(lake)
    seen: list[tuple[int, str]] = []
    kept: set[str] = set()
    done = Event()

    def read() -> None:
        while not done.is_set():
            panel, version = read_panel(Lake(lake.uri), dataset)
            seen.append((version, panel_digest(panel)))
            kept.add(panel_digest(read_panel(Lake(lake.uri), dataset, version=fixed)[0]))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            for night in (1, 2, 3):
                (outcome,) = ingests.run(lake.uri, 0, night, f"i{night}")
                assert not outcome.error, outcome.text
                store_models(lake, market, night)
        finally:
            done.set()
        reading.result()

    assert what_it_says(lake)["observations"] == nights[3].said["observations"]
    digests = {
        version: panel_digest(read_panel(lake, dataset, version=version)[0])
        for version in range(fixed, version_of(lake) + 1)
    }
    assert len(set(digests.values())) == len(digests)  # each version has its own panel
    assert len({version for version, _ in seen}) > 2
    assert all(digest == digests[version] for version, digest in seen)
    assert kept == {digests[fixed]}
