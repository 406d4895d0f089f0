"""Check the environment, and say what to do about what fails."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from pipelines_lib.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and the remedy where it is not well."""

    check: str
    well: bool
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; one that breaks is a finding, not an error."""
    checks: list[tuple[str, Callable[[Settings], Finding], str]] = [
        ("Python", _python, "install Python 3.11 or newer"),
        ("packages", _packages, "run make install"),
        ("device", _device, "set TIDEWATCH_DEVICE=auto"),
        ("lake", _lake, "set TIDEWATCH_LAKE_URI to a place that can be written"),
        ("MLflow", _mlflow, "start the MLflow server, or correct TIDEWATCH_MLFLOW_URI"),
        (
            "Prefect",
            _prefect,
            "start the server (tidewatch page prefect), or unset PREFECT_API_URL",
        ),
        ("time zones", _time_zones, "pip install tzdata"),
        ("calendar", _calendar, "pip install --upgrade exchange-calendars"),
        ("jobs", _jobs, "correct deployments/prefect.yaml"),
    ]
    findings = []
    for name, check, remedy in checks:
        try:
            finding = check(settings)
        except Exception as error:
            finding = Finding(name, False, f"{type(error).__name__}: {error}", remedy)
        findings.append(finding)
    return findings


def _python(_: Settings) -> Finding:
    well = sys.version_info >= (3, 11)
    return Finding("Python", well, platform.python_version(), "install Python 3.11 or newer")


def _packages(_: Settings) -> Finding:
    from packaging.requirements import Requirement

    wrong = []
    for text in requires("tidewatch") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    main = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "prefect", "mlflow", "deltalake")
    )
    return Finding("packages", not wrong, "; ".join(wrong) or main, "run make install")


def _device(settings: Settings) -> Finding:
    import torch

    from pipelines_lib.training.device import choose_device

    device = choose_device(settings.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    return Finding("device", True, f"{device.type}: {name}")


def _lake(settings: Settings) -> Finding:
    from pipelines_lib.lake import Lake

    lake = Lake(settings.lake_location)
    lake.check_writable()
    return Finding("lake", True, lake.uri)


def _mlflow(settings: Settings) -> Finding:
    from pipelines_lib.tracking import Tracker

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    tracker = Tracker(settings)
    n_models = len(tracker.client.search_registered_models())
    return Finding("MLflow", True, f"{tracker.uri}, {n_models} registered models")


def _prefect(_: Settings) -> Finding:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return Finding(
            "Prefect", True, f"no server set; runs keep theirs in {os.environ.get('PREFECT_HOME')}"
        )
    import requests

    answer = requests.get(f"{url.rstrip('/')}/health", timeout=5)
    return Finding(
        "Prefect",
        answer.ok,
        f"{url} answers {answer.status_code}",
        "check the server's log and its address",
    )


def _time_zones(_: Settings) -> Finding:
    from zoneinfo import ZoneInfo

    zones = ("Asia/Seoul", "America/New_York", "UTC")
    for zone in zones:
        ZoneInfo(zone)
    return Finding("time zones", True, ", ".join(zones))


def _calendar(_: Settings) -> Finding:
    from datetime import UTC, datetime

    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.series.calendar import make_calendar

    sessions = make_calendar(DatasetConfig(name="doctor", calendar="XKRX")).sessions
    assert sessions is not None
    last = sessions[-1].astype("datetime64[D]").item()
    ahead = (last - datetime.now(UTC).date()).days
    remedy = "pip install --upgrade exchange-calendars"
    return Finding("calendar", ahead >= 60, f"XKRX sessions known until {last}", remedy)


def _jobs(_: Settings) -> Finding:
    from deployments.jobs import JOBS_FILE, read_jobs, resolve_parameters

    jobs = read_jobs()
    for job in jobs.values():
        resolve_parameters(job)
    stored = len(jobs) - len(read_jobs(JOBS_FILE))
    more = f", {stored} stored by searches" if stored else ""
    return Finding("jobs", True, f"{len(jobs) - stored} jobs in deployments/prefect.yaml{more}")
