"""Which series' mood moved most of late, and the documents that moved it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.lake import Lake
from pipelines_lib.sentiment.documents import join_texts
from pipelines_lib.series.calendar import Calendar, make_calendar, naive_times
from pipelines_lib.series.sentiment import decay
from pipelines_lib.tables import DOCUMENTS, POLARITIES, SENTIMENT

HEADLINES = 2
SHOWN_CHARACTERS = 120
COLUMNS = ["series_id", "time", "mood", "change", "documents", "headlines"]


@dataclass(frozen=True)
class Headline:
    """A document in a line: its title, or the beginning of its text; and its polarity."""

    text: str
    """One line of at most SHOWN_CHARACTERS."""
    polarity: float
    whole: str
    """Title and text, as the classifier read them."""


def read_movers(lake: Lake, dataset: DatasetConfig, *, scorer: str, n: int = 5) -> pd.DataFrame:
    """Read the series whose mood changed most at the newest step with documents.

    Args:
        lake: Where sentiment and documents lie.
        dataset: The declaration.
        scorer: Registered name of the model.
        n: Series at most that rose, and as many that fell.

    Returns:
        `series_id`, `time` of the step, `mood`, `change` since the step before, `documents` of the
        step, `headlines`: up to two Headlines of the strongest polarity, the strongest first. From
        the largest rise to the largest fall; without sentiment there are no rows.
    """
    only = {"scorer": scorer}
    newest = lake.last_times(dataset.name, SENTIMENT, equal=only)
    if newest.empty:
        return pd.DataFrame(columns=COLUMNS)
    time = pd.Timestamp(newest.max())
    now = lake.read_rows(dataset.name, SENTIMENT, start=time, equal=only)
    calendar = make_calendar(dataset)
    before = _mood_before(lake, dataset, calendar, now, only=only)
    now = now.assign(change=now["mood"] - before).sort_values(
        ["change", "series_id"], ascending=[False, True]
    )
    rise, fall = now[now["change"] > 0].head(n), now[now["change"] < 0].tail(n)
    moved = pd.concat([rise, fall], ignore_index=True)
    lines = _headlines(lake, dataset, calendar, moved, only=only)
    return moved.assign(headlines=pd.Series(lines, dtype=object))[COLUMNS]


def _mood_before(
    lake: Lake,
    dataset: DatasetConfig,
    calendar: Calendar,
    now: pd.DataFrame,
    *,
    only: dict[str, str],
) -> np.ndarray:
    """Return the mood that each series had at the step before, 0 where it had none yet."""
    earlier = lake.read_rows(
        dataset.name,
        SENTIMENT,
        columns=["series_id", "time", "mood"],
        series_ids=now["series_id"].tolist(),
        end=now["time"].iloc[0] - pd.Timedelta(microseconds=1),
        equal=only,
    )
    last = earlier.drop_duplicates("series_id", keep="last").set_index("series_id")
    last = last.reindex(now["series_id"])
    step = calendar.positions(naive_times(now["time"]))
    last_step = calendar.positions(naive_times(last["time"].fillna(now["time"].iloc[0])))
    left = last["mood"].to_numpy() * decay(step - 1 - last_step, dataset.documents.halflife_steps)
    return np.nan_to_num(left)


def _headlines(
    lake: Lake,
    dataset: DatasetConfig,
    calendar: Calendar,
    moved: pd.DataFrame,
    *,
    only: dict[str, str],
) -> list[list[Headline]]:
    """Return the headlines of each series that moved, from the documents of its step."""
    if moved.empty:
        return []
    position = int(calendar.positions(naive_times(moved["time"]))[0])
    after, until = (pd.Timestamp(end, tz="UTC") for end in calendar.document_span(position))
    first = after + pd.Timedelta(microseconds=1)
    said = lake.read_rows(
        dataset.name,
        POLARITIES,
        columns=["document_id", "series_ids", "model_version", "polarity"],
        start=first,
        end=until,
        equal=only,
    )
    texts = lake.read_rows(
        dataset.name, DOCUMENTS, columns=["document_id", "title", "text"], start=first, end=until
    )
    said = said.dropna(subset=["polarity"]).merge(texts, on="document_id")
    said = said.assign(series_id=said["series_ids"].str.split(",")).explode("series_id")
    said = said.merge(moved[["series_id", "model_version"]], on=["series_id", "model_version"])
    said = said.assign(strength=said["polarity"].abs()).sort_values(
        ["strength", "document_id"], ascending=[False, True]
    )
    title, text = (
        said[part].fillna("").str.split().str.join(" ").str.slice(0, SHOWN_CHARACTERS)
        for part in ("title", "text")
    )
    said = said.assign(
        headline=title.where(title != "", text), whole=join_texts(said["title"], said["text"])
    )
    chosen = said.groupby("series_id").head(HEADLINES).groupby("series_id")
    found = {
        name: [
            Headline(str(line), float(polarity), str(whole))
            for line, polarity, whole in zip(
                rows["headline"], rows["polarity"], rows["whole"], strict=True
            )
        ]
        for name, rows in chosen
    }
    return [found.get(name, []) for name in moved["series_id"]]
