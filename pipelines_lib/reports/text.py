"""Numbers and texts as a reader wants them."""

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import make_calendar


def number(value: float) -> str:
    """Return a value with as many digits as a reader wants: about four."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if size >= 100 else f"{value:,.2f}" if size >= 10 else f"{value:.3g}"


def three_figures(value: float) -> str:
    """Return a value with three figures, zeros among them: in a column 2.70 stands under 2.71."""
    return f"{value:#.3g}" if 1e-3 <= abs(value) < 10 else number(value)


def cell_text(text: str) -> str:
    """Return a text that cannot break out of a cell of a markdown table."""
    return one_line(text.replace("|", "/"))


def one_line(text: str) -> str:
    """Return a text that cannot break out of its line."""
    return " ".join(text.split())


def step_text(time: pd.Timestamp, dataset: DatasetConfig) -> str:
    """Return a step's time as people write it: the date of a session, else with the minute."""
    calendar = make_calendar(dataset)
    daily = calendar.sessions is not None or np.mod(calendar.step_minutes, 1440) == 0
    return f"{time:%Y-%m-%d}" if daily else f"{time:%Y-%m-%d %H:%M}"
