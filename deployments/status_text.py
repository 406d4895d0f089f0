"""The status for a person at seven in the morning, and as JSON for a program."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from deployments.prefect_runs import SeenRun
    from deployments.status import JobLine, Status

GAP = 2
"""Columns between two columns of a table."""
RIGHT = {"took", "live", "dead", "quarantine", "on disk", "version"}
"""Columns of numbers."""


def print_status(status: "Status", console: Console) -> None:
    """Print what is wrong and what to do about it, a line each; then how all goes, as tables."""
    if status.well:
        console.print("[green]All is well.[/]")
    for problem in status.problems:
        text = f"[red]PROBLEM[/] {escape(problem.text)} [bold]->[/] {escape(problem.remedy)}"
        console.print(text, soft_wrap=True, highlight=False)
    for note in status.notes:
        console.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True, highlight=False)
    servers = _table("Servers", "server", "address", "state")
    for server in status.servers:
        state = "up" if server.up else "[red]DOWN[/]" if server.missing else "not running"
        servers.add_row(server.name, escape(server.address), state)
    jobs = _jobs_table(status, console.width)
    lake = _table("Lake", "dataset", "newest step", "live", "dead", "quarantine", "on disk")
    for data in status.datasets:
        lake.add_row(
            data.dataset,
            data.newest or "no row",
            f"{data.live:,}",
            f"{data.dead:,}",
            f"{data.quarantined:,}",
            _bytes(data.n_bytes),
        )
    models = _table("Champions", "model", "version", "since", "skill beside the baseline")
    for model in status.champions:
        skill = "not judged" if model.skill_pct is None else f"{model.skill_pct:+.1f} %"
        models.add_row(model.name, model.version, f"{model.since:%Y-%m-%d %H:%M} UTC", skill)
    for table in (servers, jobs, lake, models):
        if table.row_count:
            console.print()
            console.print(table)


def status_json(status: "Status") -> str:
    """Return the status as one JSON object; times are ISO with their offset."""
    said: dict[str, Any] = {
        "well": status.well,
        "at": status.at.isoformat(),
        "problems": [{"text": p.text, "remedy": p.remedy} for p in status.problems],
        "notes": status.notes,
        "absences": [
            {
                "job": absence.due.job,
                "dataset": absence.due.dataset,
                "due": absence.due.at.isoformat(),
                "zone": absence.due.zone,
                "subject": absence.subject,
                "sentences": list(absence.sentences),
            }
            for absence in status.absences
        ],
        "servers": [
            {"name": s.name, "address": s.address, "up": s.up, "wanted_by": s.wanted_by}
            for s in status.servers
        ],
        "jobs": [
            {
                "job": line.job,
                "schedule": line.schedule,
                "zone": line.zone,
                "deployed": line.deployed,
                "paused": line.paused,
                "next_run": _iso(line.next, line.zone),
                "last_run": None if line.last is None else _run(line.last, line.zone),
            }
            for line in status.jobs
        ],
        "datasets": [
            {
                "dataset": data.dataset,
                "newest_step": data.newest or None,
                "series_live": data.live,
                "series_dead": data.dead,
                "quarantined": data.quarantined,
                "bytes": data.n_bytes,
            }
            for data in status.datasets
        ],
        "champions": [
            {
                "model": model.name,
                "version": model.version,
                "run_id": model.run_id,
                "since": model.since.isoformat(),
                "skill_pct": model.skill_pct,
            }
            for model in status.champions
        ],
    }
    return json.dumps(said, ensure_ascii=False, indent=1)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, GAP, 0, 0))
    for name in columns:
        table.add_column(
            name, justify="right" if name in RIGHT else "left", no_wrap=True, overflow="ellipsis"
        )
    return table


def _jobs_table(status: "Status", width: int) -> Table:
    """Return the jobs' table: how a run ended has the room that the rest leaves."""
    titles = ("job", "next run", "last run", "took", "ended as")
    rows = [(Text(line.job), _next(line), *_last(line)) for line in status.jobs]
    taken = sum(
        max(len(cell) for cell in column) + GAP
        for column in list(zip(map(Text, titles), *rows, strict=True))[:-1]
    )
    table = _table("Jobs", *titles)
    table.columns[-1].max_width = max(10, width - taken - GAP)
    for row in rows:
        table.add_row(*row)
    return table


def _next(line: "JobLine") -> Text:
    if not line.deployed:
        return Text("not deployed")
    if line.paused:
        return Text("paused", "yellow")
    return Text(_local(line.next, line.zone) or "on demand")


def _last(line: "JobLine") -> tuple[Text, Text, Text]:
    run = line.last
    if run is None:
        return Text("never" if line.deployed else ""), Text(), Text()
    colour = {"FAILED": "red", "CRASHED": "red", "COMPLETED": "default"}.get(run.kind, "yellow")
    told = f": {run.message}" if run.message else ""
    return (
        Text(_local(run.started or run.due, line.zone)),
        Text(_duration(run.seconds)),
        Text(run.state + told, colour),
    )


def _local(time: datetime | None, zone: str) -> str:
    """Return a time as the job's zone has it, with the zone's short name."""
    return "" if time is None else f"{time.astimezone(ZoneInfo(zone)):%a %m-%d %H:%M %Z}"


def _iso(time: datetime | None, zone: str) -> str | None:
    return None if time is None else time.astimezone(ZoneInfo(zone)).isoformat()


def _run(run: "SeenRun", zone: str) -> dict[str, Any]:
    return {
        "name": run.name,
        "state": run.state,
        "message": run.message,
        "due": _iso(run.due, zone),
        "started": _iso(run.started, zone),
        "seconds": round(run.seconds, 1),
    }


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d}"


def _bytes(size: int | None) -> str:
    if size is None:
        return "elsewhere"
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
