"""The events of a night in the terminal: what wants a look first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pipelines_lib.reports.event_lines import EventLine
    from pipelines_lib.reports.summary import NightSummary


def print_night_events(night: "NightSummary", console: Console, *, limit: int) -> None:
    """Print the events of a night, tonight's alerts first, and how to judge one."""
    # Stable: within both, the newest stay first.
    events = sorted(night.events, key=lambda event: not _is_new_alert(event))[:limit]
    console.print(_list_lines(events))
    if night.n_events > len(events):
        rest = night.n_events - len(events)
        more = "1 more event" if rest == 1 else f"{rest:,} more events"
        command = f"tidewatch events {night.dataset} --limit {night.n_events}"
        console.print(f"  and {more}: {escape(command)}", highlight=False, soft_wrap=True)
    first = events[0]
    if first.standing == "alert":
        command = f"tidewatch label {night.dataset} {first.event_id} true|false"
        said = f"-> {escape(command)}: say what you think of it"
        console.print(said, highlight=False, soft_wrap=True)


def count_events(night: "NightSummary") -> str:
    """Return in one sentence how many events there are, and what the detector may get wrong."""
    said = (
        f"{night.n_events:,}, {night.n_new_events:,} of them new tonight, alerts {night.n_alerts:,}"
    )
    if night.alert_budget:
        said += f"; about {night.alert_budget:g} false alarms a night are put up with (budget)"
    return said


def _list_lines(events: "Sequence[EventLine]") -> Table:
    table = Table(title="Events, alerts first", title_justify="left", box=None, pad_edge=False)
    table.add_column("event", no_wrap=True)
    table.add_column("series", overflow="fold", max_width=14)
    table.add_column("from .. to", no_wrap=True)
    table.add_column("severity", justify="right", no_wrap=True)
    table.add_column("by", overflow="fold", max_width=24)
    table.add_column("state", overflow="fold")
    for event in events:
        mark = "[red]new alert[/]" if _is_new_alert(event) else escape(event.standing)
        table.add_row(
            event.event_id,
            escape(event.series_id),
            _span(event.start, event.end),
            f"{event.severity:.2f}",
            escape(": ".join(text for text in (event.parts, event.features) if text)),
            ", ".join(text for text in (event.state, mark) if text),
        )
    return table


def _span(start: str, end: str) -> str:
    """Return start and end on two lines, the end without what it shares with the start."""
    if start == end:
        return start
    shared = 5 if start[:5] == end[:5] else 0
    if len(end) > 10 and start[:10] == end[:10]:
        shared = 11
    return f"{start}\n.. {end[shared:]}"


def _is_new_alert(event: "EventLine") -> bool:
    return event.new and event.standing == "alert"
