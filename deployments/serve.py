"""Run the jobs on their schedules, and on demand from Prefect's page."""

from typing import TYPE_CHECKING, cast

from deployments.automations import set_up_alerts
from deployments.environment import load_settings
from deployments.jobs import Job, read_jobs, resolve_parameters
from deployments.triggers import prefect_triggers

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def make_deployments(jobs: dict[str, Job] | None = None) -> list["RunnerDeployment"]:
    """Return a Prefect deployment for every job; their parameters are validated first."""
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
            concurrency_limit=1,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast(RunnerDeployment, deployment))
    return made


def serve_jobs() -> None:
    """Serve every job until interrupted; needs a Prefect server (PREFECT_API_URL)."""
    from prefect import serve

    made = make_deployments()
    set_up_alerts(load_settings(), [deployment.name for deployment in made])
    serve(*made, pause_on_shutdown=False)
