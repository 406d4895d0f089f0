"""Events as lines of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.explanation import p_text
from pipelines_lib.reports.text import cell_text, number, one_line

MARKDOWN_LINES = 20


@dataclass(frozen=True)
class EventLine:
    """An event; times as text."""

    event_id: str
    series_id: str
    start: str
    end: str
    n_steps: int
    severity: float
    p_value: float
    """NaN: unknown."""
    features: str
    parts: str
    state: str
    quiet: str
    """Why it gives no alert; empty: it does."""
    verdict: str
    """What a person said of it; empty: nothing."""
    new: bool
    """Found tonight."""

    @property
    def p(self) -> str:
        """Return the p-value as text, empty where it is unknown."""
        return p_text(self.p_value) if np.isfinite(self.p_value) else ""

    @property
    def standing(self) -> str:
        """Return what became of it: a person's verdict, else why it is quiet, else `alert`."""
        return f"judged {self.verdict}" if self.verdict else self.quiet or "alert"


def events_to_markdown(
    events: Sequence[EventLine], words: Mapping[str, str], *, dataset: str
) -> list[str]:
    """Return the lines of words, the newest events as a table, and how to judge one.

    `words`: a line on each event that is told in words, by its id.
    """
    lines = [f"- {one_line(text)}" for text in words.values()]
    lines += [""] if lines else []
    lines += [
        "| event | series | from | to | severity | p | parts | features | state | standing |",
        "|---|---|---|---|---:|---:|---|---|---|---|",
    ]
    for e in events[:MARKDOWN_LINES]:
        series = cell_text(e.series_id) + (" (new)" if e.new else "")
        texts = [e.parts, e.features, e.state, e.standing]
        cells = [e.event_id, series, e.start, e.end, number(e.severity), e.p]
        lines.append(f"| {' | '.join([*cells, *map(cell_text, texts)])} |")
    hint = f"To judge an event: `tidewatch label {dataset} EVENT true|false`."
    return [*lines, "", hint, ""]
