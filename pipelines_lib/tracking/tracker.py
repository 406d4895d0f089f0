"""Runs in MLflow, written by explicit run id: the fluent active run is thread-local."""

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import mlflow
from mlflow import MlflowClient
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from pydantic import BaseModel

from pipelines_lib.errors import ConfigError
from pipelines_lib.settings import Settings
from pipelines_lib.tracking.provenance import code_version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARAM_LENGTH = 6000


class Tracker:
    """An MLflow tracking store, made ready at first use."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self.uri = settings.mlflow_location
        self.page = settings.mlflow_page or self.uri
        self._artifacts: Path | None = None
        if self.uri.startswith("sqlite:"):
            settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
            self._artifacts = settings.mlflow_dir / "artifacts"
        mlflow.set_tracking_uri(self.uri)
        try:
            self.client = MlflowClient(self.uri)
            self.client.search_experiments(max_results=1)  # it connects only when it is asked
        except MlflowException as error:
            raise ConfigError(
                f"MLflow at {self.uri} cannot be used: {error.message}; start it, or correct "
                "TIDEWATCH_MLFLOW_URI"
            ) from error

    def experiment_id(self, dataset: str, task: str) -> str:
        """Return the id of the experiment of a dataset and task, created if need be."""
        name = f"{dataset}/{task}"
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        place = None if self._artifacts is None else (self._artifacts / dataset / task).as_uri()
        try:
            return self.client.create_experiment(name, artifact_location=place)
        except MlflowException:
            found = self.client.get_experiment_by_name(name)
            if found is None:  # else another process created it in between
                raise
            return found.experiment_id

    @contextmanager
    def run(
        self,
        dataset: str,
        task: str,
        *,
        name: str,
        tags: Mapping[str, str] | None = None,
        parent: "Run | None" = None,
    ) -> Iterator["Run"]:
        """Open a run; it ends as FINISHED, or as FAILED with the error as a tag.

        A run with a `parent` stands below it on MLflow's page.
        """
        stamped = {"tidewatch.dataset": dataset, "code_version": code_version(), **(tags or {})}
        if parent is not None:
            stamped["mlflow.parentRunId"] = parent.run_id
        created = self.client.create_run(
            self.experiment_id(dataset, task), run_name=name, tags=stamped
        )
        run = Run(self, created.info.run_id, created.info.experiment_id)
        try:
            yield run
        except BaseException as error:
            self.client.set_tag(run.run_id, "error", str(error)[:1000])
            self.client.set_terminated(run.run_id, "FAILED")
            raise
        self.client.set_terminated(run.run_id, "FINISHED")


class Run:
    """An open run."""

    def __init__(self, tracker: Tracker, run_id: str, experiment_id: str) -> None:
        self.tracker, self.client = tracker, tracker.client
        self.run_id, self.experiment_id = run_id, experiment_id

    @property
    def page(self) -> str:
        """Return the run's address on MLflow's page; empty where no server is known."""
        if not self.tracker.page.startswith(("http://", "https://")):
            return ""
        server = urlsplit(self.tracker.page)
        host = server.netloc.rpartition("@")[2]  # a password in the address is not for a page
        place = f"{server.scheme}://{host}{server.path.rstrip('/')}"
        return f"{place}/#/experiments/{self.experiment_id}/runs/{self.run_id}"

    def log_config(self, config: BaseModel, prefix: str = "") -> None:
        """Log a resolved config: as flat parameters to compare, and whole as config.json."""
        flat = _flattened(config.model_dump(mode="json"), prefix)
        params = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in flat.items()]
        for begin in range(0, len(params), 100):
            self.client.log_batch(self.run_id, params=params[begin : begin + 100])
        self.client.log_dict(self.run_id, config.model_dump(mode="json"), f"{prefix}config.json")

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Log metrics under fixed names.

        Raises:
            ValueError: A metric is not finite; MLflow would store inf as a number.
        """
        wrong = {name: value for name, value in metrics.items() if not math.isfinite(value)}
        if wrong:
            raise ValueError(f"metrics are not finite: {wrong}")
        now = int(time.time() * 1000)
        rows = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=rows)

    def log_data(
        self, dataset: str, *, digest: str, version: int, place: str, table: str = "observations"
    ) -> None:
        """Log which version of a dataset's observations, or of another table, the run read."""
        source = LocalArtifactDatasetSource(place)
        meta = MetaDataset(source, name=dataset, digest=digest)  # type: ignore[abstract]
        inputs = [DatasetInput(meta._to_mlflow_entity(), [InputTag("context", "training")])]
        self.client.log_inputs(self.run_id, inputs)
        self.set_tags({"data.digest": digest, f"data.{table}_version": str(version)})

    def log_figure(self, name: str, figure: "Figure") -> None:
        """Log a picture as figures/NAME.png."""
        self.client.log_figure(self.run_id, figure, f"figures/{name}.png")

    def log_text(self, name: str, text: str) -> None:
        """Log a text file."""
        self.client.log_text(self.run_id, text, name)

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log a file as an artifact."""
        self.client.log_artifact(self.run_id, str(path), folder or None)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, all in one request."""
        if tags:
            self.client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])


def _flattened(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
