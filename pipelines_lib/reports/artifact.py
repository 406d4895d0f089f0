"""What ends a run on Prefect's page: pictures, links, who has no result; as markdown.

Prefect stores a markdown artifact in its database and sends all of it with every look at the page,
so that pictures are few and small; the HTML report and MLflow have them whole.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pipelines_lib.reports.figures import as_data_uri
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.text import cell_text, one_line

SMALL_DPI = 64
"""Of pictures that are drawn for an artifact: 576 pixels wide."""
MOST_BYTES = 180_000
"""That the pictures of an artifact may have together, as they are written."""
MOST_PICTURES = 4
LISTED = 50
"""Series without a result that are named."""


def small_picture(figure: Figure, caption: str) -> Picture:
    """Return a figure as a picture that an artifact can hold."""
    return Picture(as_data_uri(figure, dpi=SMALL_DPI), caption)


def stored_picture(png: bytes, caption: str) -> Picture:
    """Return a stored picture as one that an artifact can hold."""
    return Picture("data:image/png;base64," + base64.b64encode(png).decode(), caption)


def first_figures(figures: Mapping[str, Figure], wanted: Iterable[str]) -> list[Picture]:
    """Return those of the wanted figures that there are, in the order in which they are wanted."""
    names = [name for name in wanted if name in figures][:MOST_PICTURES]
    return [small_picture(figures[name], name.replace("_", " ")) for name in names]


def choose_pictures(
    moves: Sequence[tuple[Figure, str]], events: Mapping[str, Figure], words: Mapping[str, str]
) -> list[Picture]:
    """Return what a night shows: half forecasts, half events, or more of one where the other lacks.

    Args:
        moves: The forecasts that move most, each with a sentence.
        events: Pictures of events by their id, the most notable first.
        words: A line of words on each event, by its id.
    """
    told = [(events[name], text) for name, text in words.items() if name in events]
    half = MOST_PICTURES // 2
    n_events = min(len(told), max(half, MOST_PICTURES - len(moves)))
    chosen = [*moves[: MOST_PICTURES - n_events], *told[:n_events]]
    return [small_picture(figure, text) for figure, text in chosen]


def picture_lines(pictures: Sequence[Picture]) -> list[str]:
    """Return the first pictures as markdown, as many as an artifact can hold."""
    lines, size = [], 0
    for picture in pictures[:MOST_PICTURES]:
        size += len(picture.source)
        if size > MOST_BYTES:
            break
        caption = one_line(picture.caption)
        alternative = caption.translate({ord(sign): " " for sign in "[]"})
        lines += [f"![{alternative}]({picture.source})", "", f"*{caption}*", ""]
    return lines


def run_sentence(run_id: str, run_page: str, experiment: str) -> str:
    """Say where MLflow shows a run.

    Args:
        run_id: Its id.
        run_page: Its address on MLflow's page; empty: no server is known.
        experiment: Name of its experiment, DATASET/TASK.
    """
    if run_page:
        return f"[{run_id}]({run_page})"
    return f"`{run_id}`; `tidewatch page mlflow` shows it, in the experiment {experiment}"


def file_sentence(path: str) -> str:
    """Say where a file lies, with a link for browsers that follow links to files."""
    return f"`{path}` ([open]({Path(path).as_uri()}))" if path else "none"


def problem_lines(problems: Mapping[str, str]) -> list[str]:
    """Return a table of the series that failed or were left out, the first of many."""
    if not problems:
        return []
    lines = ["| series without a result | why |", "|---|---|"]
    shown = list(problems.items())[:LISTED]
    lines += [f"| {cell_text(name)} | {cell_text(why)} |" for name, why in shown]
    if rest := len(problems) - len(shown):
        lines.append(f"| and {rest:,} more | |")
    return [*lines, ""]
