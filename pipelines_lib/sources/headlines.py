"""Made-up Korean and English headlines of known polarity, the same for the same seed.

Where the market is made up as well, its news comes before its moves: what is published until the
end of step s tends to have the sign of the return of step s + 1. No real news does that so well;
it is there so that a model that is given the news has something to learn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
import pandas as pd

from pipelines_lib.config.documents import DocumentsConfig
from pipelines_lib.sources.documents import ROLES, RawDocuments
from pipelines_lib.sources.headline_templates import (
    DETAILS,
    EMOJI,
    FILLERS,
    MARKETS,
    NAMES,
    TEMPLATES,
)

BLOCK = 20_000
"""Headlines made at a time."""
LANGUAGES = ("ko", "en")
CLASSES = tuple(TEMPLATES)
FORESIGHT = 0.42
"""Correlation of a headline's latent tone with the next return."""
THIRDS = (-0.43, 0.43)
"""Tones, standard normal, between the classes: each has a third."""
FLIPPED, OF_NONE, OF_TWO, WITH_DETAIL, WITH_EMOJI = 0.03, 0.05, 0.10, 0.4, 0.06
"""Shares of headlines: labelled wrongly, of no series, of two, with a text, with an emoji."""
HOUR_WEIGHTS = np.array([4, 4, 3, 3, 3, 4, 6, 7, 5, 4, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 2, 3, 5, 5.0])
"""How many headlines each hour of the day (UTC) has: those of a newsroom in Seoul."""
WEEKEND = 0.35
"""Headlines of a Saturday or Sunday, relative to another day."""


@dataclass(frozen=True)
class Moves:
    """How a market moved: log returns in its steps (n, series).

    `ends`, datetime64[us] (n,), is until when, inclusive, documents count for each step.
    """

    ends: np.ndarray
    series_ids: tuple[str, ...]
    returns: np.ndarray


class HeadlineSource:
    """Headlines of a seed, from `first` to `last`, of some series or of none."""

    ids: Literal["given", "content", "row"] = "given"
    unique = True

    def __init__(
        self,
        config: DocumentsConfig,
        series_ids: Sequence[str],
        *,
        first: np.datetime64,
        last: np.datetime64,
        moves: Moves | None,
    ) -> None:
        self._config, self._series_ids = config, list(series_ids)
        self._first, self._last, self._moves = first, last, moves

    def describe(self) -> str:
        """Return kind, size and seed in a few words."""
        return f"synthetic headlines: {self._config.n_documents}, seed {self._config.seed}"

    def list_parts(self) -> list[str]:
        """Return the one part that there is."""
        return ["headlines"]

    def read_part(self, part: str) -> Iterator[RawDocuments]:
        """Yield the headlines, a bounded number at a time."""
        n, seed = self._config.n_documents, self._config.seed
        for begin in range(0, n, BLOCK):
            made = make_headlines(
                min(BLOCK, n - begin),
                seed,
                self._series_ids,
                first=self._first,
                last=self._last,
                moves=self._moves,
                block=begin // BLOCK,
            )
            made["document_id"] = [f"syn-{seed}-{begin + i:07d}" for i in range(len(made))]
            rows = made[list(ROLES)].assign(row=begin + np.arange(len(made)))
            yield RawDocuments(part, rows)


def make_headlines(
    n: int,
    seed: int,
    series_ids: Sequence[str],
    *,
    first: np.datetime64,
    last: np.datetime64,
    moves: Moves | None = None,
    block: int = 0,
) -> pd.DataFrame:
    """Make headlines, sorted by time.

    Args:
        n: How many.
        seed: Seed of the draws.
        series_ids: Series that they speak of: one mostly, sometimes two or none.
        first: Earliest time of publication, inclusive, UTC without a zone.
        last: Latest one, inclusive.
        moves: The market that they foretell; None: their tone is drawn freely.
        block: Number of the block of draws.

    Returns:
        The columns ROLES but for the id, text as object, `time` UTC to the second; `label` is
        negative, neutral or positive, and wrong in FLIPPED of the rows.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, block, 6]))
    times = _draw_times(rng, n, first, last)
    subjects = _draw_subjects(rng, n, len(series_ids))
    tone = rng.standard_normal(n)
    if moves is not None:
        coming = _coming_moves(times, subjects, series_ids, moves)
        tone = FORESIGHT * coming + np.sqrt(1 - FORESIGHT**2) * tone
    said = np.digitize(tone, THIRDS)
    language = rng.integers(len(LANGUAGES), size=n)
    title, text = np.empty(n, dtype=object), np.empty(n, dtype=object)
    for number, name in enumerate(LANGUAGES):
        mine = np.flatnonzero(language == number)
        slots = _draw_slots(rng, name, subjects[mine], series_ids)
        bodies = [TEMPLATES[label][name] for label in CLASSES]
        title[mine] = _fill(rng, bodies, said[mine], slots)
        text[mine] = _fill(rng, [DETAILS[name]], np.zeros(len(mine), dtype=int), slots)
    text[rng.random(n) >= WITH_DETAIL] = ""
    title += np.where(rng.random(n) < WITH_EMOJI, _pick(rng, EMOJI, n), "").astype(object)
    flipped = rng.random(n) < FLIPPED
    label = np.where(flipped, (said + rng.integers(1, 3, size=n)) % 3, said)
    stamps = pd.Series(pd.DatetimeIndex(times).as_unit("us").tz_localize("UTC"))
    ids = np.array([*series_ids, ""], dtype=object)
    spoken = {
        "series_ids": ids[subjects[:, 0]] + "," + ids[subjects[:, 1]],
        "source": np.array(("wire", "daily"), dtype=object)[rng.integers(2, size=n)],
        "language": np.array(LANGUAGES, dtype=object)[language],
        "title": title,
        "text": text,
        "label": np.array(CLASSES, dtype=object)[label],
    }
    columns = {name: pd.Series(values, dtype=object) for name, values in spoken.items()}
    return pd.DataFrame({"time": stamps} | columns)


def company_name(series_id: str, language: str) -> str:
    """Return the made-up name of the company behind a series, always the same."""
    heads, tails = NAMES[language]
    number = crc32(series_id.encode())
    head, tail = heads[number % len(heads)], tails[number // len(heads) % len(tails)]
    return f"{head}{tail}" if language == "ko" else f"{head} {tail}"


def _draw_times(
    rng: np.random.Generator, n: int, first: np.datetime64, last: np.datetime64
) -> np.ndarray:
    """Draw sorted times, to the second, on all days and at all hours: datetime64[s] (n,)."""
    begin, end = first.astype("datetime64[s]"), last.astype("datetime64[s]")
    days = np.arange(begin.astype("datetime64[D]"), end.astype("datetime64[D]") + 1)
    weights = np.where(np.is_busday(days), 1.0, WEEKEND)
    day = rng.choice(days, size=n, p=weights / weights.sum()).astype("datetime64[s]")
    hour = rng.choice(24, size=n, p=HOUR_WEIGHTS / HOUR_WEIGHTS.sum())
    times = day + (hour * 3600 + rng.integers(3600, size=n)).astype("timedelta64[s]")
    outside = (times < begin) | (times > end)
    span = int((end - begin).astype("int64"))
    times[outside] = begin + rng.integers(span + 1, size=int(outside.sum())).astype("m8[s]")
    return np.sort(times)


def _draw_subjects(rng: np.random.Generator, n: int, n_series: int) -> np.ndarray:
    """Draw the numbers of the series that each headline speaks of (n, 2); n_series: none."""
    subjects = np.full((n, 2), n_series)
    if n_series == 0:
        return subjects
    how_many = rng.random(n)
    one, two = how_many >= OF_NONE, how_many >= 1 - OF_TWO
    subjects[one, 0] = rng.integers(n_series, size=int(one.sum()))
    if n_series > 1:
        step = rng.integers(1, n_series, size=int(two.sum()))
        subjects[two, 1] = (subjects[two, 0] + step) % n_series
    return subjects


def _coming_moves(
    times: np.ndarray, subjects: np.ndarray, series_ids: Sequence[str], moves: Moves
) -> np.ndarray:
    """Return the next return of what each headline speaks of, in its standard deviations (n,).

    A headline counts for the first step s that has not ended before it; the next return is that
    of step s + 1, 0 where there is none. Of two series it is the mean, of none the market's.
    """
    scale = moves.returns.std(axis=0, keepdims=True)
    moved = np.clip(moves.returns / np.where(scale > 0, scale, 1.0), -3, 3)
    place = {name: number for number, name in enumerate(moves.series_ids)}
    unknown = len(moves.series_ids)
    column = np.array([*(place.get(name, unknown) for name in series_ids), -1])[subjects]
    market = moved.mean(axis=1)
    market = market / max(float(market.std()), 1e-12)
    moved = np.column_stack([moved, np.zeros(len(moved)), market])  # unknown series, the market
    moved = np.vstack([moved, np.zeros((2, moved.shape[1]))])  # after the last step
    coming = np.searchsorted(moves.ends, times.astype("datetime64[us]"), side="left") + 1
    coming = np.minimum(coming, len(moved) - 1)
    first, second = moved[coming, column[:, 0]], moved[coming, column[:, 1]]
    return np.where(subjects[:, 1] < len(series_ids), (first + second) / 2, first)


def _draw_slots(
    rng: np.random.Generator, language: str, subjects: np.ndarray, series_ids: Sequence[str]
) -> dict[str, np.ndarray]:
    """Draw what each slot of a template is filled with, for each headline of a language."""
    n = len(subjects)
    slots = {name: _pick(rng, words, n) for name, words in FILLERS[language].items()}
    slots["pct"] = np.array([str(number) for number in range(2, 40)], dtype=object)[
        rng.integers(38, size=n)
    ]
    slots["count"] = np.array([str(number) for number in range(20, 980, 20)], dtype=object)[
        rng.integers(48, size=n)
    ]
    companies = [company_name(name, language) for name in series_ids]
    names = np.array([*companies, ""], dtype=object)[subjects]
    between = "·" if language == "ko" else " and "
    two = subjects[:, 1] < len(series_ids)
    both = names[:, 0] + np.where(two, between, "").astype(object) + names[:, 1]
    none = subjects[:, 0] == len(series_ids)
    slots["name"] = np.where(none, _pick(rng, MARKETS[language], n), both)
    return slots


def _fill(
    rng: np.random.Generator,
    templates: Sequence[Sequence[str]],
    kind: np.ndarray,
    slots: dict[str, np.ndarray],
) -> np.ndarray:
    """Draw a template of its kind for each headline and fill it (n,), template by template."""
    filled = np.empty(len(kind), dtype=object)
    chosen = (rng.random(len(kind)) * np.array([len(t) for t in templates])[kind]).astype(int)
    for number, texts in enumerate(templates):
        for which, template in enumerate(texts):
            rows = np.flatnonzero((kind == number) & (chosen == which))
            line = np.full(len(rows), "", dtype=object)
            for part in template.replace("{", "\0{").replace("}", "}\0").split("\0"):
                line = line + (slots[part[1:-1]][rows] if part.startswith("{") else part)
            filled[rows] = line
    return filled


def _pick(rng: np.random.Generator, words: Sequence[str], n: int) -> np.ndarray:
    return np.array(words, dtype=object)[rng.integers(len(words), size=n)]
