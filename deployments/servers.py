"""Where the two servers are, and whether they answer, whoever started them."""

import json
import os
from dataclasses import dataclass

from deployments.up import answers
from pipelines_lib.settings import Settings

USUAL = {"Prefect": "http://127.0.0.1:4200/api", "MLflow": "http://127.0.0.1:5000"}
"""Where they are if nothing says otherwise."""


@dataclass(frozen=True)
class Server:
    """One server."""

    name: str
    address: str
    """Of its API; where it has a page of its own, that is there, too."""
    up: bool
    wanted_by: str = ""
    """What says that it should be there; empty: nothing does."""

    @property
    def missing(self) -> bool:
        """Return whether it should be there and is not."""
        return bool(self.wanted_by) and not self.up


@dataclass(frozen=True)
class Noted:
    """What `tidewatch up` has noted of itself."""

    prefect: str
    mlflow: str
    pid: int
    alive: bool


def find_prefect(settings: Settings) -> Server:
    """Find Prefect's server: PREFECT_API_URL, what `tidewatch up` noted, or the usual port."""
    noted, given = read_noted(settings), os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if given:
        address, wanted_by = given, "PREFECT_API_URL"
    elif noted is not None:
        address, wanted_by = f"{noted.prefect}/api", _up_words(noted)
    else:
        address, wanted_by = USUAL["Prefect"], ""
    return Server("Prefect", address, answers(f"{address}/health"), wanted_by)


def find_mlflow(settings: Settings) -> Server:
    """Find MLflow's server: TIDEWATCH_MLFLOW_URI, what `up` noted, or the usual port."""
    noted = read_noted(settings)
    if settings.mlflow_uri.startswith("http"):
        address, wanted_by = settings.mlflow_uri.rstrip("/"), "TIDEWATCH_MLFLOW_URI"
    elif noted is not None:
        address, wanted_by = noted.mlflow, _up_words(noted)
    else:
        address, wanted_by = USUAL["MLflow"], ""
    return Server("MLflow", address, answers(f"{address}/health"), wanted_by)


def read_noted(settings: Settings) -> Noted | None:
    """Return what `tidewatch up` keeps in HOME/up.json while it runs; None: it does not run.

    The file stays behind where it was killed.
    """
    try:
        noted = json.loads((settings.home_dir / "up.json").read_text(encoding="utf-8"))
        prefect, mlflow = str(noted["prefect"]).rstrip("/"), str(noted["mlflow"]).rstrip("/")
        pid = int(noted["pid"])
        return Noted(prefect, mlflow, pid, _lives(pid, since=noted.get("since")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(pid: int, *, since: float | None) -> bool:
    """Return whether a process runs that was there at a time, in epoch seconds."""
    import psutil

    try:
        return since is None or psutil.Process(pid).create_time() <= since
    except psutil.Error:
        return False


def _up_words(noted: Noted) -> str:
    if noted.alive:
        return f"tidewatch up, process {noted.pid}"
    return f"tidewatch up, whose process {noted.pid} was killed"
