"""Everything in one terminal: both servers, the runner of all jobs, and who watches over them."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from deployments.pages import page_command, page_environment
from deployments.supervisor import Child, Supervisor, name_lines
from pipelines_lib.errors import ConfigError, TidewatchError
from pipelines_lib.settings import Settings

PREFECT, MLFLOW, JOBS, WATCH = "prefect", "mlflow", "jobs", "watch"
START_S = 180.0
"""Seconds that a server has to be ready: a first start makes its database."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOOK_S = 1.0
"""Seconds between two looks at whether all processes live."""


@dataclass(frozen=True)
class Addresses:
    """Where the two pages are."""

    prefect: str
    mlflow: str

    @property
    def api(self) -> str:
        """Return the address of Prefect's API."""
        return f"{self.prefect}/api"


def run_up(
    settings: Settings, *, host: str, prefect_port: int, mlflow_port: int, servers: bool
) -> None:
    """Start servers, runner and watch; keep them running until Ctrl-C or SIGTERM.

    Args:
        settings: Home folder, MLflow.
        host: Address that the servers listen on.
        prefect_port: Port of Prefect's server.
        mlflow_port: Port of MLflow's server.
        servers: False: join servers that run already, at PREFECT_API_URL and, where it is a
            server, TIDEWATCH_MLFLOW_URI.

    Raises:
        TidewatchError: A port is taken, a server does not start, or the ones to join do not answer.
    """
    stopped = threading.Event()
    if servers:
        addresses = Addresses(
            f"http://{_named(host)}:{prefect_port}", _mlflow_address(settings, host, mlflow_port)
        )
        refuse_taken(host, prefect_port, "Prefect", "--prefect-port")
        if not _has_mlflow_server(settings):
            refuse_taken(host, mlflow_port, "MLflow", "--mlflow-port")
    else:
        addresses = _join(settings, host, mlflow_port)
    with _on_signals(stopped), _noted(settings, addresses):
        secrets = (
            settings.alert_webhook.get_secret_value(),
            os.environ.get("PREFECT_SERVER_API_AUTH_STRING", ""),
        )
        supervisor = Supervisor(name_lines((PREFECT, MLFLOW, JOBS, WATCH), secrets=secrets))
        try:
            if servers:
                _start_servers(supervisor, settings, host, prefect_port, mlflow_port, addresses)
            _start_jobs(supervisor, addresses)
            _tell_addresses(addresses)
            if servers:
                _warn_of_strangers(host)
            while not stopped.wait(LOOK_S):
                supervisor.mind()
        except TidewatchError:
            if not stopped.is_set():
                raise
        finally:
            print("stopping: what runs now is cut off and goes on when it is run again", flush=True)
            supervisor.stop_all()


def refuse_taken(host: str, port: int, what: str, option: str) -> None:
    """Refuse a port that something listens on.

    Raises:
        ConfigError: It is taken, or the address is none of this machine.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{what} cannot listen on {host}:{port}: {error.strerror}; stop what uses the port "
                f"({_user_of(port)}), or choose another by {option}"
            ) from error


def _start_servers(
    supervisor: Supervisor,
    settings: Settings,
    host: str,
    prefect_port: int,
    mlflow_port: int,
    addresses: Addresses,
) -> None:
    pages = {PREFECT: (prefect_port, f"{addresses.api}/health")}
    if not _has_mlflow_server(settings):
        pages[MLFLOW] = (mlflow_port, f"{addresses.mlflow}/health")
    started = {}
    for name, (port, _) in pages.items():
        command = page_command(name, settings, port, host=host)
        environment = page_environment(name, settings, port)
        started[name] = supervisor.start(Child(name, command, environment, shown=False))
    for name, (_, place) in pages.items():
        supervisor.wait_until(partial(answers, place), started[name], seconds=START_S)


def _start_jobs(supervisor: Supervisor, addresses: Addresses) -> None:
    environment = dict(os.environ) | {
        "PREFECT_API_URL": addresses.api,
        "TIDEWATCH_MLFLOW_PAGE": addresses.mlflow,
        "PYTHONUNBUFFERED": "1",
    }
    if server_auth := environment.get("PREFECT_SERVER_API_AUTH_STRING"):
        environment.setdefault("PREFECT_API_AUTH_STRING", server_auth)
    for name, command in ((WATCH, "watch"), (JOBS, "serve")):
        words = [sys.executable, "-m", "deployments.cli", command]
        # Prefect's runner ends its runs on Ctrl-C; on SIGTERM it forgets some of them.
        supervisor.start(Child(name, words, environment, gentle=signal.SIGINT))


def _join(settings: Settings, host: str, mlflow_port: int) -> Addresses:
    """Return the addresses of the servers that run already."""
    api = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if not api:
        raise ConfigError(
            "--no-servers joins servers that run already, and PREFECT_API_URL is not set: set it, "
            "for instance to http://127.0.0.1:4200/api"
        )
    if not answers(f"{api}/health"):
        raise TidewatchError(
            f"PREFECT_API_URL={api} does not answer: start that server, or leave out --no-servers"
        )
    return Addresses(api.removesuffix("/api"), _mlflow_address(settings, host, mlflow_port))


def _mlflow_address(settings: Settings, host: str, port: int) -> str:
    if _has_mlflow_server(settings):
        return settings.mlflow_uri.rstrip("/")
    return f"http://{_named(host)}:{port}"


def _has_mlflow_server(settings: Settings) -> bool:
    """Return whether MLflow has a server of its own, which is none of ours to start."""
    return settings.mlflow_uri.startswith("http")


def answers(place: str) -> bool:
    """Return whether a server answers an address with a success, within two seconds."""
    try:
        with build_opener(ProxyHandler({})).open(place, timeout=2) as answer:
            return bool(answer.status < 400)
    except (URLError, OSError, ValueError):
        return False


def _named(host: str) -> str:
    """Return the name that this machine reaches an address of its own by."""
    return "127.0.0.1" if host in ("", "0.0.0.0") else host


def _user_of(port: int) -> str:
    """Return which process listens on a port, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr.port == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"process {connection.pid}, {name}"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return "another user's process"


def _tell_addresses(addresses: Addresses) -> None:
    print(
        f"\nTidewatch is up.\n  Prefect  {addresses.prefect}\n"
        f"  MLflow   {addresses.mlflow}/#/experiments\n"
        "Ctrl-C ends all; `tidewatch status` says how the jobs go.\n",
        flush=True,
    )


def _warn_of_strangers(host: str) -> None:
    """Say so where others reach the servers and nobody asks them for a password."""
    if host not in LOOPBACK and not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        print(
            f"Whoever reaches {host} can run jobs, read and delete everything: set "
            "PREFECT_SERVER_API_AUTH_STRING=NAME:PASSWORD for Prefect, and let MLflow's port be "
            "reached by people you trust alone.\n",
            flush=True,
        )


@contextmanager
def _on_signals(stopped: threading.Event) -> Iterator[None]:
    """Set an event on Ctrl-C and SIGTERM inside the block."""

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    before: Mapping[signal.Signals, object] = {
        each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)  # type: ignore[arg-type]


@contextmanager
def _noted(settings: Settings, addresses: Addresses) -> Iterator[None]:
    """Keep the addresses in HOME/up.json inside the block, for `tidewatch status`."""
    path = settings.home_dir / "up.json"
    noted = {"prefect": addresses.prefect, "mlflow": addresses.mlflow, "pid": os.getpid()}
    path.write_text(json.dumps(noted | {"since": time.time()}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
