"""Gather a night from the lake: what it holds now, not what a task remembers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.forecasting.realised import join_realised
from pipelines_lib.ingestion import IngestReport
from pipelines_lib.lake import Lake
from pipelines_lib.reports.figures import as_data_uri, draw_next_steps, draw_scores
from pipelines_lib.reports.html import Picture, Section
from pipelines_lib.reports.summary import (
    EventLine,
    ForecastLine,
    ModelLine,
    NightSummary,
    Realised,
    RuleLine,
)
from pipelines_lib.series.calendar import make_calendar
from pipelines_lib.series.rules import RULES
from pipelines_lib.tables import (
    EVENTS,
    FORECASTS,
    OBSERVATIONS_KEY,
    QUARANTINE,
    SCORES,
    Table,
    observations_table,
)

LINES = 30
"""Forecasts and events that a summary lists at most; the lake has them all."""
PICTURES = 4
HISTORY_STEPS = 120


@dataclass(frozen=True)
class NightFrames:
    """The newest forecasts and the events of a night, as frames."""

    forecasts: pd.DataFrame
    events: pd.DataFrame


def summarise_night(
    lake: Lake,
    dataset: DatasetConfig,
    *,
    ingested: IngestReport,
    models: Sequence[ModelLine],
    forecaster: str,
    detector: str,
    mode: str,
    new_events: Sequence[tuple[str, str]],
    skipped: Sequence[str],
    left_out: dict[str, str],
    seconds: dict[str, float],
) -> tuple[NightSummary, NightFrames]:
    """Summarise what the lake holds of a dataset after a night.

    Args:
        lake: Where the tables lie.
        dataset: The declaration.
        ingested: What the ingest did.
        models: The champions beside their baselines.
        forecaster: Registered name of the forecaster; empty: none.
        detector: Registered name of the detector; empty: none.
        mode: The detector's mode, retrospective or causal.
        new_events: Series and start (ISO) of the events that are new tonight.
        skipped: Sentences on what was not done, and why.
        left_out: Series without a result, with the reason.
        seconds: Wall seconds by stage.
    """
    table = observations_table(dataset.columns)
    per_series = lake.count_rows(dataset.name, table)
    newest_times = lake.last_times(dataset.name, table, equal={})
    newest = pd.Timestamp(newest_times.max()) if len(newest_times) else None
    frames = NightFrames(
        _newest_forecasts(lake, dataset, forecaster),
        _events(lake, dataset, {"scorer": detector, "mode": mode}),
    )
    forecasts, events = frames.forecasts, frames.events
    ids = forecasts["series_id"].unique()
    new = set(new_events)
    summary = NightSummary(
        dataset=dataset.name,
        newest=_step_text(newest, dataset) if newest is not None else "no data",
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
        n_new_events=len(new),
        events=_event_lines(events, new, dataset),
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
        warnings=list(ingested.warnings),
        failures=ingested.failures,
        left_out=left_out,
        seconds=seconds,
    )
    return summary, frames


def draw_night(
    lake: Lake, dataset: DatasetConfig, frames: NightFrames, *, detector: str, mode: str
) -> list[Section]:
    """Draw the forecasts that move most and the newest events."""
    forecasts, events = frames.forecasts, frames.events
    forecast_pictures = []
    for name in _by_expected_move(forecasts)[:PICTURES]:
        history = _history(lake, dataset, name).tail(HISTORY_STEPS)
        rows = forecasts[forecasts["series_id"] == name]
        figure = draw_next_steps(history, rows, series_id=name, unit=dataset.unit)
        caption = f"{name}: forecast from {_step_text(rows['origin'].iloc[0], dataset)}"
        forecast_pictures.append(Picture(as_data_uri(figure), caption))
    event_pictures = []
    for name in events["series_id"].drop_duplicates()[:PICTURES]:
        scores = lake.read_rows(
            dataset.name, SCORES, series_ids=[name], equal={"scorer": detector, "mode": mode}
        )
        scores = scores[scores["stale"].isna()].tail(2 * HISTORY_STEPS)
        history = _history(lake, dataset, name)
        shown = events[(events["series_id"] == name) & (events["end"] >= scores["time"].min())]
        figure = draw_scores(
            scores,
            shown,
            history[history["time"] >= scores["time"].min()],
            series_id=name,
            unit=dataset.unit,
        )
        caption = f"{name}: the last {len(scores)} scored steps, events shaded"
        event_pictures.append(Picture(as_data_uri(figure), caption))
    return [
        Section("The forecasts that move most", forecast_pictures),
        Section("The newest events", event_pictures),
    ]


def _newest_forecasts(lake: Lake, dataset: DatasetConfig, forecaster: str) -> pd.DataFrame:
    """Return the newest forecasts of each series that still stand on its history."""
    rows = lake.read_rows(dataset.name, FORECASTS, equal={"model": forecaster})
    rows = rows[rows["stale"].isna()]
    return rows[rows["origin"] == rows.groupby("series_id")["origin"].transform("max")]


def _events(lake: Lake, dataset: DatasetConfig, of_scorer: dict[str, str]) -> pd.DataFrame:
    rows = lake.read_rows(dataset.name, EVENTS, equal=of_scorer)
    return rows.sort_values(["end", "severity"], ascending=False, ignore_index=True)


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
                _step_text(rows["origin"].iloc[0], dataset),
                float(rows["last_value"].iloc[0]),
                [_step_text(time, dataset) for time in rows["time"]],
                rows["value"].tolist(),
                rows["lower"].tolist(),
                rows["upper"].tolist(),
            )
        )
    return lines


def _event_lines(
    events: pd.DataFrame, new: set[tuple[str, str]], dataset: DatasetConfig
) -> list[EventLine]:
    return [
        EventLine(
            event["series_id"],
            _step_text(event["start"], dataset),
            _step_text(event["end"], dataset),
            int(event["n_steps"]),
            float(event["severity"]),
            event["features"],
            (event["series_id"], event["start"].isoformat()) in new,
        )
        for event in events.head(LINES).to_dict("records")
    ]


def _step_text(time: pd.Timestamp, dataset: DatasetConfig) -> str:
    """Return a step's time as people write it: the date of a session, else with the minute."""
    calendar = make_calendar(dataset)
    daily = calendar.sessions is not None or np.mod(calendar.step_minutes, 1440) == 0
    return f"{time:%Y-%m-%d}" if daily else f"{time:%Y-%m-%d %H:%M}"
