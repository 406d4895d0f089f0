"""The `tidewatch` command. Imports stay inside the commands: help must come at once."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.event_commands import events, label
from pipelines_lib.collector import relax_collector
from pipelines_lib.errors import ConfigError, TidewatchError

if TYPE_CHECKING:
    from pipelines_lib.settings import Settings

app = typer.Typer(
    help="Nightly forecast and anomaly jobs for many time series.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a parameter: name=value; lists with commas. Repeatable."),
]


@app.command()
def demo() -> None:
    """Run the nightly job on the embedded synthetic market: no network, no server."""
    _run("demo", [])


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="Name of the job; `tidewatch jobs` lists them.")],
    set_: Set = None,
) -> None:
    """Run a job in this process: one of deployments/prefect.yaml, or one that a search stored."""
    _run(job, set_ or [])


@app.command()
def jobs() -> None:
    """List the jobs, their flows and schedules."""
    from deployments.jobs import read_jobs

    for job in read_jobs().values():
        typer.secho(job.name, bold=True, nl=False)
        typer.echo(f"  {job.flow_name}, {job.when}\n    {job.description}")


@app.command()
def models() -> None:
    """Show every registered model: versions, champion and challenger, and why."""
    from deployments.environment import load_settings, prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    from pipelines_lib.tracking import Tracker, list_models

    listed = list_models(Tracker(settings))
    if not listed:
        typer.echo("no model is registered yet: tidewatch demo trains the first ones")
        return
    for model in listed:
        typer.secho(f"{model.name} v{model.version}", bold=True, nl=False)
        alias = ", ".join(model.aliases) or "retired"
        typer.echo(f"  {alias}, MLflow run {model.run_id}\n    {model.reason}")


@app.command()
def quarantine(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset, as in the job.")],
    rule: Annotated[str, typer.Option(help="Only rows held by this rule.")] = "",
    series: Annotated[str, typer.Option(help="Only rows of this series.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Rows to show, the newest first.")] = 20,
    release: Annotated[
        bool,
        typer.Option(
            "--release", help="Judge the rows by the rules as they are now; store what passes."
        ),
    ] = False,
    by_hand: Annotated[
        bool,
        typer.Option(
            "--by-hand",
            help="With --release, and --rule or --series: store rows in spite of the rule that "
            "holds them, where they can be stored at all.",
        ),
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="With --release: judge by price_limit=VALUE or close_margin_minutes=VALUE this "
            "time. Without it, the values of the last ingest count.",
        ),
    ] = None,
) -> None:
    """List the rows and documents that broke a rule; let rows through after all.

    A released row is stored, and passes from then on when its source gives it
    again, whatever the job declares. No ingest need run before a release: with
    --set it goes by another limit this once. For rows to come, change the limit
    in deployments/prefect.yaml.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from rich.console import Console

    from deployments.document_quarantine import RULE_NAMES, print_documents
    from deployments.environment import load_settings
    from deployments.quarantine import override_rules, print_quarantine, print_release
    from pipelines_lib.ingestion.documents import list_document_quarantine
    from pipelines_lib.ingestion.quarantine import list_quarantine, release_rows
    from pipelines_lib.lake import Lake, read_dataset

    if (by_hand or set_) and not release:
        raise ConfigError("--by-hand and --set change what --release does: add --release")
    if by_hand and not (rule or series):
        raise ConfigError(
            f"--by-hand would store every row that {dataset} holds, whatever is wrong with it: "
            "name the ones you have looked at with --rule or --series"
        )
    lake = Lake(load_settings().lake_location)
    declared = read_dataset(lake, dataset)
    console = Console(width=None if sys.stdout.isatty() else 100)
    of_documents = declared.has_documents and (rule in RULE_NAMES or not declared.has_series)
    if series and of_documents:
        raise ConfigError(
            f"documents of {dataset} are not held by series: leave out --series {series}"
        )
    if release and of_documents:
        raise ConfigError(
            f"documents of {dataset} are not released: correct the source, and ingest them again"
        )
    if not release:
        if declared.has_series and not of_documents:
            held = list_quarantine(lake, dataset, rule=rule, series_id=series)
            print_quarantine(held, declared, console, limit=limit)
        if of_documents or (declared.has_documents and not (rule or series)):
            texts = list_document_quarantine(lake, dataset, rule=rule)
            print_documents(texts, dataset, console, limit=limit)
        return
    done = release_rows(
        lake,
        override_rules(declared, set_ or []),
        rule=rule,
        series_id=series,
        by_hand=by_hand,
        release_id=f"release-{uuid4()}",
        at=datetime.now(UTC),
    )
    print_release(done, console)


app.command()(events)
app.command()(label)


@app.command()
def backup(
    target: Annotated[
        str, typer.Argument(help="A new or empty folder outside of the home folder.")
    ],
) -> None:
    """Copy lake, MLflow, Prefect, reports and stored jobs to a folder, while jobs run."""
    from pathlib import Path

    from deployments.backup import back_up
    from deployments.environment import load_settings

    settings = load_settings()
    done = back_up(settings, Path(target))
    typer.echo(f"{done.files:,} files, {done.size / 1e6:,.1f} MB copied to {target}")
    for place in done.elsewhere:
        typer.echo(f"not in it, since it lies elsewhere: {place}")
    typer.echo(
        f"to restore, with nothing running: empty {settings.home_dir}, then "
        f"cp -a {target}/. {settings.home_dir}/"
    )


@app.command()
def doctor() -> None:
    """Check the environment, and say what to do about what fails."""
    from rich.console import Console
    from rich.table import Table

    from deployments.doctor import examine
    from deployments.environment import load_settings, prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    findings = examine(settings)
    table = Table(box=None, show_header=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.well else "[red]FAILS[/]"
        remedy = "" if finding.well else f"\n-> {finding.remedy}"
        table.add_row(mark, finding.check, finding.found + remedy)
    Console().print(table)
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how all goes, what is wrong first; exit code 1 where something is.

    Wrong is a night that was due and is absent, or whose forecasts do not stand in
    the lake; a server that should be there and is not; what cannot be read.
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from deployments.environment import load_settings, prepare_environment
    from deployments.status import gather_status
    from deployments.status_text import print_status, status_json

    settings = load_settings()
    prepare_environment(settings)
    found = gather_status(settings, at=datetime.now(UTC))
    if as_json:
        typer.echo(status_json(found))
    else:
        print_status(found, Console(width=None if sys.stdout.isatty() else 100))
    if not found.well:
        raise typer.Exit(1)


@app.command()
def up(
    servers: Annotated[
        bool,
        typer.Option(help="--no-servers: join servers that run already, at PREFECT_API_URL."),
    ] = True,
    host: Annotated[
        str, typer.Option(help="Address the servers listen on; this machine alone by default.")
    ] = "127.0.0.1",
    prefect_port: Annotated[int, typer.Option(min=1, max=65535, help="Prefect's port.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, help="MLflow's port.")] = 5000,
) -> None:
    """Start both servers and run every job on its schedule, in this terminal, until Ctrl-C."""
    from deployments.environment import load_settings, prepare_environment
    from deployments.up import run_up

    settings = load_settings()
    prepare_environment(settings)
    run_up(settings, host=host, prefect_port=prefect_port, mlflow_port=mlflow_port, servers=servers)


@app.command()
def watch() -> None:
    """Watch over the runs of this host until Ctrl-C: a part of `tidewatch up`."""
    settings = _with_server("watch")
    from deployments.guard import guard_jobs

    guard_jobs(settings)


@app.command()
def serve() -> None:
    """Run every job on its schedule, and on demand from Prefect's page (PREFECT_API_URL)."""
    _with_server("serve")
    from deployments.serve import serve_jobs

    serve_jobs()


@app.command()
def page(
    name: Annotated[str, typer.Argument(help="prefect or mlflow")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: the usual one.")] = 0,
) -> None:
    """Serve the Prefect or the MLflow page on this machine, until interrupted."""
    import subprocess

    from deployments.environment import load_settings, prepare_environment
    from deployments.pages import HOST, page_command, page_environment

    usual = {"prefect": 4200, "mlflow": 5000}
    if name not in usual:
        raise TidewatchError(f"unknown page {name!r}: there are prefect and mlflow")
    settings = load_settings()
    prepare_environment(settings)
    if name == "mlflow" and settings.mlflow_uri.startswith("http"):
        raise TidewatchError(f"MLflow has a server of its own: open {settings.mlflow_uri}")
    port = port or usual[name]
    typer.echo(f"{name}: http://{HOST}:{port}  (Ctrl-C ends it)")
    try:
        ended = subprocess.call(
            page_command(name, settings, port), env=page_environment(name, settings, port)
        )
    except KeyboardInterrupt:
        ended = 0
    raise typer.Exit(ended)


def _with_server(command: str) -> "Settings":
    """Prepare a command that needs a Prefect server, and return the settings."""
    import os

    from deployments.environment import load_settings, prepare_environment

    if not os.environ.get("PREFECT_API_URL"):
        raise TidewatchError(
            f"PREFECT_API_URL is not set, so there is no server to {command}: `tidewatch up` "
            "starts one and all else; or start `tidewatch page prefect`, then set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    settings = load_settings()
    prepare_environment(settings)
    return settings


def _run(name: str, overrides: list[str]) -> None:
    from deployments.environment import load_settings, prepare_environment, quieten_logs
    from deployments.jobs import find_job

    settings = load_settings()
    prepare_environment(settings)
    job = find_job(name)
    from rich.console import Console

    from deployments.jobs import resolve_parameters, run_job

    quieten_logs()
    resolve_parameters(job, overrides)  # a mistake is refused before a server is started
    result = run_job(job, overrides)
    from deployments.night_texts import print_texts
    from deployments.search_summary import print_search
    from deployments.summary import print_backtest, print_ingest, print_night, print_trained
    from pipelines_lib.reports.summary import NightSummary
    from tasks.backtest import Backtested
    from tasks.documents import IngestedTexts
    from tasks.ingest import Ingested
    from tasks.search import Searched
    from tasks.training_run import Trained

    if isinstance(result, NightSummary):
        print_night(result, Console(), mlflow_server=settings.mlflow_uri)
    elif isinstance(result, Backtested):
        print_backtest(result.summary, Console(), mlflow_server=settings.mlflow_uri)
    elif isinstance(result, Ingested):
        print_ingest(result.report, Console(), seconds=result.seconds)
        if result.texts:
            print_texts(result.texts.report, Console(), seconds=result.texts.seconds)
    elif isinstance(result, IngestedTexts):
        print_texts(result.report, Console(), seconds=result.seconds)
    elif isinstance(result, Searched):
        print_search(result, Console(), mlflow_server=settings.mlflow_uri)
    elif isinstance(result, Trained):
        print_trained(result, Console(), mlflow_server=settings.mlflow_uri)
    else:
        typer.echo(f"{name}: {_in_words(result)}")


def _in_words(result: Any) -> str:
    """Return what a flow returned as one readable text."""
    from dataclasses import asdict, is_dataclass

    if is_dataclass(result) and not isinstance(result, type):
        result = asdict(result)
    if isinstance(result, dict):
        result = {k: v for k, v in result.items() if v not in ({}, [], "")}
        return "".join(f"\n  {key}: {value}" for key, value in result.items()) or "nothing to do"
    return str(result)


def main() -> None:
    """Run the command; an error that a user can act on is one sentence and exit code 1."""
    relax_collector()
    try:
        app()
    except TidewatchError as error:
        typer.echo(f"tidewatch: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo(
            "tidewatch: interrupted; what was committed stays, run it again to go on", err=True
        )
        sys.exit(130)


if __name__ == "__main__":
    main()
