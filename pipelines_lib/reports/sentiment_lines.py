"""What a night says of documents, as lines of text."""

from dataclasses import dataclass, field

from pipelines_lib.reports.text import cell_text, one_line

TOLD = 4
"""Movers that a night tells of where there is little room, rises and falls alike."""


@dataclass(frozen=True)
class MoverLine:
    """A series whose mood moved at the newest step with documents."""

    series_id: str
    mood: float
    change: float
    documents: int
    headlines: list[tuple[str, float]]
    """The strongest documents of the step, each with its polarity."""


@dataclass(frozen=True)
class TextNews:
    """What a night did with documents, and what the lake holds of them."""

    documents: int
    """In the lake."""
    newest: str
    """When the newest was published, of texts without times the night's date; empty: no text."""
    read: int = 0
    new: int = 0
    changed: int = 0
    quarantined_new: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    """Documents in quarantine by rule."""
    failures: dict[str, str] = field(default_factory=dict)
    """Files that could not be read, with the reason."""
    scorer: str = ""
    """The model that scored them, with its version; empty: none was asked to."""
    scored: int = 0
    """Scored tonight."""
    classes: dict[str, int] = field(default_factory=dict)
    """All that this version has scored, by the class it says."""
    step: str = ""
    """The newest step with documents; empty: there is no daily sentiment."""
    movers: list[MoverLine] = field(default_factory=list)


def texts_sentence(news: TextNews) -> str:
    """Return in one sentence which documents came in."""
    return (
        f"{news.read:,} documents read: {news.new:,} new, {news.changed:,} changed, "
        f"{news.quarantined_new:,} new in quarantine; {news.documents:,} in the lake"
    )


def scored_sentence(news: TextNews) -> str:
    """Return in one sentence what the classifier says of the documents."""
    said = f"{news.scored:,} documents scored tonight by {news.scorer}"
    total = sum(news.classes.values())
    if not total:
        return said
    shares = ", ".join(f"{one_line(name)} {count:,}" for name, count in news.classes.items())
    return f"{said}; of {total:,} it has scored: {shares}"


def tell_movers(news: TextNews) -> list[MoverLine]:
    """Return the few movers that rose and fell most."""
    half = TOLD // 2
    return news.movers[:half] + news.movers[half:][-half:]


def mover_sentence(mover: MoverLine) -> str:
    """Return a mover in one line: mood, change, documents, the strongest headline."""
    count = "1 document" if mover.documents == 1 else f"{mover.documents:,} documents"
    said = f"mood {mover.mood:+.2f} ({mover.change:+.2f}), {count}"
    if not mover.headlines:
        return said
    text, polarity = mover.headlines[0]
    return f"{said}: {one_line(text)} ({polarity:+.2f})"


def texts_to_markdown(news: TextNews) -> list[str]:
    """Return the lines of the movers' table; none where nothing moved."""
    if not news.movers:
        return []
    lines = [
        f"| series | mood at {news.step} | change | documents | strongest |",
        "|---|---:|---:|---:|---|",
    ]
    for mover in news.movers:
        strongest = "; ".join(
            f"{cell_text(text)} ({polarity:+.2f})" for text, polarity in mover.headlines
        )
        lines.append(
            f"| {cell_text(mover.series_id)} | {mover.mood:+.2f} | {mover.change:+.2f} "
            f"| {mover.documents:,} | {strongest} |"
        )
    return [*lines, ""]
