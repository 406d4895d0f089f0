"""What ends a run on Prefect's page: pictures, links, who has no result; as markdown.

Prefect stores a markdown artifact in its database and sends all of it with every look at the page,
so that pictures are few and small; the HTML report and MLflow have them whole.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image
from PIL.Image import Resampling

from pipelines_lib.reports.figures import DATA_URI
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.text import cell_text, one_line

WIDTH = 640
"""Pixels across the pictures of an artifact."""
COLOURS = 64
MOST_BYTES = 180_000
"""That the pictures of an artifact may have together, as they are written."""
MOST_PICTURES = 4
LISTED = 50
"""Series without a result that are named."""


def small_picture(png: bytes, caption: str) -> Picture:
    """Return a picture as one that an artifact can hold: narrower, and of few colours.

    Scaling takes a tenth of the time of drawing it once more.
    """
    with Image.open(io.BytesIO(png)) as image:
        flat = image.convert("RGB")
    if flat.width > WIDTH:
        flat = flat.resize((WIDTH, round(flat.height * WIDTH / flat.width)), Resampling.LANCZOS)
    buffer = io.BytesIO()
    flat.quantize(COLOURS).save(buffer, format="png", optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return Picture(DATA_URI + encoded, caption)


def first_pictures(pngs: Mapping[str, bytes], wanted: Iterable[str]) -> list[Picture]:
    """Return those of the wanted pictures that there are, in the order in which they are wanted."""
    names = [name for name in wanted if name in pngs][:MOST_PICTURES]
    return [small_picture(pngs[name], name.replace("_", " ")) for name in names]


def png_bytes(picture: Picture) -> bytes:
    """Return the PNG file of a picture."""
    return base64.b64decode(picture.source.removeprefix(DATA_URI))


def choose_pictures(forecasts: Sequence[Picture], events: Sequence[Picture]) -> list[Picture]:
    """Return what a night shows: half forecasts, half events, or more of one where the other lacks.

    Args:
        forecasts: Those that move most first.
        events: The most notable first.
    """
    half = MOST_PICTURES // 2
    n_events = min(len(events), max(half, MOST_PICTURES - len(forecasts)))
    chosen = [*forecasts[: MOST_PICTURES - n_events], *events[:n_events]]
    return [small_picture(png_bytes(picture), picture.caption) for picture in chosen]


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
    """Say where a file lies; no link, for a page that came from a server opens no file."""
    return f"`{path}`" if path else "none"


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
