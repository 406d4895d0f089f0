"""Injected anomalies: where it says, as large as it says, and nowhere else."""

import numpy as np
import pytest

from pipelines_lib.anomaly.injection import inject_anomalies, inject_spikes, take_series
from pipelines_lib.anomaly.tampering import KINDS
from pipelines_lib.errors import ConfigError
from pipelines_lib.series.panel import make_panel

SINCE = 200


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


def inject(panel, kind, size=6.0, *, column="value", seed=1, **fields):
    since = since_step(panel, SINCE)
    return inject_anomalies(
        panel, column=column, since=since, kind=kind, size=size, seed=seed, **fields
    )


def robust_sigma(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def stretches(panel, injected, column=0):
    """Return each stretch as it was and as it became."""
    for start, end in zip(injected.start, injected.end, strict=True):
        rows = slice(start, end + 1)
        yield panel.values[rows, column], injected.panel.values[rows, column]


@pytest.mark.parametrize("kind", KINDS)
def test_inject_anomalies_changes_one_late_stretch_of_each_series_and_nothing_else(walks, kind):
    before = walks.values.copy()
    injected = inject(walks, kind)
    np.testing.assert_array_equal(walks.values, before)
    changed = ~np.isclose(injected.panel.values[:, 0], before[:, 0], equal_nan=True)
    assert changed.any()
    assert not (changed & ~injected.anomalous).any()
    assert injected.series.tolist() == [0, 1, 2]
    assert walks.row_series[injected.start].tolist() == [0, 1, 2]
    assert walks.row_series[injected.end].tolist() == [0, 1, 2]
    steps = 1 if kind in ("spike", "drop") else 20
    assert (injected.end - injected.start + 1).tolist() == [steps] * 3
    assert injected.anomalous.sum() == 3 * steps
    assert (walks.row_in_series[injected.anomalous] >= SINCE).all()
    assert (walks.row_in_series[injected.end] < 299).all()  # a step follows, as it was


@pytest.mark.parametrize(("kind", "sign"), [("spike", 1), ("drop", -1)])
def test_inject_anomalies_spike_is_so_many_step_changes(walks, kind, sign):
    injected = inject(walks, kind, 6.0)
    for number, (was, became) in enumerate(stretches(walks, injected)):
        history = walks.values[walks.offsets[number] :][:SINCE, 0]
        assert became - was == pytest.approx([sign * 6 * robust_sigma(np.diff(history))])


def test_inject_anomalies_shift_and_trend_are_so_many_sixths_of_a_level(walks):
    shifted, ramped = inject(walks, "level_shift", 3.0), inject(walks, "trend", 3.0)
    both = zip(stretches(walks, shifted), stretches(walks, ramped), strict=True)
    for number, ((was, became), (was_too, rose)) in enumerate(both):
        height = 0.5 * robust_sigma(walks.values[walks.offsets[number] :][:SINCE, 0])
        np.testing.assert_allclose(np.abs(became - was), height)
        np.testing.assert_allclose(np.abs(rose - was_too), height * np.arange(1, 21) / 20)


def test_inject_anomalies_variance_has_so_many_step_changes(panel_of):
    rng = np.random.default_rng(0)
    panel = panel_of({"A": rng.normal(0, 1, 5000)})
    injected = inject(panel, "variance", 12.0, period=2000)
    ((was, became),) = stretches(panel, injected)
    unit = robust_sigma(np.diff(panel.values[:SINCE, 0]))
    assert (became - was).std() == pytest.approx(12 * unit, rel=0.05)


def test_inject_anomalies_flat_line_repeats_the_value_before(walks):
    injected = inject(walks, "flat_line")
    for start, (_, became) in zip(injected.start, stretches(walks, injected), strict=True):
        assert set(became) == {walks.values[start - 1, 0]}


def test_inject_anomalies_phase_is_a_third_of_a_period_late_or_backwards(panel_of):
    steps = np.arange(300)
    panel = panel_of({"A": steps % 12})
    late, backwards = inject(panel, "phase", period=12), inject(panel, "phase")
    assert (late.end - late.start + 1).tolist() == [12]
    ((was, became),) = stretches(panel, late)
    np.testing.assert_array_equal(became, (was - 4) % 12)
    ((was, became),) = stretches(panel, backwards)
    np.testing.assert_array_equal(became, was[::-1])


def test_inject_anomalies_missing_is_not_observed_in_any_column(bars):
    injected = inject(bars, "missing", column="close")
    assert np.isnan(injected.panel.values[injected.anomalous]).all()
    assert np.isfinite(injected.panel.values[~injected.anomalous]).all()


@pytest.mark.parametrize(("size", "steps"), [(3.0, 10), (6.0, 20), (12.0, 40)])
def test_inject_anomalies_without_height_is_longer_where_it_is_larger(walks, size, steps):
    for kind in ("flat_line", "phase", "missing"):
        injected = inject(walks, kind, size)
        assert set(injected.end - injected.start + 1) == {steps}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "missing"])
def test_inject_anomalies_moves_the_whole_bar_and_keeps_prices_above_zero(bars, kind):
    injected = inject(bars, kind, 500.0 if kind == "drop" else 6.0, column="close")
    factor = injected.panel.values / bars.values
    np.testing.assert_allclose(factor[:, :4], factor[:, 3:4].repeat(4, axis=1))
    np.testing.assert_array_equal(factor[:, 4], 1.0)
    assert (injected.panel.values[:, :4] > 0).all()


def test_inject_anomalies_measures_prices_in_log_returns(bars):
    spike = inject(bars, "spike", 6.0, column="close")
    ramp = inject(bars, "trend", 6.0, column="close")
    for number in range(2):
        close = np.log(bars.values[bars.offsets[number] :][:SINCE, 3])
        unit = robust_sigma(np.diff(close))
        start, end = spike.start[number], ramp.end[number]
        log_factor = np.log(spike.panel.values / bars.values)[start, 3]
        assert log_factor == pytest.approx(6 * unit)
        log_factor = np.log(ramp.panel.values / bars.values)[end, 3]
        assert abs(log_factor) == pytest.approx(6 * unit * np.sqrt(20))


def test_inject_anomalies_moves_the_volume_alone_and_never_below_zero(bars):
    injected = inject(bars, "drop", 500.0, column="volume")
    np.testing.assert_array_equal(injected.panel.values[:, :4], bars.values[:, :4])
    assert injected.panel.values[injected.anomalous, 4].tolist() == [0, 0]
    assert inject(injected.panel, "drop", 500.0, column="volume").anomalous.sum() == 0  # no change


def test_inject_anomalies_keeps_what_was_not_observed(panel_of):
    values = np.random.default_rng(0).normal(0, 1, 300)
    values[np.arange(201, 300, 3)] = np.nan
    panel = panel_of({"A": values[:299]})
    for kind in ("level_shift", "phase", "flat_line"):
        injected = inject(panel, kind)
        assert injected.anomalous.sum() == 20
        np.testing.assert_array_equal(np.isnan(injected.panel.values), np.isnan(panel.values))


def test_inject_anomalies_of_a_seed_stand_where_they_stood_at_another_size(walks):
    small, large = inject(walks, "spike", 3.0), inject(walks, "spike", 12.0)
    assert small.start.tolist() == large.start.tolist()
    assert inject(walks, "spike", seed=2).start.tolist() != small.start.tolist()


def test_inject_anomalies_leaves_constant_and_short_series_alone(panel_of):
    panel = panel_of({"flat": np.full(300, 5.0), "new": [1.0, 2.0, 4.0]}, start={"new": 290})
    for kind in set(KINDS) - {"missing"}:
        injected = inject(panel, kind)
        np.testing.assert_array_equal(injected.panel.values, panel.values)
        assert len(injected.start) == len(injected.end) == injected.anomalous.sum() == 0
    assert inject(panel, "missing").series.tolist() == [0]


def test_inject_anomalies_refuses_an_unknown_kind(walks):
    with pytest.raises(ConfigError, match="anomaly kind 'bump' is unknown: take one of spike,"):
        inject(walks, "bump")


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


def test_inject_spikes_is_five_robust_deviations_of_the_earlier_changes(walks):
    since = since_step(walks, 200)
    spiked, _ = inject_spikes(walks, column="value", since=since, seed=1)
    for number in range(3):
        rows = walks.row_series == number
        size = np.abs(spiked.values - walks.values)[rows, 0].max()
        change = np.diff(walks.values[rows, 0][:200])
        assert size == pytest.approx(5 * robust_sigma(change))


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


def test_inject_spikes_keeps_the_volume_at_or_above_zero(bars):
    since = since_step(bars, 200)
    volumes = [
        inject_spikes(bars, column="volume", since=since, seed=seed)[0].column("volume")
        for seed in range(4)
    ]
    assert np.min(volumes) == 0  # 5 step changes are more than any volume


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
