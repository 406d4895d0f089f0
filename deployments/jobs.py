"""The jobs of deployments/prefect.yaml and those that runs stored: read, validated, run."""

import importlib
import typing
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from deployments.environment import load_settings
from deployments.triggers import DataTrigger, check_followed, read_triggers
from pipelines_lib.config.ablation import sentiment_variant
from pipelines_lib.config.backtest import read_variants
from pipelines_lib.config.documents import require_documents
from pipelines_lib.config.overrides import (
    explain,
    find_path,
    leaf_fields,
    parse_value,
    put_value,
    split_override,
)
from pipelines_lib.config.space import parse_space
from pipelines_lib.errors import ConfigError, shown

if TYPE_CHECKING:
    from prefect import Flow

JOBS_FILE = Path(__file__).with_name("prefect.yaml")
STRATEGIES = ("ENQUEUE", "CANCEL_NEW")
"""What happens to a run beyond the limit: it waits, or it is refused with the reason."""
ONE_AT_A_TIME = {"limit": 1, "collision_strategy": "ENQUEUE"}


@dataclass(frozen=True)
class Job:
    """A named way to run a flow."""

    name: str
    entrypoint: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    concurrency: dict[str, Any] = field(default_factory=lambda: dict(ONE_AT_A_TIME))
    """Runs of the job at the same time, and whether further ones wait or are refused."""
    triggers: tuple[DataTrigger, ...] = ()

    @property
    def flow_name(self) -> str:
        """Return the name of the flow's function."""
        return self.entrypoint.partition(":")[2]

    @property
    def when(self) -> str:
        """Return the schedule, and the data that the job follows, in words."""
        said = [f"{s.get('cron')} {s.get('timezone', 'UTC')}" for s in self.schedules]
        said += [trigger.words for trigger in self.triggers]
        return "; ".join(said) or "on demand"

    def load_flow(self) -> "Flow":
        """Import the job's flow."""
        path, _, name = self.entrypoint.partition(":")
        module = path.removesuffix(".py").replace("/", ".")
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise ConfigError(
                f"job {self.name}: {self.entrypoint} is no flow ({error}); write it as "
                "flows/FILE.py:FUNCTION"
            ) from error


def read_jobs(path: Path | None = None) -> dict[str, Job]:
    """Read the jobs of a file, by name; without one, the declared jobs, then the stored ones.

    Raises:
        ConfigError: A file cannot be read, two jobs have one name, or a job follows what never
            happens.
    """
    if path is None:
        jobs = read_jobs(JOBS_FILE)
        jobs |= _read_stored_jobs(load_settings().jobs_dir, declared=jobs)
        check_followed(jobs)
        return jobs
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no list of deployments: {error}; correct it") from error
    jobs = {}
    for entry in listed:
        job = _make_job(entry, path)
        if job.name in jobs:
            raise ConfigError(f"{path} holds the job {job.name} twice: rename one")
        jobs[job.name] = job
    return jobs


def _read_stored_jobs(folder: Path, *, declared: Container[str]) -> dict[str, Job]:
    """Read the jobs that runs have stored, one file each, named as the job."""
    jobs: dict[str, Job] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            entry = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{path} is no job: {error}; correct or delete it") from error
        if not isinstance(entry, dict):
            raise ConfigError(f"{path} is no job: it holds {entry!r}; correct or delete it")
        job = _make_job(entry, path)
        if job.name != path.stem:
            raise ConfigError(
                f"{path} holds the job {job.name!r}: name the file and the job the same"
            )
        if job.name in declared:
            raise ConfigError(
                f"{path} has the name of a job in {JOBS_FILE}: delete it, or rename file and job"
            )
        jobs[job.name] = job
    return jobs


def _make_job(entry: dict[str, Any], path: Path) -> Job:
    missing = [key for key in ("name", "entrypoint") if not entry.get(key)]
    if missing:
        raise ConfigError(f"{path}: the job {entry} lacks {', '.join(missing)}: add it")
    return Job(
        entry["name"],
        entry["entrypoint"],
        " ".join(entry.get("description", "").split()),
        entry.get("parameters") or {},
        entry.get("schedules") or [],
        entry.get("tags") or [],
        _concurrency(entry, path),
        read_triggers(entry["name"], entry.get("triggers")),
    )


def _concurrency(entry: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return how many runs of a job there may be at once, as Prefect reads it."""
    given = entry.get("concurrency_limit") or ONE_AT_A_TIME
    stated = given if isinstance(given, dict) else {"limit": given}
    made = ONE_AT_A_TIME | stated
    well = isinstance(made["limit"], int) and made["limit"] > 0
    if not well or made["collision_strategy"] not in STRATEGIES or made.keys() - ONE_AT_A_TIME:
        raise ConfigError(
            f"{path}: the job {entry['name']} has concurrency_limit {given!r}: write it as "
            f"{{limit: 1, collision_strategy: {' or '.join(STRATEGIES)}}}"
        )
    return made


def find_job(name: str) -> Job:
    """Return the job of a name.

    Raises:
        ConfigError: There is none.
    """
    jobs = read_jobs()
    if name not in jobs:
        raise ConfigError(f"unknown job {name!r}: the jobs are {shown(jobs, limit=50)}")
    return jobs[name]


def resolve_parameters(job: Job, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return a job's validated parameters with `name=value` overrides in place.

    A name is a dotted path such as `forecaster.training.max_epochs`, or its end where that is
    unique, such as `series_ids`. Lists are written with commas.

    Raises:
        ConfigError: A name is unknown or ambiguous, or a value is refused.
    """
    from prefect.exceptions import ParameterTypeError, SignatureMismatchError

    flow = job.load_flow()
    parameters = _copied(job.parameters)
    fields = _leaf_fields(flow)
    for override in overrides:
        name, text = split_override(override, said="--set")
        path = find_path(name, fields, said="--set")
        put_value(parameters, path, parse_value(text, fields[path]))
    try:
        resolved = flow.validate_parameters(parameters)
    except (ParameterTypeError, SignatureMismatchError) as error:
        raise ConfigError(f"job {job.name}: {_readable(error)}") from error
    try:
        _check_together(job.flow_name, resolved)
    except ConfigError as error:
        raise ConfigError(f"job {job.name}: {error}") from error
    return resolved


def run_job(job: Job, overrides: Sequence[str] = ()) -> Any:
    """Run a job in this process and return what its flow returns."""
    parameters = resolve_parameters(job, overrides)
    return job.load_flow()(**parameters)


def _check_together(flow_name: str, resolved: dict[str, Any]) -> None:
    """Refuse parameters that make no sense together, as the flows do once they run."""
    if flow_name == "train_classifier":
        require_documents(resolved["dataset"].name, resolved["dataset"].documents)
    if variants := resolved.get("variants"):
        read_variants(resolved["forecaster"], variants)
    if "sentiment_features" in resolved:
        sentiment_variant(
            resolved["dataset"], resolved["forecaster"], resolved["sentiment_features"]
        )
    if search := resolved.get("search"):
        parse_space(search.space, resolved["forecaster"])


def _leaf_fields(flow: "Flow") -> dict[str, Any]:
    """Return every parameter that is not a model itself, by dotted path, with its type."""
    hints = typing.get_type_hints(flow.fn, include_extras=False, localns={"NightSummary": object})
    leaves: dict[str, Any] = {}
    for name, hint in hints.items():
        if name != "return":
            leaves |= leaf_fields(name, hint)
    return leaves


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def _readable(error: Exception) -> str:
    """Return a validation error as one line: field, what is wrong, the value."""
    from pydantic import ValidationError

    cause = error.__cause__ or error.__context__
    if isinstance(cause, ValidationError):
        return explain(cause)
    return " ".join(str(error).split())
