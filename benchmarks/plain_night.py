"""The nightly job as library calls, without Prefect and MLflow: what a flow is compared with.

    python -m benchmarks.plain_night JOB [--set name=value ...]

The calls, their order and what they leave (tables, bundles, pictures, page) are those of
flows/nightly.py; what is left out is what Prefect and MLflow do. It prints the seconds of each
stage as one JSON object.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from deployments.jobs import find_job
from pipelines_lib.anomaly.compare import compare_detectors
from pipelines_lib.anomaly.detection_rates import measure_rates
from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.event_table import update_events
from pipelines_lib.anomaly.explain import explain_events
from pipelines_lib.anomaly.fit import fit_detector
from pipelines_lib.anomaly.nightly import score_night
from pipelines_lib.anomaly.verdicts import correct_labels, read_verdicts
from pipelines_lib.config import DatasetConfig, DetectorConfig, ForecasterConfig
from pipelines_lib.config.overrides import (
    find_path,
    leaf_fields,
    parse_value,
    put_value,
    split_override,
)
from pipelines_lib.forecasting.compare import compare_forecasters
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.ingestion.states import read_states
from pipelines_lib.lake import Lake
from pipelines_lib.reports.event_pictures import draw_detection_rates
from pipelines_lib.reports.html import Picture, Section, render_html
from pipelines_lib.reports.night import draw_forecasts, summarise_night
from pipelines_lib.reports.night_events import (
    EXPLAINED,
    choose_events,
    describe_events,
    draw_events,
    make_event_pictures,
    read_night_events,
)
from pipelines_lib.reports.training import draw_detector, draw_forecaster
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.read import panel_digest, read_panel
from pipelines_lib.settings import Settings
from pipelines_lib.sources import make_source
from pipelines_lib.tables import FORECASTS, LABELS, SCORE_STATES, SCORES, observations_table
from pipelines_lib.training import choose_device
from pipelines_lib.training.keys import checkpoint_path

VERSION = "1"
"""Of the models: there is no registry that would count."""


class Night:
    """A night of one dataset: where it works, and the seconds that each stage took."""

    def __init__(self, dataset: DatasetConfig) -> None:
        self.settings, self.dataset = Settings(), dataset
        self.lake = Lake(self.settings.lake_location)
        self.device = choose_device(self.settings.device)
        self.seconds: dict[str, float] = {}

    def bundle(self, kind: str) -> Path:
        """Return the folder of a model's bundle and pictures."""
        return self.settings.home_dir / "bundles" / f"{self.dataset.name}-{kind}"

    def save(self, kind: str, model: Forecaster | Detector, figures: Mapping[str, Any]) -> None:
        """Save a model's bundle and pictures, as a training run logs them."""
        self.bundle(kind).mkdir(parents=True)
        model.save_bundle(self.bundle(kind))
        for name, figure in figures.items():
            figure.savefig(self.bundle(kind) / f"{name}.png")

    def checkpoint(self, task: str, config: Any, digest: str) -> Path:
        """Return where a training keeps its epochs."""
        folder = self.settings.checkpoints_dir
        name = self.dataset.name
        return checkpoint_path(
            folder, dataset=name, task=task, config=config, digest=digest, code="plain"
        )

    def is_done(self, table: Any, **made_on: str) -> bool:
        """Return whether a table has rows that were made on what is stored now."""
        version = self.lake.table_version(
            self.dataset.name, observations_table(self.dataset.columns)
        )
        equal = {**made_on, "model_version": VERSION, "data_version": str(version)}
        return bool(self.lake.count_rows(self.dataset.name, table, equal=equal).sum())


def run_night(parameters: dict[str, Any]) -> dict[str, float]:
    dataset = DatasetConfig(**parameters["dataset"])
    night = Night(dataset)
    began = perf_counter()

    def stage(name: str) -> None:
        nonlocal began
        night.seconds[name] = round(perf_counter() - began, 2)
        began = perf_counter()

    brought = ingest_dataset(
        night.lake,
        dataset,
        make_source(dataset, night.settings),
        ingest_id="plain",
        at=datetime.now(UTC),
    )
    stage("ingest")
    if not night.bundle("forecaster").exists():
        train_forecaster(night, ForecasterConfig(**parameters.get("forecaster", {})))
        stage("train forecaster")
    forecast(night)
    stage("forecast")
    if not night.bundle("detector").exists():
        train_detector(night, DetectorConfig(**parameters.get("detector", {})))
        stage("train detector")
    new = detect(night)
    stage("detect")
    report(night, brought, new)
    stage("report")
    return night.seconds


def train_forecaster(night: Night, config: ForecasterConfig) -> None:
    panel, _ = read_panel(night.lake, night.dataset)
    fitted = fit_forecaster(
        panel,
        dataset=night.dataset,
        config=config,
        device=night.device,
        checkpoint=night.checkpoint("forecast", config, panel_digest(panel)),
    )
    compare_forecasters(fitted, None, panel, device=night.device)
    figures = draw_forecaster(fitted, unit=night.dataset.unit)
    night.save("forecaster", fitted.forecaster, figures)


def forecast(night: Night) -> None:
    name = f"{night.dataset.name}-forecaster"
    if night.is_done(FORECASTS, model=name):
        return
    forecaster = Forecaster.load_bundle(night.bundle("forecaster"))
    panel, version = read_panel(night.lake, night.dataset)
    rows, _ = forecaster.forecast_next(panel, device=night.device)
    made = {"stale": None, "data_version": version, "run_id": "plain", "model_version": VERSION}
    night.lake.merge_rows(night.dataset.name, FORECASTS, rows.assign(model=name, **made))


def train_detector(night: Night, config: DetectorConfig) -> None:
    dataset = night.dataset
    panel, _ = read_panel(night.lake, dataset)
    verdicts = read_verdicts(night.lake, dataset.name)
    labels = correct_labels(night.lake.read_rows(dataset.name, LABELS), verdicts, panel.calendar)
    fitted = fit_detector(
        panel,
        dataset=dataset,
        config=config,
        device=night.device,
        labels=labels,
        checkpoint=night.checkpoint("detect", config, panel_digest(panel)),
    )
    compare_detectors(fitted, None, panel, device=night.device)
    figures = draw_detector(fitted, unit=dataset.unit)
    if fitted.evaluation.truth == "injected":
        figures["detection_rates"] = draw_detection_rates(measure_rates(fitted, panel))
    night.save("detector", fitted.detector, figures)


def detect(night: Night) -> list[str]:
    dataset, name = night.dataset, f"{night.dataset.name}-detector"
    detector = Detector.load_bundle(night.bundle("detector"))
    if not night.is_done(SCORES, scorer=name):
        panel, version = read_panel(night.lake, dataset)
        scored = score_night(
            night.lake,
            dataset.name,
            detector,
            panel,
            scorer=name,
            version=VERSION,
            device=night.device,
        )
        made = {"stale": None, "data_version": version, "run_id": "plain"}
        rows = scored.scores.assign(scorer=name, model_version=VERSION, **made)
        night.lake.merge_rows(dataset.name, SCORES, rows)
        night.lake.merge_rows(dataset.name, SCORE_STATES, scored.states.assign(run_id="plain"))
    return update_events(
        night.lake,
        dataset.name,
        calendar=make_calendar(dataset),
        config=detector.event_config,
        scorer=name,
        mode=detector.config.mode,
    ).new


def report(night: Night, brought: Any, new: list[str]) -> None:
    dataset, lake = night.dataset, night.lake
    detector = Detector.load_bundle(night.bundle("detector"))
    events = read_night_events(
        lake, dataset, detector=f"{dataset.name}-detector", mode=detector.config.mode, new=new
    )
    explained = explain_events(lake, dataset, detector, choose_events(events), at_most=EXPLAINED)
    words, figures = describe_events(events, explained), draw_events(explained)
    read_states(lake, dataset.name)
    summary, forecasts = summarise_night(
        lake,
        dataset,
        ingested=brought,
        models=[],
        forecaster=f"{dataset.name}-forecaster",
        events=events,
        words=words,
        skipped=[],
        left_out={},
        seconds=night.seconds,
    )
    held_out = [
        Picture(path.as_uri(), path.stem)
        for kind in ("forecaster", "detector")
        for path in sorted(night.bundle(kind).glob("*.png"))
    ]
    path = night.settings.reports_dir / dataset.name / "plain.html"
    page = render_html(
        replace(summary, report=str(path)),
        [
            draw_forecasts(lake, dataset, forecasts),
            Section("Held-out rows", held_out),
        ],
        events=make_event_pictures(figures, words),
        made_at="now",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def read_parameters(job: str, overrides: list[str]) -> dict[str, Any]:
    parameters = find_job(job).parameters
    kinds = {"dataset": DatasetConfig, "forecaster": ForecasterConfig, "detector": DetectorConfig}
    fields: dict[str, Any] = {}
    for name, kind in kinds.items():
        fields |= leaf_fields(name, kind)
    for override in overrides:
        name, text = split_override(override, said="--set")
        path = find_path(name, fields, said="--set")
        put_value(parameters, path, parse_value(text, fields[path]))
    return parameters


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("job")
    options.add_argument("--set", action="append", default=[])
    args = options.parse_args()
    parameters = read_parameters(args.job, args.set)
    print(json.dumps(run_night(parameters)))


if __name__ == "__main__":
    main()
