"""Injected anomalies: where it says, as large as it says, and nowhere else."""

import numpy as np
import pytest

from pipelines_lib.anomaly.injection import inject_spikes, take_series
from pipelines_lib.series.panel import make_panel


@pytest.fixture
def walks(panel_of):
    """Return a panel of three random walks of 300 steps."""
    rng = np.random.default_rng(0)
    return panel_of({name: 100 + np.cumsum(rng.normal(0, 2, 300)) for name in "ABC"})


@pytest.fixture
def bars(make_bars, bars_dataset, krx_calendar):
    columns = bars_dataset().columns
    return make_panel(
        make_bars(["A", "B"], 300, start="2022-01-03"), calendar=krx_calendar, columns=columns
    )


def since_step(panel, step):
    return int(panel.position[panel.offsets[0] + step])


def test_inject_spikes_moves_only_the_steps_it_says(walks):
    since = since_step(walks, 200)
    before = walks.values.copy()
    spiked, anomalous = inject_spikes(walks, column="value", since=since, seed=1)
    np.testing.assert_array_equal(walks.values, before)
    moved = (spiked.values != walks.values)[:, 0]
    assert moved.sum() == 3  # 1 % of 100 steps in each of 3 series
    assert (walks.row_series[moved] == [0, 1, 2]).all()
    assert (walks.row_in_series[moved] >= 200).all()
    following = np.flatnonzero(moved) + 1
    assert set(np.flatnonzero(anomalous)) == set(np.flatnonzero(moved)) | set(following)


def test_inject_spikes_is_five_standard_deviations_of_the_earlier_changes(walks):
    since = since_step(walks, 200)
    spiked, _ = inject_spikes(walks, column="value", since=since, seed=1)
    for number in range(3):
        rows = walks.row_series == number
        size = np.abs(spiked.values - walks.values)[rows, 0].max()
        change = np.diff(walks.values[rows, 0][:200])
        assert size == pytest.approx(5 * change.std())


def test_inject_spikes_is_the_same_for_the_same_seed(walks):
    since = since_step(walks, 200)
    places = [
        np.flatnonzero(inject_spikes(walks, column="value", since=since, seed=seed)[1])
        for seed in (1, 1, 2)
    ]
    assert len(places[0]) == 6
    assert places[0].tolist() == places[1].tolist() != places[2].tolist()


def test_inject_spikes_moves_the_whole_bar(bars):
    spiked, _ = inject_spikes(bars, column="close", since=since_step(bars, 200), seed=0)
    factor = spiked.values / bars.values
    moved = factor[:, 3] != 1
    assert moved.sum() == 2
    np.testing.assert_allclose(factor[moved, :4], factor[moved, 3:4].repeat(4, axis=1))
    np.testing.assert_array_equal(factor[:, 4], 1.0)


def test_inject_spikes_moves_the_volume_alone_where_it_is_asked_to(bars):
    spiked, _ = inject_spikes(bars, column="volume", since=since_step(bars, 200), seed=0)
    np.testing.assert_array_equal(spiked.values[:, :4], bars.values[:, :4])
    assert (spiked.values[:, 4] != bars.values[:, 4]).sum() == 2


def test_inject_spikes_leaves_a_constant_or_short_series_alone(panel_of):
    panel = panel_of({"flat": np.full(300, 5.0), "new": [1.0, 2.0, 4.0]}, start={"new": 290})
    spiked, anomalous = inject_spikes(panel, column="value", since=since_step(panel, 200), seed=0)
    np.testing.assert_array_equal(spiked.values, panel.values)
    assert not anomalous.any()


def test_inject_spikes_takes_a_sample_of_many_series(panel_of):
    rng = np.random.default_rng(0)
    panel = panel_of({f"S{i:03}": rng.normal(10, 1, 30) for i in range(81)})
    spiked, _ = inject_spikes(panel, column="value", since=since_step(panel, 20), seed=0)
    assert len(spiked.series_ids) == 40
    assert (spiked.series_ids[0], spiked.series_ids[-1]) == ("S000", "S080")


def test_take_series_keeps_their_rows(panel_of):
    panel = panel_of({"A": [1.0, 2.0], "B": [3.0], "C": [4.0, 5.0, 6.0]}, start={"C": 5})
    taken = take_series(panel, np.array([2, 0]))
    assert taken.series_ids == ["C", "A"]
    assert taken.offsets.tolist() == [0, 3, 5]
    assert taken.values[:, 0].tolist() == [4.0, 5.0, 6.0, 1.0, 2.0]
    assert (taken.position - panel.position[0]).tolist() == [5, 6, 7, 0, 1]
