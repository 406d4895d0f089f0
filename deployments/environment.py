"""The environment of a process, set before Prefect or MLflow is imported.

A default run needs no server and no account: Prefect's own database lies in the home folder, so
that its page shows the runs afterwards.
"""

import logging
import os

from pipelines_lib.errors import ConfigError, TidewatchError
from pipelines_lib.settings import Settings


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A TIDEWATCH_* variable has a value that cannot work.
    """
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"TIDEWATCH_{'_'.join(map(str, e['loc'])).upper()}={_shown(e['loc'], e['input'])}: "
            f"{e['msg']}"
            for e in error.errors()
        )
        raise ConfigError(f"settings cannot be used: {faults}") from None


def _shown(loc: tuple[int | str, ...], value: object) -> str:
    """Return a value as an error shows it; a secret is not shown."""
    from pydantic import SecretStr

    field = Settings.model_fields.get(str(loc[0])) if loc else None
    return "***" if field and field.annotation is SecretStr else repr(value)


def prepare_environment(settings: Settings) -> None:
    """Create the home folder and set what Prefect and MLflow read; what is set already stays.

    Raises:
        ConfigError: The home folder cannot be created.
    """
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_LEVEL": settings.log_level,
        "PREFECT_LOGGING_EXTRA_LOGGERS": "pipelines_lib",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "5",
        # On an empty home, with nothing compiled yet, a start takes longer than the usual 20 s.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        # Its SQLite may be locked for a minute. A client that asks again by then is told that the
        # run has ended already, and the run's result is lost.
        "PREFECT_API_REQUEST_TIMEOUT": "180",
        # With doubling waits: four minutes in all, for a server that is started anew.
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        # An alert counts as told once it stands in the server's database (tasks/server_events.py).
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.2",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }
    home = settings.home_dir
    try:
        (home / "prefect").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot create {home}: {error}; set TIDEWATCH_HOME elsewhere") from error
    if not os.environ.get("PREFECT_API_URL"):
        defaults["PREFECT_HOME"] = str(home / "prefect")
        defaults["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def quieten_logs() -> None:
    """Log what a reader needs.

    That is: no stack trace of an error that a user can act on, no dump of all parameters where one
    is refused, and nothing of the temporary server that Prefect starts where none is set.
    """
    logging.getLogger("prefect.flows").addFilter(
        lambda record: "Parameter validation failed" not in record.getMessage()
    )
    for name in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(name).addFilter(_without_trace)
    logging.getLogger("prefect").addFilter(
        lambda record: "temporary server on" not in record.getMessage()
    )


def _without_trace(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, TidewatchError):
        record.exc_info, record.exc_text = None, None
    return True
