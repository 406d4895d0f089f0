"""Events in the terminal: the newest with what people said of them, and what that teaches."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines_lib.anomaly.events import OPEN
from pipelines_lib.anomaly.verdicts import FALSE, IGNORE, TRUE
from pipelines_lib.errors import ConfigError

IN_WORDS = {TRUE: "a true anomaly", FALSE: "a false alarm", IGNORE: "ignored"}


def parse_date(text: str, option: str) -> datetime:
    """Return the beginning of a day, UTC.

    Raises:
        ConfigError: The text is no date.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(f"{option} {text} is no date: write it as 2026-03-01") from error


def end_of_day(day: datetime) -> datetime:
    """Return the last microsecond of a day."""
    return day + timedelta(days=1, microseconds=-1)


def print_events(
    events: pd.DataFrame, dataset: str, console: Console, *, limit: int, advice: str = ""
) -> None:
    """Print the newest events as a table, what the verdicts advise, and counts of all.

    Args:
        events: As `list_events` returns them, the newest first.
        dataset: Name of the dataset.
        console: Where to print.
        limit: Rows to show.
        advice: A sentence on the threshold; empty: there is none.
    """
    if events.empty:
        console.print(f"{dataset}: no event")
        return
    console.print(_list_events(events.head(limit)))
    if len(events) > limit:
        console.print(
            f"  and {len(events) - limit:,} older events: --limit shows more, --open, --series "
            "and --since fewer"
        )
    if advice:
        console.print(f"-> {escape(advice)}", highlight=False, soft_wrap=True)
    console.print(f"{dataset}: {_count_events(events)}", highlight=False)
    if events["verdict"].eq("").any():
        newest = events["event_id"][events["verdict"] == ""].iloc[0]
        command = f"tidewatch label {dataset} {newest} true|false"
        console.print(f"-> {escape(command)}: say what you think of it", highlight=False)


def print_label(verdict: pd.Series, quietened: int, console: Console) -> None:
    """Print what was recorded of an event.

    Args:
        verdict: The row of `verdicts`.
        quietened: Stored events whose silence changed by it.
        console: Where to print.
    """
    event = f"{verdict['event_id']} ({verdict['series_id']}, {_time_text(verdict['start'])})"
    said = f"event {event} is {IN_WORDS[verdict['verdict']]}"
    if verdict["verdict"] == IGNORE:
        said += (
            f": events of {verdict['series_id']} that begin until {verdict['until']:%Y-%m-%d} give "
            "no alert"
        )
    if quietened:
        stored = "1 stored event" if quietened == 1 else f"{quietened:,} stored events"
        said += f"; the silence of {stored} has changed"
    console.print(escape(said), highlight=False, soft_wrap=True)


def _list_events(events: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("event", no_wrap=True)
    table.add_column("series", overflow="fold", max_width=12)
    table.add_column("from .. to", no_wrap=True)
    for name in ("steps", "severity", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("by", overflow="fold", min_width=16, max_width=22)
    table.add_column("state", overflow="fold")
    for event in events.to_dict("records"):
        state = [event["verdict"], event["quiet"], event["note"]]
        by = [event["parts"], event["features"]]
        table.add_row(
            event["event_id"],
            escape(event["series_id"]),
            span_text(event["start"], event["end"]),
            f"{event['n_steps']:,}",
            f"{event['severity']:.2f}",
            _p_text(event["p_value"]),
            escape(": ".join(name for name in by if isinstance(name, str) and name)),
            escape("; ".join([event["state"], *(text for text in state if text)])),
        )
    return table


def _count_events(events: pd.DataFrame) -> str:
    verdict = events["verdict"].value_counts()
    true, false, ignored = (int(verdict.get(word, 0)) for word in (TRUE, FALSE, IGNORE))
    n_open = int(events["state"].eq(OPEN).sum())
    counts = [f"{n_open:,} open", f"{len(events) - n_open:,} closed"]
    if true + false:
        counts.append(f"{true + false:,} judged: {true:,} true, {false:,} false")
    else:
        counts.append("none judged")
    return ", ".join([*counts, *([f"{ignored:,} ignored"] if ignored else [])])


def span_text(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Return start and end on two lines, the end without what it shares with the start."""
    if start == end:
        return _time_text(start)
    last = _time_text(end)
    if start.date() == end.date():
        last = f"{end:%H:%M}"
    elif start.year == end.year:
        last = last.removeprefix(f"{end:%Y}-")
    return f"{_time_text(start)}\n.. {last}"


def _time_text(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%d %H:%M}".removesuffix(" 00:00")


def _p_text(p_value: float) -> str:
    return "" if pd.isna(p_value) else f"{p_value:.2g}"
