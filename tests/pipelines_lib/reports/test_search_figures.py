import numpy as np
import pandas as pd
import pytest

from pipelines_lib.config.space import Choices, Range
from pipelines_lib.reports.search import draw_search

DIMENSIONS = [
    Range("hidden", 2, 8, log=True, integer=True),
    Range("dropout", 0, 0.5, log=False, integer=False),
    Choices("bidirectional", (True, False)),
    Choices("cell", ("lstm", "gru")),
]
TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2, 3],
        "state": ["complete", "pruned", "complete", "failed"],
        "mase": [0.9, np.nan, 0.7, np.nan],
        "hidden": [2, 8, 4, 8],
        "dropout": [0.1, 0.2, 0.3, 0.4],
        "bidirectional": [True, False, False, True],
        "cell": ["gru", "gru", "lstm", "gru"],
    }
)


@pytest.fixture
def figures():
    weights = {"hidden": 0.75, "cell": 0.25}
    return draw_search(TRIALS, DIMENSIONS, last_value_mase=1.1, weights=weights)


def test_draw_search_draws_the_best_so_far_and_what_was_ended(figures):
    lines = {line.get_label(): line for line in figures["history"].axes[0].lines}
    assert lines["complete"].get_xydata().tolist() == [[0, 0.9], [2, 0.7]]
    assert lines["best"].get_ydata().tolist() == [0.9, 0.7]
    assert lines["pruned"].get_xdata().tolist() == [1]
    assert lines["failed"].get_xdata().tolist() == [3]
    assert set(lines["last value"].get_ydata()) == {1.1}


def test_draw_search_draws_the_complete_trials_over_each_field(figures):
    shown = [axes for axes in figures["fields"].axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [d.path for d in DIMENSIONS]
    points = [axes.collections[0].get_offsets().tolist() for axes in shown]
    assert points == [
        [[2, 0.9], [4, 0.7]],
        [[0.1, 0.9], [0.3, 0.7]],
        [[0, 0.9], [1, 0.7]],
        [[1, 0.9], [0, 0.7]],
    ]
    assert [tick.get_text() for tick in shown[3].get_xticklabels()] == ["lstm", "gru"]
    assert shown[0].get_xscale() == "log"


def test_draw_search_draws_weights_where_there_are_any(figures):
    assert [bar.get_width() for bar in figures["weights"].axes[0].patches] == [25, 75]
    without = draw_search(TRIALS, DIMENSIONS, last_value_mase=1.1, weights={})
    assert set(without) == {"history", "fields"}
