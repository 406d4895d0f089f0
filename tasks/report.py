"""Write the night's report: HTML file, MLflow run, Prefect artifact."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task

from tasks.context import Context, may_pass, open_context
from tasks.detect import Detection
from tasks.documents import IngestedTexts
from tasks.forecast import Forecast
from tasks.ingest import Ingested
from tasks.night_texts import gather_texts
from tasks.pages import leave_page
from tasks.sentiment import Scored
from tasks.training_run import Trained

if TYPE_CHECKING:
    import pandas as pd

    from pipelines_lib.anomaly.explanation import Explanation
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.reports.html import Picture, Section
    from pipelines_lib.reports.model_lines import ModelLine
    from pipelines_lib.reports.summary import NightSummary
    from pipelines_lib.tracking.tracker import Run

HELD_OUT = ("forecast_1", "error_by_horizon", "scores_1", "detection_rates", "reliability")
"""Pictures of the champions' training runs that a night shows again."""


@task(
    task_run_name="report {dataset}",
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def write_report(
    dataset: str,
    ingested: Ingested | None,
    trained: list[Trained],
    forecast: Forecast | None,
    detection: Detection | None,
    texts: IngestedTexts | None = None,
    scored: Scored | None = None,
    failed: str = "",
) -> "NightSummary":
    """Summarise the night from the lake; write the page, log it, leave an artifact.

    `failed` says what went wrong with steps that the night went on without; empty: nothing did.
    """
    from dataclasses import replace

    from pipelines_lib.ingestion import IngestReport
    from pipelines_lib.reports.artifact import choose_pictures
    from pipelines_lib.reports.html import render_html
    from pipelines_lib.reports.night import draw_forecasts, summarise_night
    from pipelines_lib.reports.night_events import (
        describe_events,
        draw_events,
        make_event_pictures,
        read_night_events,
    )
    from pipelines_lib.reports.night_markdown import to_markdown

    context, began = open_context(), perf_counter()
    declared = context.dataset(dataset)
    models, held_out = _champions(context, forecast, detection, scored, declared.unit)
    said = gather_texts(context, declared, texts, scored)
    brought = ingested.report if ingested else IngestReport(dataset)
    stages = {"ingest": ingested.seconds} if ingested else {}
    stages |= {"documents": texts.seconds} if texts else {}
    stages |= {f"train {t.name.removeprefix(dataset + '-')}": t.seconds for t in trained}
    stages |= {"sentiment": scored.seconds} if scored else {}
    stages |= {"forecast": forecast.seconds} if forecast else {}
    stages |= {"detect": detection.seconds} if detection else {}
    events = read_night_events(
        context.lake,
        declared,
        detector=detection.model if detection else "",
        mode=detection.mode if detection else "",
        new=detection.new_events if detection else [],
    )
    explanations = _explain(context, declared, detection, events)
    words = describe_events(events, explanations)
    pictures = make_event_pictures(draw_events(explanations), words)
    night, forecasts = summarise_night(
        context.lake,
        declared,
        ingested=brought,
        models=models,
        forecaster=forecast.model if forecast else "",
        events=events,
        words=words,
        skipped=_skipped(ingested, trained, forecast, detection, texts, scored),
        left_out=_left_out(context, dataset, ingested, forecast, detection),
        seconds=stages,
        warnings=[*brought.warnings, *([failed] if failed else [])],
        texts=said.news if said else None,
    )
    file_name = night.newest.replace(" ", "T").replace(":", "") + ".html"
    path = context.settings.reports_dir / dataset / file_name
    with context.tracker.run(dataset, "nightly", name=f"{dataset} {night.newest}") as run:
        sections = [draw_forecasts(context.lake, declared, forecasts), held_out]
        stages["report"] = perf_counter() - began
        budget = detection.alert_budget if detection else 0.0
        night = replace(
            night,
            report=str(path),
            run_id=run.run_id,
            run_page=run.page,
            seconds=stages,
            alert_budget=budget,
        )
        page = render_html(
            night,
            sections,
            events=pictures,
            moods=said.moods if said else (),
            shaded=said.shaded if said else (),
            made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        run.log_file(path, "report")
        run.log_text("summary.md", to_markdown(night))
        run.log_text("events.csv", events.to_csv(index=False))
        if said:  # no metrics: MLflow refuses names with signs such as + or (
            told = json.dumps(said.news.classes, ensure_ascii=False, indent=1)
            run.log_text("told.json", told)
        _log_event_pictures(run, dict(zip(words, pictures, strict=True)))
        run.log_config(declared, prefix="dataset.")
        arrived = [came.report.metrics for came in (ingested, texts) if came]
        run.log_metrics({k: v for each in (*arrived, _metrics(night)) for k, v in each.items()})
        run.set_tags(_table_versions(context, declared))
        run.set_tags({f"champion.{m.task}": f"{m.name} v{m.version}" for m in models})
    leave_page(
        to_markdown(night, pictures=choose_pictures(sections[0].pictures, pictures)),
        key=f"night-{dataset}",
        description=f"{dataset}: night of {night.newest}",
    )
    return night


def _explain(
    context: Context,
    declared: "DatasetConfig",
    detection: Detection | None,
    events: "pd.DataFrame",
) -> dict[str, "Explanation"]:
    """Explain the few events that are worth a picture, in the order in which they are shown."""
    from pipelines_lib.anomaly.detector import Detector
    from pipelines_lib.anomaly.explain import explain_events
    from pipelines_lib.reports.night_events import EXPLAINED, choose_events
    from pipelines_lib.tracking import load_champion

    if detection is None or len(events) == 0:
        return {}
    champion = load_champion(context.tracker, detection.model, Detector.load_bundle)
    if champion is None:
        return {}
    _, detector = champion
    return explain_events(
        context.lake, declared, detector, choose_events(events), at_most=EXPLAINED
    )


def _log_event_pictures(run: "Run", pictures: dict[str, "Picture"]) -> None:
    """Log the pictures as events/EVENT.png."""
    from pipelines_lib.reports.artifact import png_bytes

    with TemporaryDirectory() as folder:
        for name, picture in pictures.items():
            path = Path(folder) / f"{name}.png"
            path.write_bytes(png_bytes(picture))
            run.log_file(path, "events")


def _table_versions(context: Context, declared: "DatasetConfig") -> dict[str, str]:
    from pipelines_lib.tables import dataset_tables

    tables = dataset_tables(declared.columns)
    versions = {t.name: context.lake.table_version(declared.name, t) for t in tables}
    return {f"data.{name}_version": str(v) for name, v in versions.items() if v is not None}


def _champions(
    context: Context,
    forecast: Forecast | None,
    detection: Detection | None,
    scored: Scored | None,
    unit: str,
) -> tuple[list["ModelLine"], "Section"]:
    """Return what the champions were worth on held-out rows, in numbers and pictures."""
    from pipelines_lib.reports.html import Picture, Section
    from pipelines_lib.reports.model_lines import ModelLine, make_model_line
    from pipelines_lib.tracking import find_champion, read_figures, read_metrics

    lines: list[ModelLine] = []
    pictures: list[Picture] = []
    results = (("classify", scored), ("forecast", forecast), ("detect", detection))
    for task_name, result in results:
        champion = find_champion(context.tracker, result.model) if result else None
        if champion is None:
            continue
        metrics = read_metrics(context.tracker, champion.run_id)
        lines.append(
            make_model_line(
                task_name,
                champion.name,
                champion.version,
                champion.run_id,
                metrics=metrics,
                unit=unit,
                note=champion.reason,
            )
        )
        for name, png in read_figures(context.tracker, champion.run_id).items():
            if name in HELD_OUT:
                source = "data:image/png;base64," + base64.b64encode(png).decode()
                caption = f"{champion.name} v{champion.version}, {name.replace('_', ' ')}"
                pictures.append(Picture(source, caption))
    return lines, Section("The champions on held-out rows", pictures)


def _skipped(
    ingested: Ingested | None,
    trained: list[Trained],
    forecast: Forecast | None,
    detection: Detection | None,
    texts: IngestedTexts | None = None,
    scored: Scored | None = None,
) -> list[str]:
    said = []
    if ingested and (nothing := _nothing_stored(ingested)):
        said.append(nothing)
    if texts and not texts.report.new + texts.report.changed:
        said.append(f"documents: of {texts.report.read:,} read none is new or changed")
    for result in (scored, forecast, detection):
        if result is not None and not any(t.name == result.model for t in trained):
            said.append(f"training: {result.model} has a champion, v{result.version}")
        if result is not None and result.skipped:
            said.append(result.skipped)
    return said


def _nothing_stored(ingested: Ingested) -> str:
    """Say why nothing was stored; empty: something was."""
    report = ingested.report
    counts = report.observations
    if counts.written or counts.deleted:
        return ""
    if report.asked == 0:
        return f"fetching: all {report.n_series:,} series are up to date"
    if report.fetched == 0:
        return f"storing: of {report.asked:,} series asked for none gave a row"
    if counts.unchanged == 0:
        return f"storing: all {report.fetched:,} rows were put off or went to quarantine"
    return f"storing: all {counts.unchanged:,} good rows are in the lake already"


def _left_out(
    context: Context,
    dataset: str,
    ingested: Ingested | None,
    forecast: Forecast | None,
    detection: Detection | None,
) -> dict[str, str]:
    """Return the series without a result; of one dead before tonight, the night it died told."""
    from pipelines_lib.ingestion.states import DEAD, read_states

    left_out = (forecast.left_out if forecast else {}) | (detection.left_out if detection else {})
    states = read_states(context.lake, dataset)
    died = set(ingested.report.died) if ingested else set()
    known = {n for n, s in states.items() if s.state == DEAD} - died
    return {name: why for name, why in left_out.items() if name not in known}


def _metrics(night: "NightSummary") -> dict[str, float]:
    metrics: dict[str, float] = {
        "series_left_out": len(night.left_out),
        "series_forecast": night.n_forecast_series,
        "events_new": night.n_new_events,
        "events": night.n_events,
        "alerts_new": night.n_alerts,
    }
    metrics |= {f"repaired.{rule}": count for rule, count in night.repaired.items()}
    metrics |= {f"quarantined.{rule}": count for rule, count in night.quarantined.items()}
    metrics |= {f"seconds.{stage}": value for stage, value in night.seconds.items()}
    if night.texts:
        metrics |= {
            "documents": night.texts.documents,
            "documents_scored": night.texts.scored,
        }
    if night.realised:
        metrics |= {
            "realised.mae": night.realised.mae,
            "realised.last_value_mae": night.realised.last_value_mae,
            "realised.skill_pct": night.realised.skill_pct,
            "realised.coverage_pct": night.realised.coverage_pct,
        }
    return metrics
