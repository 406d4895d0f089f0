import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.errors import ConfigError
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.features import (
    feature_names,
    is_scaled,
    make_features,
    make_target,
    previous_values,
)
from pipelines_lib.series.panel import Panel, make_panel

NAN = np.nan
LN2 = 0.6931471805599453
EVERY = [
    "open_return",
    "high_return",
    "low_return",
    "close_return",
    "volume_change",
    "volatility",
    "volume_rank",
    "relative_return",
    "relative_volume",
    "calendar",
    "close",
]
BARS = ("open", "high", "low", "close", "volume")


@pytest.fixture
def panel(make_day_panel):
    """Series A of four steps, the third not observed; series B of two."""
    return make_day_panel(
        {
            "A": {"open": [10, 20, NAN, 40], "close": [10, 20, NAN, 40], "volume": [5, 0, NAN, 7]},
            "B": {"open": [8, 1], "close": [4, 8], "volume": [4, 8]},
        }
    )


def test_make_features_returns_are_against_the_previous_close(panel):
    made = make_features(panel, ["close_return", "open_return"])
    expected = [[NAN, NAN], [LN2, LN2], [NAN, NAN], [NAN, NAN], [NAN, NAN], [LN2, -2 * LN2]]
    np.testing.assert_allclose(made, expected)


def test_make_features_does_not_reach_into_the_series_before(panel):
    assert np.isnan(make_features(panel, ["close_return"])[4, 0])


def test_make_features_volume_change_is_zero_where_nothing_was_traded(panel):
    made = make_features(panel, ["volume_change"])[:, 0]
    np.testing.assert_allclose(made, [NAN, 0.0, NAN, NAN, NAN, LN2])


def test_make_features_takes_value_columns_as_they_are(panel):
    made = make_features(panel, ["volume", "close"])
    np.testing.assert_array_equal(made[:, 0], panel.column("volume"))
    np.testing.assert_array_equal(made[:, 1], panel.column("close"))


def test_make_features_volatility_needs_twenty_returns(make_day_panel):
    # The log close goes up by 1 and down by 1 in turn: 20 returns have mean 0.
    close = np.exp([number % 2 for number in range(23)])
    panel = make_day_panel({"A": {"close": list(close)}, "B": {"close": list(close)}})
    made = make_features(panel, ["volatility"])[:, 0]
    known = np.sqrt(20 / 19)  # 20 squares of 1 over 19
    np.testing.assert_allclose(made[:23], [NAN] * 20 + [known] * 3)
    np.testing.assert_allclose(made[23:], made[:23])


def test_make_features_volatility_is_unknown_for_twenty_returns_after_a_gap(make_day_panel):
    close = np.exp([number % 2 for number in range(45)])
    close[10] = NAN
    made = make_features(make_day_panel({"A": {"close": list(close)}}), ["volatility"])[:, 0]
    assert np.flatnonzero(np.isfinite(made))[0] == 31  # returns 10 and 11 lack a close


def volume_rank(make_day_panel, **volumes):
    series = {name: {"volume": list(values)} for name, values in volumes.items()}
    return make_features(make_day_panel(series), ["volume_rank"])[:, 0]


def test_make_features_volume_rank_is_the_share_of_the_twenty_before_that_lie_below(
    make_day_panel,
):
    climbing = np.arange(1.0, 24.0)
    climbing[20:] = [10.0, 99.0, 0.0]  # above nine and beside one; above all; below all
    made = volume_rank(make_day_panel, A=climbing, B=np.full(22, 7.0))
    np.testing.assert_allclose(made[:23], [NAN] * 20 + [9.5 / 20, 1.0, 0.0])
    np.testing.assert_allclose(made[23:], [NAN] * 20 + [0.5, 0.5])  # nothing but ties


def test_make_features_volume_rank_is_unknown_for_twenty_steps_after_a_gap(make_day_panel):
    volume = np.arange(50.0)
    volume[25] = NAN
    made = volume_rank(make_day_panel, A=volume)
    known = [*range(20, 25), *range(46, 50)]
    assert np.flatnonzero(np.isfinite(made)).tolist() == known


@settings(deadline=None)
@given(
    volume=st.lists(st.integers(0, 10**9), min_size=21, max_size=40),
    factor=st.sampled_from([1 / 50, 0.3, 2.0, 1e6]),
)
def test_make_features_volume_rank_knows_no_unit(make_day_panel, volume, factor):
    volume = np.array(volume, dtype=float)
    made = volume_rank(make_day_panel, A=volume)
    np.testing.assert_array_equal(made, volume_rank(make_day_panel, A=volume * factor))
    assert ((made[20:] >= 0) & (made[20:] <= 1)).all()


def test_make_features_volume_rank_has_forgotten_a_split_after_twenty_steps(make_day_panel):
    """The prices of a 50:1 split are adjusted, the volumes are not: their level jumps."""
    volume = np.random.default_rng(4).integers(1_000, 100_000, 100).astype(float)
    split = np.where(np.arange(100) < 60, volume, 50 * volume)
    whole, jumped = (volume_rank(make_day_panel, A=values) for values in (volume, split))
    touched = np.flatnonzero((whole != jumped) & ~np.isnan(whole))
    assert len(touched) > 5
    assert touched.min() >= 60
    assert touched.max() < 80
    assert jumped[20:].min() >= 0
    assert jumped[20:].max() <= 1


def test_make_features_calendar_is_sine_and_cosine(make_day_panel):
    # 1970-01-01 was a Thursday: 3 days after Monday.
    panel = make_day_panel({"A": {"value": [1.0, 2.0, 3.0, 4.0, 5.0]}})
    made = make_features(panel, ["calendar"])
    assert feature_names(["calendar"], panel) == [
        "at_weekday_sin",
        "at_weekday_cos",
        "at_year_sin",
        "at_year_cos",
    ]
    thursday, monday = made[0], made[4]
    np.testing.assert_allclose(thursday[:2], [np.sin(6 * np.pi / 7), np.cos(6 * np.pi / 7)])
    np.testing.assert_allclose(monday[:2], [0, 1], atol=1e-12)
    np.testing.assert_allclose(thursday[2:], [0, 1], atol=1e-12)
    turn = 2 * np.pi * 4 / 365.25
    np.testing.assert_allclose(monday[2:], [np.sin(turn), np.cos(turn)])


def test_make_features_calendar_below_a_day_has_the_time_of_day():
    hours = Calendar("fixed", 360)
    panel = Panel(["A"], np.array([0, 4]), np.arange(4), np.ones((4, 1)), ("value",), hours)
    assert feature_names(["calendar"], panel)[-2:] == ["at_day_sin", "at_day_cos"]
    made = make_features(panel, ["calendar"])[:, -2:]
    np.testing.assert_allclose(made, [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-12)


def test_make_features_calendar_is_known_where_nothing_was_observed(panel):
    assert np.isfinite(make_features(panel, ["calendar"])).all()


def test_feature_names_puts_the_calendar_last(panel):
    names = feature_names(["calendar", "close", "close_return"], panel)
    assert names[:2] == ["close", "close_return"]
    assert all(name.startswith("at_") for name in names[2:])
    assert make_features(panel, ["calendar", "close"]).shape == (6, 5)


def test_is_scaled_leaves_the_calendar_alone(panel):
    names = feature_names(["close", "calendar"], panel)
    assert is_scaled(names).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize("name", ["rsi", "Close", "high_return", ""])
def test_feature_names_refuses_an_unknown_feature(panel, name):
    with pytest.raises(ConfigError, match=f"feature '{name}' is none of open, close, volume"):
        feature_names(["close", name], panel)


def test_feature_names_refuses_a_feature_named_twice(panel):
    with pytest.raises(ConfigError, match="twice"):
        feature_names(["close", "close"], panel)


def test_feature_names_offers_no_returns_where_there_is_no_close(make_day_panel):
    panel = make_day_panel({"A": {"value": [1.0, 2.0]}})
    with pytest.raises(ConfigError, match="'close_return' is none of value, calendar"):
        make_features(panel, ["close_return"])


def test_make_features_prefers_a_value_column_to_a_derived_one(make_day_panel):
    panel = make_day_panel({"A": {"close_return": [0.5, -0.5]}})
    assert make_features(panel, ["close_return"]).ravel().tolist() == [0.5, -0.5]


def test_make_features_at_a_step_does_not_change_with_the_future(make_bars, krx_calendar):
    """The canary: everything after step 39 is replaced, everything up to it stays the same bits."""
    frame = make_bars(["A", "B"], 60, seed=3)
    panel = make_panel(frame, calendar=krx_calendar, columns=BARS)
    values = panel.values.copy()
    future = panel.row_in_series >= 40
    values[future] = np.random.default_rng(0).uniform(1, 1e6, size=values[future].shape)
    other = Panel(
        panel.series_ids, panel.offsets, panel.position, values, panel.columns, panel.calendar
    )
    first, second = make_features(panel, EVERY), make_features(other, EVERY)
    assert first[~future].tobytes() == second[~future].tobytes()
    assert np.nanmax(np.abs(first[future, 0] - second[future, 0])) > 0.1
    for steps in (1, 5):
        first, second = (
            make_target(p, "close", target_kind="log_return", steps=steps) for p in (panel, other)
        )
        assert first[~future].tobytes() == second[~future].tobytes()


def test_make_features_of_a_series_does_not_change_with_its_neighbours(make_bars, krx_calendar):
    frame = make_bars(["A", "B", "C"], 40)
    whole = make_panel(frame, calendar=krx_calendar, columns=BARS)
    alone = make_panel(frame[frame["series_id"] == "B"], calendar=krx_calendar, columns=BARS)
    made = make_features(whole, EVERY)[whole.row_series == 1]
    np.testing.assert_allclose(made, make_features(alone, EVERY), rtol=1e-9, atol=1e-12)


def test_make_target_of_a_level_is_the_column(panel):
    made = make_target(panel, "close", target_kind="level")
    np.testing.assert_array_equal(made, panel.column("close"))


def test_make_target_of_a_log_return_is_against_the_step_before(panel):
    made = make_target(panel, "close", target_kind="log_return")
    np.testing.assert_allclose(made, [NAN, LN2, NAN, NAN, NAN, LN2])


def test_make_target_of_a_log_return_over_two_steps(make_day_panel):
    panel = make_day_panel({"A": {"close": [1, 2, 4, 16, 8]}, "B": {"close": [1, 3]}})
    made = make_target(panel, "close", target_kind="log_return", steps=2)
    np.testing.assert_allclose(made, [NAN, NAN, 2 * LN2, 3 * LN2, LN2, NAN, NAN])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_make_target_refuses_a_log_return_of_what_is_not_positive(make_day_panel, value):
    panel = make_day_panel({"B": {"value": [1.0, value]}})
    with pytest.raises(ConfigError, match=r"'value' of series B .*<= 0.*target_kind=level"):
        make_target(panel, "value", target_kind="log_return")
    made = make_target(panel, "value", target_kind="level")
    assert made.tolist() == [1.0, value]


def test_make_target_leaves_steps_without_a_log_return_unknown_where_others_have_one(
    make_day_panel,
):
    panel = make_day_panel({"A": {"value": [1.0, 1.0]}, "B": {"value": [0.0, 1.0]}})
    made = make_target(panel, "value", target_kind="log_return")
    assert np.isnan(made).tolist() == [True, False, True, True]


def test_make_features_makes_no_infinite_value(make_day_panel):
    columns = {"open": [1.0, 1.0], "high": [1.0, 1.0], "low": [1.0, 1.0], "close": [0.0, 1.0]}
    panel = make_day_panel({"A": columns})
    assert np.isnan(make_features(panel, ["close_return"])).all()


@settings(deadline=None)
@given(data=st.data())
def test_previous_values_holds_for_every_series(make_day_panel, data):
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    steps = data.draw(st.integers(1, 4))
    series = {f"S{n}": {"value": [10.0 * n + i for i in range(k)]} for n, k in enumerate(lengths)}
    panel = make_day_panel(series)
    expected = [
        values["value"][i - steps] if i >= steps else NAN
        for values in series.values()
        for i in range(len(values["value"]))
    ]
    np.testing.assert_array_equal(previous_values(panel, panel.column("value"), steps), expected)
