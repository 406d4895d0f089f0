"""Run the jobs on their schedules, and on demand from Prefect's page."""

from typing import TYPE_CHECKING, cast

from deployments.jobs import Job, read_jobs, resolve_parameters

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
            paused=False,
            concurrency_limit=1,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast(RunnerDeployment, deployment))
    return made


def serve_jobs() -> None:
    """Serve every job until interrupted; needs a Prefect server (PREFECT_API_URL)."""
    from prefect import serve

    serve(*make_deployments(), pause_on_shutdown=False)
