"""`relative_return` and `relative_volume`: what is left when the market's own move is taken off."""

import numpy as np
import pytest

from pipelines_lib.errors import ConfigError
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.cross_section import subtract_median
from pipelines_lib.series.features import make_features
from pipelines_lib.series.panel import Panel, make_panel

NAN = np.nan
BARS = ("open", "high", "low", "close", "volume")
RELATIVE = ["relative_return", "relative_volume"]


def closes_of(returns):
    """Return closes that begin at 100 and have these log returns."""
    return list(100 * np.exp(np.cumsum([0.0, *returns])))


def relative_return(make_day_panel, returns, volumes=None):
    """Return one row a series, one column a step after the first."""
    series = {
        name: {"close": closes_of(values), "volume": [9.0] * (len(values) + 1)}
        for name, values in returns.items()
    }
    for name, volume in (volumes or {}).items():
        series[name]["volume"] = volume
    made = make_features(make_day_panel(series), ["relative_return"])[:, 0]
    return made.reshape(len(series), -1)[:, 1:]


def test_relative_return_of_a_day_of_the_market_is_what_a_share_adds(make_day_panel):
    returns = {"A": [-0.08], "B": [-0.09], "C": [-0.07], "D": [-0.08], "E": [-0.10]}
    made = relative_return(make_day_panel, returns)
    np.testing.assert_allclose(made[:, 0], [0.0, -0.01, 0.01, 0.0, -0.02], atol=1e-12)


def test_relative_return_of_a_share_alone_keeps_its_move(make_day_panel):
    returns = {"A": [0.01, -0.08], **{name: [0.01, 0.0] for name in "BCDE"}}
    made = relative_return(make_day_panel, returns)
    np.testing.assert_allclose(made[0], [0.0, -0.08], atol=1e-12)
    np.testing.assert_allclose(made[1:], 0.0, atol=1e-12)


def test_relative_return_of_an_even_number_is_against_the_mean_of_the_middle_two(make_day_panel):
    moves = [0.0, 0.01, 0.02, 0.04, 0.05, 0.06]
    made = relative_return(make_day_panel, {f"S{n}": [move] for n, move in enumerate(moves)})
    expected = [-0.03, -0.02, -0.01, 0.01, 0.02, 0.03]
    np.testing.assert_allclose(made[:, 0], expected, atol=1e-12)


def test_relative_return_of_a_halted_share_is_zero_and_has_no_part_in_the_median(make_day_panel):
    """With the two halted shares the median would be -.07: C would have -.01, H and I +.07."""
    market = {"A": [-0.05], "B": [-0.07], "C": [-0.08], "D": [-0.09], "E": [-0.10]}
    halted = {"H": [0.0], "I": [0.0]}
    volumes = {name: [9.0, 0.0] for name in halted}
    made = relative_return(make_day_panel, market | halted, volumes)
    expected = [0.03, 0.01, 0.0, -0.01, -0.02, 0.0, 0.0]
    np.testing.assert_allclose(made[:, 0], expected, atol=1e-12)


def test_relative_return_after_a_halt_is_against_the_market_of_that_day(make_day_panel):
    market = {name: [-0.08, 0.01] for name in "ABCDE"}
    made = relative_return(make_day_panel, market | {"H": [0.0, -0.20]}, {"H": [9.0, 0.0, 9.0]})
    np.testing.assert_allclose(made[-1], [0.0, -0.21], atol=1e-12)


@pytest.mark.parametrize(("n_trading", "expected"), [(4, -0.08), (5, 0.0)])
def test_relative_return_needs_five_series_that_trade(make_day_panel, n_trading, expected):
    names = "ABCDEFGH"
    volumes = {name: [9.0, 0.0] for name in names[n_trading:]}
    made = relative_return(make_day_panel, {name: [-0.08] for name in names}, volumes)
    np.testing.assert_allclose(made[:n_trading, 0], expected, atol=1e-12)


def test_relative_return_is_unknown_where_a_return_is_and_leaves_the_median_to_the_others(
    make_day_panel,
):
    """E was not observed at step 1, F is halted from its first step on: no return, no zero."""
    series = {name: {"close": closes_of([0.02, 0.02]), "volume": [9.0] * 3} for name in "ABCDE"}
    series["A"]["close"] = closes_of([0.02, 0.05])
    series["E"] = {"close": [100.0, NAN, 100.0], "volume": [9.0, NAN, 9.0]}
    series["F"] = {"close": [100.0, 100.0, 100.0], "volume": [0.0, 0.0, 0.0]}
    made = make_features(make_day_panel(series), ["relative_return"])[:, 0].reshape(6, 3)
    np.testing.assert_array_equal(np.isnan(made[:, 0]), True)
    np.testing.assert_array_equal(made[4], [NAN, NAN, NAN])
    np.testing.assert_array_equal(made[5], [NAN, 0.0, 0.0])
    # Four have a return at steps 1 and 2: there is no cross-section.
    np.testing.assert_allclose(made[:2, 1:], [[0.02, 0.05], [0.02, 0.02]], atol=1e-12)


def test_relative_features_of_one_series_are_its_own(make_bars, krx_calendar):
    panel = make_panel(make_bars(["A"], 40, seed=1), calendar=krx_calendar, columns=BARS)
    own = make_features(panel, ["close_return", "volume_change"])
    assert np.nanmax(np.abs(own)) > 0
    np.testing.assert_array_equal(make_features(panel, RELATIVE), own)


def test_relative_return_joins_series_by_their_step_and_not_by_their_row():
    """A begins a day before the others: its second row stands beside their first."""
    calendar = Calendar("fixed", 1440)
    closes = [closes_of([0.5, 0.01]), *[closes_of([0.03])] * 5]
    position = np.concatenate([[0, 1, 2], *[[1, 2]] * 5])
    values = np.concatenate(closes)[:, None]
    offsets = np.array([0, 3, 5, 7, 9, 11, 13])
    panel = Panel(list("ABCDEF"), offsets, position, values, ("close",), calendar)
    made = make_features(panel, ["relative_return"])[:, 0]
    np.testing.assert_allclose(made, [NAN, 0.5, -0.02, *[NAN, 0.0] * 5], atol=1e-12)


def test_relative_volume_is_against_the_median_change_of_those_that_trade(make_day_panel):
    """All double their volume but A, which has eight times as much; H and R pause or return."""
    volumes = {"A": [1, 8], **{name: [1, 2] for name in "BCDEF"}, "H": [1, 0], "R": [0, 1]}
    panel = make_day_panel({name: {"volume": values} for name, values in volumes.items()})
    made = make_features(panel, ["relative_volume"])[:, 0].reshape(8, 2)[:, 1]
    np.testing.assert_allclose(made, [np.log(4), 0, 0, 0, 0, 0, 0, 0], atol=1e-12)


def test_relative_features_are_offered_where_their_columns_are(make_day_panel):
    panel = make_day_panel({"A": {"close": [1.0, 2.0]}})
    assert make_features(panel, ["relative_return"])[1, 0] == pytest.approx(np.log(2))
    with pytest.raises(ConfigError, match=r"'relative_volume' is none of close, .*relative_return"):
        make_features(panel, ["relative_volume"])


def test_relative_features_at_a_step_do_not_change_with_the_future(make_bars, krx_calendar):
    """The canary on a market of seven series: nothing after step 39 reaches back."""
    frame = make_bars([f"S{n}" for n in range(7)], 60, seed=3)
    panel = make_panel(frame, calendar=krx_calendar, columns=BARS)
    future = panel.row_in_series >= 40
    values = panel.values.copy()
    values[future] = np.random.default_rng(0).uniform(1, 1e6, size=values[future].shape)
    other = Panel(
        panel.series_ids, panel.offsets, panel.position, values, panel.columns, panel.calendar
    )
    first, second = make_features(panel, RELATIVE), make_features(other, RELATIVE)
    assert first[~future].tobytes() == second[~future].tobytes()
    assert np.nanmax(np.abs(first[future] - second[future])) > 0.1


def test_subtract_median_ignores_what_is_infinite(make_day_panel):
    panel = make_day_panel({name: {"value": [0.0]} for name in "ABCDEF"})
    values = np.array([1.0, 2.0, 3.0, 4.0, 9.0, np.inf])
    made = subtract_median(panel, values, counted=np.ones(6, dtype=bool))
    np.testing.assert_array_equal(made, [-2.0, -1.0, 0.0, 1.0, 6.0, np.inf])
