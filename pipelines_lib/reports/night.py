"""Gather a night from the lake: what it holds now, not what a task remembers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.forecasting.realised import join_realised
from pipelines_lib.ingestion import IngestReport
from pipelines_lib.lake import Lake
from pipelines_lib.reports.figures import as_data_uri, draw_next_steps
from pipelines_lib.reports.html import Picture, Section
from pipelines_lib.reports.model_lines import ModelLine
from pipelines_lib.reports.night_events import LINES, make_event_lines
from pipelines_lib.reports.sentiment_lines import TextNews
from pipelines_lib.reports.summary import ForecastLine, NightSummary, Realised, RuleLine
from pipelines_lib.reports.text import step_text
from pipelines_lib.series.rules import RULES
from pipelines_lib.tables import (
    FORECASTS,
    OBSERVATIONS_KEY,
    QUARANTINE,
    Table,
    observations_table,
)

PICTURES = 4
HISTORY_STEPS = 120


def summarise_night(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    ingested: IngestReport,
    models: Sequence[ModelLine],
    forecaster: str,
    events: pd.DataFrame,
    words: Mapping[str, str],
    skipped: Sequence[str],
    left_out: dict[str, str],
    seconds: dict[str, float],
    warnings: Sequence[str] = (),
    texts: TextNews | None = None,
) -> tuple[NightSummary, pd.DataFrame]:
    """Summarise what the lake holds of a dataset after a night.

    Args:
        lake: Where the tables lie.
        dataset: The declaration.
        ingested: What the ingest did.
        models: The champions beside their baselines.
        forecaster: Registered name of the forecaster; empty: none.
        events: Its events, as `read_night_events` returns them.
        words: A line of words on each event that is shown, by its id.
        skipped: Sentences on what was not done, and why.
        left_out: Series without a result, with the reason.
        seconds: Wall seconds by stage.
        warnings: Sentences on what to look at.
        texts: What there is to say of documents; None: the dataset has none.

    Returns:
        The summary, and the newest forecasts of each series.
    """
    table = observations_table(dataset.columns)
    per_series = lake.count_rows(dataset.name, table)
    newest_times = lake.last_times(dataset.name, table, equal={})
    newest = pd.Timestamp(newest_times.max()) if len(newest_times) else None
    forecasts = _newest_forecasts(lake, dataset, forecaster)
    ids = forecasts["series_id"].unique()
    last = texts.newest if texts is not None and not dataset.has_series else ""
    summary = NightSummary(
        dataset=dataset.name,
        newest=step_text(newest, dataset) if newest is not None else last or "no data",
        unit=dataset.unit,
        target=dataset.target,
        n_series=len(per_series),
        fetched=ingested.fetched,
        inserted=ingested.observations.inserted,
        updated=ingested.observations.updated,
        unchanged=ingested.observations.unchanged,
        quarantined_new=ingested.quarantined,
        total_rows=int(per_series.sum()),
        repaired=_counts(lake, dataset, table, "repair"),
        quarantined=_counts(lake, dataset, QUARANTINE, "rule"),
        models=list(models),
        n_forecast_series=len(ids),
        interval_pct=100 * float(forecasts["interval"].iloc[0]) if len(forecasts) else 0.0,
        forecasts=_forecast_lines(forecasts, dataset),
        n_events=len(events),
        n_new_events=int(events["new"].sum()),
        n_alerts=int((events["new"] & (events["quiet"] == "")).sum()),
        events=make_event_lines(events, dataset),
        words=dict(words),
        realised=_realised(lake, dataset, forecaster),
        skipped=list(skipped),
        rules=[
            RuleLine(
                rule.name,
                rule.action,
                ingested.rules[rule.name],
                rule.reason,
                ingested.examples.get(rule.name, ""),
            )
            for rule in RULES
            if rule.name in ingested.rules
        ],
        asked=ingested.asked,
        up_to_date=ingested.n_series - ingested.asked,
        restated=[found.sentence for found in ingested.restated[:LINES]],
        n_restated=len(ingested.restated),
        n_stale=ingested.stale,
        died=ingested.died,
        revived=list(ingested.revived),
        n_dead=ingested.n_dead,
        warnings=list(warnings),
        failures=ingested.failures,
        left_out=left_out,
        has_series=dataset.has_series,
        texts=texts,
        seconds=seconds,
    )
    return summary, forecasts


def draw_forecasts(lake: Lake, dataset: DatasetConfig, forecasts: pd.DataFrame) -> Section:
    """Draw the forecasts that move most."""
    pictures = []
    for name in _by_expected_move(forecasts)[:PICTURES]:
        history = _history(lake, dataset, name).tail(HISTORY_STEPS)
        rows = forecasts[forecasts["series_id"] == name]
        figure = draw_next_steps(history, rows, series_id=name, unit=dataset.unit)
        caption = f"{name}: forecast from {step_text(rows['origin'].iloc[0], dataset)}"
        pictures.append(Picture(as_data_uri(figure), caption))
    return Section("The forecasts that move most", pictures)


def _newest_forecasts(lake: Lake, dataset: DatasetConfig, forecaster: str) -> pd.DataFrame:
    """Return the newest forecasts of each series that still stand on its history."""
    rows = lake.read_rows(dataset.name, FORECASTS, equal={"model": forecaster})
    rows = rows[rows["stale"].isna()]
    return rows[rows["origin"] == rows.groupby("series_id")["origin"].transform("max")]


def _realised(lake: Lake, dataset: DatasetConfig, forecaster: str) -> Realised | None:
    made = lake.read_rows(dataset.name, FORECASTS, equal={"model": forecaster})
    made = made[made["stale"].isna()]
    if len(made) == 0:
        return None
    actuals = lake.read_rows(
        dataset.name,
        observations_table(dataset.columns),
        columns=[*OBSERVATIONS_KEY, dataset.target],
        start=made["time"].min(),
    ).rename(columns={dataset.target: "actual"})
    true = join_realised(made, actuals)
    if len(true) == 0:
        return None
    return Realised(
        len(true),
        float((true["value"] - true["actual"]).abs().mean()),
        float((true["last_value"] - true["actual"]).abs().mean()),
        float(100 * true["within"].mean()),
        float(100 * true["interval"].iloc[0]),
    )


def _history(lake: Lake, dataset: DatasetConfig, series_id: str) -> pd.DataFrame:
    return lake.read_rows(
        dataset.name,
        observations_table(dataset.columns),
        columns=["time", dataset.target],
        series_ids=[series_id],
    ).rename(columns={dataset.target: "value"})


def _by_expected_move(forecasts: pd.DataFrame) -> list[str]:
    """Return the series by the largest change forecast, in shares of the last value."""
    base = forecasts["last_value"].abs().replace(0, np.nan)
    moved = ((forecasts["value"] - forecasts["last_value"]).abs() / base).fillna(0)
    largest = moved.groupby(forecasts["series_id"]).max()
    return list(largest.sort_values(ascending=False, kind="stable").index)


def _counts(lake: Lake, dataset: DatasetConfig, table: Table, by: str) -> dict[str, int]:
    counts = lake.count_rows(dataset.name, table, by=by).sort_values(ascending=False)
    return {str(name): int(count) for name, count in counts.items()}


def _forecast_lines(forecasts: pd.DataFrame, dataset: DatasetConfig) -> list[ForecastLine]:
    ids = list(forecasts["series_id"].unique())
    if len(ids) > LINES:
        ids = _by_expected_move(forecasts)[:LINES]
    lines = []
    for name in ids:
        rows = forecasts[forecasts["series_id"] == name]
        lines.append(
            ForecastLine(
                str(name),
                step_text(rows["origin"].iloc[0], dataset),
                float(rows["last_value"].iloc[0]),
                [step_text(time, dataset) for time in rows["time"]],
                rows["value"].tolist(),
                rows["lower"].tolist(),
                rows["upper"].tolist(),
            )
        )
    return lines
