"""Run the jobs on their schedules, and on demand from Prefect's page."""

from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from deployments.automations import set_up_alerts
from deployments.environment import load_settings
from deployments.heartbeats import BEAT_S, set_up_heartbeats
from deployments.jobs import Job, read_jobs, resolve_parameters
from deployments.triggers import prefect_triggers
from pipelines_lib.errors import ConfigError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def make_deployments(jobs: dict[str, Job] | None = None) -> list["RunnerDeployment"]:
    """Return a Prefect deployment for every job; their parameters are validated first."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import EntrypointType, RunnerDeployment
    from prefect.schedules import Cron

    made = []
    for job in (read_jobs() if jobs is None else jobs).values():
        resolve_parameters(job)
        deployment = job.load_flow().to_deployment(
            job.name,
            parameters=job.parameters,
            description=job.description,
            tags=job.tags,
            schedules=[Cron(s["cron"], timezone=s.get("timezone")) for s in job.schedules],
            triggers=prefect_triggers(job),
            paused=False,
            concurrency_limit=ConcurrencyLimitConfig.model_validate(job.concurrency),
            version=version("tidewatch"),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast(RunnerDeployment, deployment))
    return made


def serve_jobs() -> None:
    """Serve every job until interrupted; needs a Prefect server (PREFECT_API_URL).

    Raises:
        ConfigError: A job cannot be read, or the server asks for a password.
    """
    from prefect import serve
    from prefect.exceptions import PrefectHTTPStatusError

    from deployments.orphans import end_orphans

    try:
        ended = end_orphans()
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 401:
            raise
        raise ConfigError(
            "Prefect's server asks for a password: set PREFECT_API_AUTH_STRING to the "
            "NAME:PASSWORD that it was started with as PREFECT_SERVER_API_AUTH_STRING"
        ) from error
    for name in ended:
        print(f"{name} was cut off: it counts as crashed, and its place is free", flush=True)
    jobs = read_jobs()
    scheduled = [name for name, job in jobs.items() if job.schedules]
    print(f"{len(jobs)} jobs, on schedule: {', '.join(scheduled)}", flush=True)
    made = make_deployments(jobs)
    set_up_alerts(load_settings(), [deployment.name for deployment in made])
    beat = BEAT_S if set_up_heartbeats() else None
    serve(*made, pause_on_shutdown=False, print_starting_message=False, heartbeat_seconds=beat)
