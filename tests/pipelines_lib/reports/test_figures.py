"""Pictures: made of what they are given, without pyplot and without global state."""

import base64
import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from pipelines_lib.reports.figures import (
    as_data_uri,
    draw_error_by_horizon,
    draw_forecast_path,
    draw_losses,
    draw_next_steps,
    draw_scores,
)

TIMES = pd.Series(pd.date_range("2024-01-01", periods=6, freq="D", tz="UTC"))


@pytest.fixture
def history():
    return pd.DataFrame({"time": TIMES, "value": [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]})


@pytest.fixture
def scores():
    return pd.DataFrame(
        {"time": TIMES, "score": [0.0, 1.0, 9.0, 8.0, 0.0, 0.0], "threshold": [2.0] * 6}
    )


def drawn(axes) -> dict[str, list]:
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def events_of(*spans):
    rows = [{"start": TIMES[a], "end": TIMES[b]} for a, b in spans]
    return pd.DataFrame(rows, columns=["start", "end"])


def test_draw_forecast_path_draws_truth_forecast_and_naive():
    paths = pd.DataFrame(
        {
            "time": TIMES,
            "actual": np.arange(6.0),
            "forecast": np.arange(6.0) + 0.5,
            "lower": np.arange(6.0) - 1,
            "upper": np.arange(6.0) + 2,
            "last_value": np.arange(6.0) - 0.25,
        }
    )
    figure = draw_forecast_path(paths, series_id="005930", unit="KRW", model="segment GRU")
    axes = figure.axes[0]
    assert drawn(axes) == {
        "actual": list(np.arange(6.0)),
        "last value": list(np.arange(6.0) - 0.25),
        "segment GRU, with interval": list(np.arange(6.0) + 0.5),
    }
    assert axes.collections
    assert axes.get_ylabel() == "KRW"
    assert "005930" in axes.get_title(loc="left")


def test_draw_next_steps_continues_from_the_last_observation(history):
    ahead = pd.DataFrame(
        {
            "time": TIMES[:2] + pd.Timedelta(days=6),
            "value": [2.5, 3.0],
            "lower": [2.0, 2.0],
            "upper": [3.0, 4.0],
        }
    )
    axes = draw_next_steps(history, ahead, series_id="A", unit="degC").axes[0]
    assert drawn(axes) == {
        "observed": [1.0, 2.0, 3.0, 2.0, 1.0, 2.0],
        "forecast": [2.0, 2.5, 3.0],
        "last value": [2.0, 2.0],
    }


def test_draw_error_by_horizon_draws_a_bar_per_step_and_method():
    table = pd.DataFrame(
        {"step": [1, 2], "mae": [1.0, 2.0], "last_value_mae": [1.5, 2.5], "mase": [0.5, 1.0]}
    )
    axes = draw_error_by_horizon(table, unit="KRW", model="linear").axes[0]
    heights = [[bar.get_height() for bar in group] for group in axes.containers]
    assert heights == [[1.0, 2.0], [1.5, 2.5]]
    assert [group.get_label() for group in axes.containers] == ["linear", "last value"]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(edges))


@pytest.mark.parametrize("steps", [[1], [1, 2, 3, 4, 5]])
def test_draw_error_by_horizon_marks_whole_steps(steps):
    table = pd.DataFrame({"step": steps, "mae": 1.0, "last_value_mae": 1.5})
    axes = draw_error_by_horizon(table, unit="KRW").axes[0]
    assert list(axes.get_xticks()) == steps


def test_draw_error_by_horizon_draws_lines_where_steps_are_many():
    steps = np.arange(1.0, 97.0)
    table = pd.DataFrame({"step": steps, "mase": steps, "drift_mase": 2 * steps, "mae": 1.0})
    axes = draw_error_by_horizon(table, unit="", measure="mase").axes[0]
    assert drawn(axes) == {"model": list(steps), "drift": list(2 * steps)}
    assert axes.get_ylim()[0] == 0


def test_draw_losses_marks_the_epoch_that_was_kept():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0], "validation_loss": [3.0, 2.5, 2.6]}
    )
    axes = draw_losses(history, best_epoch=2).axes[0]
    lines = drawn(axes)
    assert lines["training"] == [3.0, 2.0, 1.0]
    assert lines["validation"] == [3.0, 2.5, 2.6]
    kept = next(line for line in axes.lines if line.get_label().startswith("kept"))
    assert list(kept.get_xdata()) == [2, 2]


def test_draw_scores_shades_events_in_both_axes(scores, history):
    figure = draw_scores(scores, events_of((2, 3)), history, series_id="A", unit="degC")
    top, bottom = figure.axes
    assert list(top.lines[0].get_ydata()) == [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]
    assert drawn(bottom) == {"score": scores["score"].tolist(), "threshold": [2.0] * 6}
    assert [len(axes.patches) for axes in (top, bottom)] == [1, 1]
    shade = top.patches[0]
    assert shade.get_width() == pytest.approx(2.0)  # two days, half a day before and after


@pytest.mark.parametrize("n_events", [0, 2])
def test_draw_scores_draws_as_many_events_as_there_are(scores, history, n_events):
    figure = draw_scores(
        scores, events_of((0, 0), (4, 5)).head(n_events), history, series_id="A", unit=""
    )
    assert len(figure.axes[0].patches) == n_events


def test_draw_scores_of_a_single_step(scores, history):
    figure = draw_scores(scores.head(1), events_of((0, 0)), history.head(1), series_id="A", unit="")
    assert as_data_uri(figure).startswith("data:image/png")


def test_figures_have_a_legend_of_their_lines(scores, history):
    figure = draw_scores(scores, events_of(), history, series_id="A", unit="")
    legends = [*figure.legends, *[a.get_legend() for a in figure.axes if a.get_legend()]]
    assert {text.get_text() for text in legends[0].get_texts()} == {"score", "threshold"}


def test_as_data_uri_is_a_picture_that_is_not_blank(scores, history):
    uri = as_data_uri(draw_scores(scores, events_of((2, 3)), history, series_id="A", unit=""))
    head, _, code = uri.partition(",")
    assert head == "data:image/png;base64"
    pixels = imread(io.BytesIO(base64.b64decode(code)))
    assert pixels.shape[0] > 200
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 20


def test_figures_leave_pyplot_alone(scores, history):
    # In a process of its own: other tests may have imported pyplot.
    script = """
import sys
import pandas as pd
from pipelines_lib.reports.figures import as_data_uri, draw_losses
history = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "validation_loss": [2.0, 1.0]})
as_data_uri(draw_losses(history, best_epoch=1))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_reports_import_no_pyplot(reports_folder):
    assert [p.name for p in reports_folder.glob("*.py") if "pyplot" in p.read_text()] == []
