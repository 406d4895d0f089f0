"""The two pages: Prefect's and MLflow's own servers, on loopback, over the default databases."""

import os
import sys

from pipelines_lib.settings import Settings

HOST = "127.0.0.1"


def page_command(name: str, settings: Settings, port: int, *, host: str = HOST) -> list[str]:
    """Return the command that serves a page."""
    if name == "prefect":
        return [
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            host,
            "--port",
            str(port),
        ]
    settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    return [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        host,
        "--port",
        str(port),
        "--backend-store-uri",
        settings.mlflow_location,
        "--default-artifact-root",
        (settings.mlflow_dir / "artifacts").as_uri(),
        "--no-serve-artifacts",
        "--workers",
        "1",
        "--uvicorn-opts",
        "--log-level warning",
    ]


def page_environment(name: str, settings: Settings, port: int) -> dict[str, str]:
    """Return the environment of a page's process."""
    environment = dict(os.environ)
    if name == "prefect":
        environment.pop("PREFECT_API_URL", None)
        environment.setdefault("PREFECT_HOME", str(settings.home_dir / "prefect"))
        # Relative, so that the page finds its server under any port and host name.
        environment["PREFECT_SERVER_UI_API_URL"] = "/api"
        environment["PREFECT_SERVER_API_PORT"] = str(port)
        # In memory, as is usual, a restart would forget who holds a job's place, and keep it held.
        environment.setdefault(
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
            "prefect.server.concurrency.lease_storage.filesystem",
        )
    else:
        environment.setdefault("PYTHONWARNINGS", "ignore")  # of what it is made of
    return environment
