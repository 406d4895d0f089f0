"""Pictures of events and of detection rates: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num

from pipelines_lib.reports.event_pictures import (
    draw_detection_rates,
    draw_event,
    rates_to_markdown,
)
from pipelines_lib.reports.figures import as_data_uri

UNKNOWN = np.full(10, np.nan)


def drawn(axes):
    return {
        line.get_label(): list(line.get_ydata())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_draw_event_draws_series_and_expectations_above_score_and_threshold(explain):
    given = explain()
    figure = draw_event(given)
    top, bottom = figure.axes
    assert drawn(top) == {
        "forecast": list(given.forecast),
        "reconstruction": list(given.reconstruction),
        "observed": list(given.value),
        "peak": [106.0],
    }
    band = top.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (91.0, 120.0)
    assert drawn(bottom) == {"score": list(given.score), "threshold": [1.5] * 10}
    assert legend(figure) == [
        "forecast's interval", "forecast", "reconstruction", "observed", "peak", "score",
        "threshold",
    ]  # fmt: skip
    assert (top.get_ylabel(), bottom.get_ylabel()) == ("close (KRW)", "score (log)")
    assert top.get_title(loc="left") == "005930: event of 2024-01-06"


def test_draw_event_shades_the_event_half_a_step_to_either_side(explain):
    for axes in draw_event(explain()).axes:
        (shade,) = axes.patches
        first = date2num(np.datetime64("2024-01-05T12:00"))
        assert (shade.get_x(), shade.get_width()) == (pytest.approx(first), pytest.approx(2.0))


def test_draw_event_leaves_out_what_there_is_not(explain):
    figure = draw_event(
        explain(forecast=UNKNOWN, lower=UNKNOWN, upper=UNKNOWN, reconstruction=UNKNOWN, unit="")
    )
    assert legend(figure) == ["observed", "peak", "score", "threshold"]
    assert figure.axes[0].get_ylabel() == "close"


def test_draw_event_of_a_peak_that_was_not_observed_marks_its_score_only(explain):
    value = np.where(np.arange(10) == 6, np.nan, 100.0)
    top, bottom = draw_event(explain(value=value)).axes
    assert "peak" not in drawn(top)
    assert list(bottom.lines[-1].get_ydata()) == [pytest.approx(3.6)]


@pytest.mark.parametrize("name", ["a$b$_x", "KOSPI (KS11) & co"])
def test_draw_event_writes_names_as_they_are(explain, name):
    figure = draw_event(explain(series_id=name, column=name))
    assert as_data_uri(figure).startswith("data:image/png")
    assert figure.axes[0].get_title(loc="left").startswith(f"{name}: ")


def test_draw_event_of_a_single_hourly_step(explain):
    one = {
        name: np.array([1.0])
        for name in ("value", "forecast", "lower", "upper", "reconstruction", "score", "threshold")
    }
    at = np.array(["2024-01-01T07:30"], dtype="datetime64[us]")
    figure = draw_event(explain(time=at, start=at[0], end=at[0], peak=at[0], **one))
    assert as_data_uri(figure).startswith("data:image/png")


@pytest.fixture
def rates():
    return pd.DataFrame(
        {
            "kind": ["spike", "spike", "level_shift", "level_shift"],
            "size": ["small", "large", "small", "large"],
            "n": [40, 40, 40, 0],
            "detected_pct": [12.5, 100.0, 60.0, np.nan],
            "chance_pct": [0.0, 0.0, 4.6, np.nan],
            "false_alarms_per_1000": [0.234, 0.2, 1.0, np.nan],
            "median_delay": [0.0, 0.5, 12.0, np.nan],
            "echo_steps": [0.0, 2.04, 30.0, np.nan],
        }
    )


def test_draw_detection_rates_writes_the_percent_into_every_cell(rates):
    figure = draw_detection_rates(rates)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["12 %", "100 %", "60 % (5)", "none"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["spike", "level shift"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["small", "large"]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[12.5, 100], [60, 0]])
    assert as_data_uri(figure).startswith("data:image/png")


def test_rates_to_markdown_has_a_line_for_each_kind_and_size(rates):
    assert rates_to_markdown(rates).splitlines()[2:] == [
        "| spike | small | 40 | 12 % | 0 % | 0.23 | 0 | 0.0 |",
        "| spike | large | 40 | 100 % | 0 % | 0.20 | 0.5 | 2.0 |",
        "| level shift | small | 40 | 60 % | 5 % | 1.00 | 12 | 30.0 |",
        "| level shift | large | 0 | - | - | - | - | - |",
    ]
