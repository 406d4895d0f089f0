"""The model registry: bundles as pyfunc models, aliases for champion and challenger."""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType

import pipelines_lib
from pipelines_lib.errors import SeriesError
from pipelines_lib.tracking.promotion import Decision
from pipelines_lib.tracking.tracker import Run, Tracker

CHAMPION, CHALLENGER = "champion", "challenger"
PYFUNC_CODE = Path(__file__).with_name("bundle_model.py")
PACKAGES = (
    "exchange-calendars",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pydantic-settings",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
)
"""What a bundle needs where it is served, pinned to the versions that it was made with."""


class Bundle(Protocol):
    """What can be saved as a bundle."""

    def save_bundle(self, folder: Path) -> None:
        """Write everything needed to predict into a folder."""


B = TypeVar("B")


@dataclass(frozen=True)
class Registered:
    """A registered model version."""

    name: str
    version: str
    run_id: str
    aliases: tuple[str, ...] = ()
    reason: str = ""


def forecaster_name(dataset: str) -> str:
    """Return the registered name of a dataset's forecaster."""
    return f"{dataset}-forecaster"


def detector_name(dataset: str) -> str:
    """Return the registered name of a dataset's detector."""
    return f"{dataset}-detector"


def classifier_name(dataset: str) -> str:
    """Return the registered name of a dataset's classifier."""
    return f"{dataset}-classifier"


def register_bundle(
    run: Run,
    name: str,
    bundle: Bundle,
    *,
    decision: Decision,
    example: pd.DataFrame,
    predict: Callable[[pd.DataFrame], pd.DataFrame],
) -> Registered:
    """Log a bundle as a pyfunc model, register it, and set its alias.

    Args:
        run: The training run that it belongs to.
        name: Registered name.
        bundle: What to save: plain JSON and safetensors, no pickle.
        decision: Whether it becomes champion; the reason becomes a tag.
        example: Raw rows that the model takes; of a classifier texts, in the column `text`.
        predict: Maps raw rows to the model's answer, for the signature.
    """
    shown_example: pd.DataFrame | None = example
    with warnings.catch_warnings():  # a step is never missing, whatever MLflow fears of integers
        warnings.filterwarnings("ignore", "Hint: Inferred schema", UserWarning)
        try:
            answer = infer_signature(example, predict(example)).outputs
        except SeriesError:  # no run in the data is long enough: the model is still good
            answer, shown_example = None, None
    # A schema of named columns would refuse a plain list of texts.
    takes = _raw_schema(list(example.columns)) if "series_id" in example.columns else None
    signature = ModelSignature(takes, answer)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "bundle"
        bundle.save_bundle(place)
        mlflow.set_tracking_uri(run.tracker.uri)
        with mlflow.start_run(run_id=run.run_id):
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(PYFUNC_CODE),
                artifacts={"bundle": str(place)},
                code_paths=[str(Path(pipelines_lib.__file__).parent)],
                pip_requirements=[f"{p}=={_installed(p)}" for p in PACKAGES],
                signature=signature,
                input_example=shown_example,
            )
    client = run.client
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name, logged.model_uri, run.run_id, model_id=logged.model_id
    ).version
    tags = {"promotion": decision.alias, "promotion.reason": decision.reason}
    run.set_tags({**tags, "model.name": name, "model.version": str(version)})
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    if decision.promote:
        _drop_alias(client, name, CHALLENGER)
    client.set_registered_model_alias(name, decision.alias, version)
    return Registered(name, str(version), run.run_id, (decision.alias,), decision.reason)


def load_champion(
    tracker: Tracker, name: str, load: Callable[[Path], B]
) -> tuple[Registered, B] | None:
    """Load the champion of a name through `load`, from its bundle folder; None: there is none."""
    found = find_champion(tracker, name)
    if found is None:
        return None
    mlflow.set_tracking_uri(tracker.uri)
    with tempfile.TemporaryDirectory() as folder:
        place = mlflow.artifacts.download_artifacts(
            artifact_uri=f"models:/{name}/{found.version}/artifacts/bundle", dst_path=folder
        )
        return found, load(Path(place))


def find_champion(tracker: Tracker, name: str) -> Registered | None:
    """Return the champion of a name without loading it; None: there is none."""
    try:
        version = tracker.client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    reason = version.tags.get("promotion.reason", "")
    return Registered(name, str(version.version), str(version.run_id), (CHAMPION,), reason)


def read_metrics(tracker: Tracker, run_id: str) -> dict[str, float]:
    """Return a run's newest metrics."""
    return dict(tracker.client.get_run(run_id).data.metrics)


def read_figures(tracker: Tracker, run_id: str) -> dict[str, bytes]:
    """Return a run's pictures as PNG bytes, by name."""
    with tempfile.TemporaryDirectory() as folder:
        if not tracker.client.list_artifacts(run_id, "figures"):
            return {}
        place = Path(tracker.client.download_artifacts(run_id, "figures", folder))
        return {path.stem: path.read_bytes() for path in sorted(place.glob("*.png"))}


def list_models(tracker: Tracker) -> list[Registered]:
    """Return every version of every registered model, newest first within a name."""
    listed = []
    for model in tracker.client.search_registered_models(order_by=["name ASC"]):
        aliases: dict[str, list[str]] = {}
        for alias, version in model.aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        versions = tracker.client.search_model_versions(f"name='{model.name}'")
        listed += [
            Registered(
                model.name,
                str(found.version),
                str(found.run_id),
                tuple(aliases.get(str(found.version), ())),
                found.tags.get("promotion.reason", ""),
            )
            for found in sorted(versions, key=lambda v: -int(v.version))
        ]
    return listed


def _raw_schema(columns: list[str]) -> Schema:
    """Return the schema of raw rows: MLflow would refuse whole numbers, text and zoned times."""
    return Schema(
        [ColSpec(DataType.string if name == "series_id" else AnyType(), name) for name in columns]
    )


def _drop_alias(client: MlflowClient, name: str, alias: str) -> None:
    if alias in client.get_registered_model(name).aliases:
        client.delete_registered_model_alias(name, alias)


def _installed(package: str) -> str:
    from importlib.metadata import version

    return version(package).partition("+")[0]
