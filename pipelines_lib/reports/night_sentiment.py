"""Gather a night's documents from the lake: counts, movers, the picture of their moods."""

from datetime import datetime

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipelines_lib.config import DatasetConfig
from pipelines_lib.ingestion.document_report import DocumentsReport
from pipelines_lib.lake import Lake
from pipelines_lib.reports.figures import ALARM, INK, MODEL, as_data_uri, tidy, use_dates
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.sentiment_lines import MoverLine, TextNews
from pipelines_lib.reports.text import step_text
from pipelines_lib.sentiment.movers import read_movers
from pipelines_lib.series.calendar import make_calendar, naive_times
from pipelines_lib.series.sentiment import decay
from pipelines_lib.tables import DOCUMENT_QUARANTINE, DOCUMENTS, SENTIMENT

MOVERS = 4
"""Series that rose, and as many that fell, that a night shows."""
STEPS = 120
"""Newest steps that the picture of moods spans."""
COLUMNS = 4
"""Moods side by side."""
SHADED = 8
"""Headlines whose words are shown."""
NEUTRAL = 0.1
"""A headline whose polarity is nearer to 0 decides nothing."""


def summarise_texts(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    ingested: DocumentsReport,
    scorer: str,
    version: str,
    scored: int,
    classes: dict[str, int],
    at: datetime,
) -> tuple[TextNews, pd.DataFrame]:
    """Summarise what the lake holds of a dataset's documents after a night.

    Args:
        lake: Where the tables lie.
        dataset: The declaration.
        ingested: What the ingest of documents did.
        scorer: Registered name of the classifier; empty: none was asked.
        version: Its version.
        scored: Documents that it scored tonight.
        classes: All that it has scored, by class.
        at: When the night runs, UTC.

    Returns:
        The summary, and the movers as `read_movers` returns them.
    """
    movers = read_movers(lake, dataset, scorer=scorer, n=MOVERS)
    held = lake.count_rows(dataset.name, DOCUMENT_QUARANTINE, by="rule")
    news = TextNews(
        documents=int(lake.count_rows(dataset.name, DOCUMENTS, by="source").sum()),
        newest=_date_texts(lake, dataset, ingested, at=at),
        read=ingested.read,
        new=ingested.new,
        changed=ingested.changed,
        quarantined_new=ingested.quarantined,
        quarantined={str(rule): int(n) for rule, n in held.items()},
        failures=dict(ingested.failures),
        scorer=f"{scorer} v{version}" if scorer else "",
        scored=scored,
        classes=classes,
        step=step_text(movers["time"].iloc[0], dataset) if len(movers) else "",
        movers=[
            MoverLine(
                str(row["series_id"]),
                float(row["mood"]),
                float(row["change"]),
                int(row["documents"]),
                [(headline.text, headline.polarity) for headline in row["headlines"]],
            )
            for row in movers.to_dict("records")
        ],
    )
    return news, movers


def _date_texts(
    lake: Lake, dataset: DatasetConfig, ingested: DocumentsReport, *, at: datetime
) -> str:
    """Return the newest time of publication: tonight's, else the lake's; empty: no document.

    Of texts without times, which all bear the same one, the date of the run.
    """
    newest = ingested.newest
    if newest is None:
        stored = lake.last_times(dataset.name, DOCUMENTS, by="source", equal={})
        newest = stored.max() if len(stored) else None
    if newest is None:
        return ""
    undated = dataset.documents.kind == "files" and not dataset.documents.time_column
    return f"{at:%Y-%m-%d}" if undated else f"{newest:%Y-%m-%d %H:%M}"


def strongest_headlines(movers: pd.DataFrame) -> tuple[list[str], list[float]]:
    """Return the documents of the movers that say most, whole, and their polarity."""
    found = {headline.whole: headline.polarity for row in movers["headlines"] for headline in row}
    strong = [text for text in found if abs(found[text]) >= NEUTRAL]
    chosen = sorted(strong, key=lambda text: -abs(found[text]))[:SHADED]
    return chosen, [found[text] for text in chosen]


def draw_moods(
    lake: Lake, dataset: DatasetConfig, movers: pd.DataFrame, *, scorer: str
) -> list[Picture]:
    """Draw the moods of the movers over the newest steps, side by side on one scale."""
    if movers.empty:
        return []
    calendar = make_calendar(dataset)
    last = int(calendar.positions(naive_times(movers["time"]))[0])
    position = np.arange(max(0, last - STEPS + 1), last + 1)
    names = list(movers["series_id"])
    rows = lake.read_rows(
        dataset.name,
        SENTIMENT,
        columns=["series_id", "time", "mood"],
        series_ids=names,
        end=movers["time"].iloc[0],
        equal={"scorer": scorer},
    )
    moods = {}
    for name in names:
        of_series = rows[rows["series_id"] == name].sort_values("time")
        known = calendar.positions(naive_times(of_series["time"]))
        at = np.searchsorted(known, position, side="right") - 1
        age = np.maximum(position - known[at], 0)
        left = of_series["mood"].to_numpy()[at] * decay(age, dataset.documents.halflife_steps)
        moods[name] = np.where(at >= 0, left, 0.0)
    figure = draw_small_multiples(calendar.times(position), moods)
    caption = f"Mood of the movers over the last {len(position)} steps, by {scorer}"
    return [Picture(as_data_uri(figure), caption)]


def draw_small_multiples(time: np.ndarray, moods: dict[str, np.ndarray]) -> Figure:
    """Draw a mood each (n,) against time (n,), filled by its sign, all on one scale."""
    columns = min(COLUMNS, len(moods))
    rows = -(-len(moods) // columns)
    figure = Figure(figsize=(9, 0.5 + 1.35 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, mood) in zip(grid, moods.items(), strict=False):
        axes.fill_between(time, mood, 0, where=mood >= 0, color=MODEL, alpha=0.35, lw=0)
        axes.fill_between(time, mood, 0, where=mood <= 0, color=ALARM, alpha=0.35, lw=0)
        axes.plot(time, mood, color=INK, lw=0.8)
        axes.axhline(0, color=INK, lw=0.5)
        axes.set_title(name, loc="left", fontsize=8, color=INK)
        tidy(axes)
        axes.tick_params(labelsize=7)
        use_dates(axes)
    for axes in grid[len(moods) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(moods) - columns) : len(moods)]:
        axes.tick_params(labelbottom=True)  # also where the last row is not full
    return figure
