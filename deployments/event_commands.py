"""The commands on events: list them, judge them. Imports stay inside, as in cli.py."""

import sys
from typing import Annotated, Literal

import typer

from pipelines_lib.errors import ConfigError


def events(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, as in the job.")],
    only_open: Annotated[
        bool, typer.Option("--open", help="Only events that a next alarm would extend.")
    ] = False,
    series: Annotated[str, typer.Option(help="Only events of this series.")] = "",
    since: Annotated[str, typer.Option(help="Only events that lasted until this date.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Events to show, the newest first.")] = 20,
) -> None:
    """List the events of a dataset, what people said of them, and what that advises."""
    from rich.console import Console

    from deployments.environment import load_settings
    from deployments.events import parse_date, print_events
    from pipelines_lib.anomaly.event_table import list_events
    from pipelines_lib.anomaly.verdicts import advise_threshold, read_verdicts
    from pipelines_lib.lake import Lake, read_dataset

    first = parse_date(since, "--since") if since else None
    lake = Lake(load_settings().lake_location)
    read_dataset(lake, dataset)
    listed = list_events(lake, dataset, only_open=only_open, series_id=series, since=first)
    advice = advise_threshold(list_events(lake, dataset), read_verdicts(lake, dataset))
    print_events(
        listed,
        dataset,
        Console(width=None if sys.stdout.isatty() else 100),
        limit=limit,
        advice=advice.sentence if advice else "",
    )


def label(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, as in the job.")],
    event: Annotated[str, typer.Argument(help="The event, as `tidewatch events` names it.")],
    verdict: Annotated[
        Literal["true", "false", "ignore"],
        typer.Argument(help="true: an anomaly; false: a false alarm; ignore: no alerts."),
    ],
    until: Annotated[
        str,
        typer.Option(help="With ignore: events of the series up to this date give no alert."),
    ] = "",
    note: Annotated[str, typer.Option(help="Why, in your words.")] = "",
) -> None:
    """Say what you think of an event: used for advice on the threshold, labels and silence."""
    from datetime import UTC, datetime

    from rich.console import Console

    from deployments.environment import load_settings
    from deployments.events import end_of_day, parse_date, print_label
    from pipelines_lib.anomaly.event_table import refresh_quiet
    from pipelines_lib.anomaly.verdicts import record_verdict
    from pipelines_lib.lake import Lake, read_dataset

    if bool(until) != (verdict == "ignore"):
        raise ConfigError(
            "ignore needs an end: add --until DATE, as in --until 2026-03-01"
            if verdict == "ignore"
            else f"--until {until} is for ignore alone: leave it out with {verdict}"
        )
    last = end_of_day(parse_date(until, "--until")) if until else None
    lake = Lake(load_settings().lake_location)
    read_dataset(lake, dataset)
    recorded = record_verdict(
        lake, dataset, event, verdict=verdict, until=last, note=note, at=datetime.now(UTC)
    )
    changed = refresh_quiet(lake, dataset)
    print_label(recorded, changed, Console(width=None if sys.stdout.isatty() else 100))
