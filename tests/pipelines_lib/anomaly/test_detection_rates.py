"""Detection rates: of detectors whose answers are known beforehand."""

import numpy as np
import pandas as pd
import pytest

from pipelines_lib.anomaly.detection_rates import detection_rates
from pipelines_lib.errors import SeriesError

SINCE = 200


@pytest.fixture
def noise(panel_of):
    """Return a panel of five series of 300 steps of normal noise around 50."""
    rng = np.random.default_rng(0)
    return panel_of({name: 50 + rng.normal(0, 1, 300) for name in "ABCDE"})


def since(panel):
    return int(panel.position[SINCE])


def scorer(flag):
    """Return a detector that flags what `flag(values)` says, on the steps that are observed."""

    def score(panel):
        known = np.flatnonzero(np.isfinite(panel.values[:, 0]))
        ids = np.array(panel.series_ids, dtype=object)
        return pd.DataFrame(
            {
                "series_id": ids[panel.row_series[known]],
                "time": pd.Series(panel.times(known)).dt.tz_localize("UTC"),
                "anomalous": flag(panel.values[known, 0]),
            }
        )

    return score


def far_out(values):
    return np.abs(values - 50) > 5


def rates(panel, flag, **fields):
    values = {"column": "value", "since": since(panel), "seed": 0, **fields}
    return detection_rates(panel, score=scorer(flag), **values)


def test_detection_rates_of_a_limit_that_large_spikes_cross_and_small_ones_do_not(noise):
    table = rates(noise, far_out, kinds=["spike", "drop"], sizes={"tiny": 0.1, "huge": 20})
    assert list(table.columns) == [
        "kind", "size", "n", "detected_pct", "chance_pct", "false_alarms_per_1000", "median_delay",
        "echo_steps",
    ]  # fmt: skip
    assert table[["kind", "size", "n"]].to_numpy().tolist() == [
        ["spike", "tiny", 5], ["spike", "huge", 5], ["drop", "tiny", 5], ["drop", "huge", 5],
    ]  # fmt: skip
    assert table["detected_pct"].tolist() == [0, 100, 0, 100]
    assert table["chance_pct"].tolist() == [0, 0, 0, 0]
    assert table["false_alarms_per_1000"].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(table["median_delay"], [np.nan, 0, np.nan, 0])


def test_detection_rates_of_an_alarm_on_every_step_are_told_by_chance(noise):
    table = rates(noise, lambda values: np.ones(len(values), bool), kinds=["flat_line"])
    assert table["detected_pct"].tolist() == [100, 100, 100]
    assert table["chance_pct"].tolist() == [100, 100, 100]
    assert table["false_alarms_per_1000"].tolist() == [1000, 1000, 1000]


def test_detection_rates_count_false_alarms_away_from_the_anomaly_only(noise):
    values = noise.values.copy()
    values[noise.offsets[:-1] + SINCE, 0] = 60.0  # one alarm a series, on the first judged step
    values[noise.offsets[:-1], 0] = 60.0  # and one that is not judged
    odd = type(noise)(
        noise.series_ids, noise.offsets, noise.position, values, noise.columns, noise.calendar
    )
    table = rates(odd, far_out, kinds=["spike"], sizes={"huge": 20}, seed=1)
    # Of 5 x 100 judged steps, a spike and the step behind it are no place for a false alarm.
    assert table["false_alarms_per_1000"].iloc[0] == pytest.approx(1000 * 5 / (500 - 10))
    assert table["echo_steps"].tolist() == [0]


def test_detection_rates_delay_is_from_the_start_of_the_anomaly(noise):
    def third_step_of_a_flat_line(values):
        flat = np.diff(values, prepend=np.nan) == 0
        return flat & np.roll(flat, 1) & np.roll(flat, 2) & ~np.roll(flat, 3)

    table = rates(noise, third_step_of_a_flat_line, kinds=["flat_line"])
    assert table["detected_pct"].tolist() == [100, 100, 100]
    assert table["median_delay"].tolist() == [2, 2, 2]


def test_detection_rates_tell_the_echo_of_an_anomaly_from_false_alarms(noise):
    def linger(values):
        alarm = far_out(values)
        return alarm | np.roll(alarm, 1) | np.roll(alarm, 2) | np.roll(alarm, 3)

    table = rates(noise, linger, kinds=["spike"], sizes={"huge": 20})
    assert table["echo_steps"].tolist() == [2]  # of three, the first counts for nothing
    assert table["false_alarms_per_1000"].tolist() == [0]


def test_detection_rates_slack_lets_an_alarm_come_later(noise):
    def step_after(values):
        return np.roll(far_out(values), 2)

    for slack, expected in [(1, 0), (2, 100)]:
        table = rates(noise, step_after, kinds=["spike"], sizes={"huge": 20}, slack=slack)
        assert table["detected_pct"].tolist() == [expected]
    assert table["median_delay"].tolist() == [2]


def test_detection_rates_of_a_jump_back_are_neither_found_nor_an_echo(noise):
    def first_step_behind_a_flat_line(values):
        flat = np.diff(values, prepend=np.nan) == 0
        return np.roll(flat, 1) & ~flat

    table = rates(noise, first_step_behind_a_flat_line, kinds=["flat_line"])
    assert table["detected_pct"].tolist() == [0, 0, 0]
    assert table["echo_steps"].tolist() == [0, 0, 0]


def test_detection_rates_of_a_missing_stretch_tell_a_silent_detector_from_one_that_fills(noise):
    def fill(panel):
        every = np.arange(len(panel.position))
        ids = np.array(panel.series_ids, dtype=object)
        times = pd.Series(panel.times(every)).dt.tz_localize("UTC")
        return pd.DataFrame({"series_id": ids[panel.row_series], "time": times, "anomalous": False})

    fields = {"column": "value", "since": since(noise), "seed": 0, "kinds": ["missing"]}
    silent = detection_rates(noise, score=scorer(far_out), **fields)
    filled = detection_rates(noise, score=fill, **fields)

    def tell(panel):  # the step behind the gap, though it fills it
        known = np.isfinite(panel.values[:, 0])
        return fill(panel).assign(anomalous=known & ~np.roll(known, 1))

    assert detection_rates(noise, score=tell, **fields)["detected_pct"].tolist() == [100] * 3
    assert silent["detected_pct"].tolist() == [100, 100, 100]
    assert silent["median_delay"].isna().all()
    assert filled["detected_pct"].tolist() == [0, 0, 0]


def test_detection_rates_repeats_take_other_places_and_the_same_seed_the_same(noise):
    options = {"kinds": ["variance"], "sizes": {"small": 3}}
    once, again = rates(noise, far_out, **options), rates(noise, far_out, **options)
    pd.testing.assert_frame_equal(once, again)
    seen = []

    def note(panel):
        seen.append(panel.values[:, 0])
        return scorer(far_out)(panel)

    options |= {"column": "value", "since": since(noise), "seed": 0}
    table = detection_rates(noise, score=note, repeats=2, **options)
    assert table["n"].tolist() == [10]
    clean, first, second = seen
    np.testing.assert_array_equal(clean, noise.values[:, 0])
    assert np.flatnonzero(first != clean).tolist() != np.flatnonzero(second != clean).tolist()


def test_detection_rates_where_nothing_can_be_injected_are_unknown(panel_of):
    panel = panel_of({"flat": np.full(300, 5.0)})
    table = rates(panel, far_out, kinds=["spike"], sizes={"small": 3})
    assert table["n"].tolist() == [0]
    assert table[["detected_pct", "chance_pct", "median_delay"]].isna().all(axis=None)


def test_detection_rates_refuse_scores_of_a_step_that_is_not_there(noise):
    def ahead(panel):
        scores = scorer(far_out)(panel)
        return scores.assign(time=scores["time"] + pd.Timedelta(days=1))

    with pytest.raises(SeriesError, match="series A has a score at 2024-01-13 12:00"):
        detection_rates(noise, score=ahead, column="value", since=since(noise), seed=0)
