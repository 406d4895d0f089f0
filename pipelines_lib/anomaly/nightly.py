"""From night to night: which steps are due, from which state their scoring goes on.

Shapes: S series.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from pipelines_lib.anomaly.calibration import Calibration
from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.fusion import Past
from pipelines_lib.lake import Lake
from pipelines_lib.series.calendar import Calendar, naive_times
from pipelines_lib.series.panel import Panel
from pipelines_lib.tables import SCORE_STATES, SCORES


@dataclass(frozen=True)
class Plan:
    """Where scoring begins.

    `since` (S,): first position that is computed. `shown` (S,): first one whose score is written;
    those before it, which an earlier version has scored, are only learned from. `pasts`: each
    part's errors before `since`.
    """

    since: np.ndarray
    shown: np.ndarray
    pasts: dict[str, Past]


@dataclass(frozen=True)
class ScoredNight:
    """Rows for the tables `scores` and `score_states`, and the series left out with the reason."""

    scores: pd.DataFrame
    states: pd.DataFrame
    left_out: dict[str, str]


def score_night(
    lake: Lake,
    dataset: str,
    detector: Detector,
    panel: Panel,
    *,
    scorer: str,
    version: str,
    device: torch.device,
) -> ScoredNight:
    """Score what is new in a dataset, from where the last night ended.

    In retrospective mode the whole history is scored again.

    Args:
        lake: Where scores and states lie.
        dataset: Name of the dataset.
        detector: The champion.
        panel: All observations.
        scorer: Registered name of the detector.
        version: Its registered version.
        device: Where to compute.
    """
    plan = plan_night(lake, dataset, detector, panel, scorer=scorer, version=version)
    scores, pasts, left_out = detector.score_panel(
        panel,
        since=plan.since,
        shown=plan.shown,
        pasts=plan.pasts,
        earlier=_read_earlier(lake, dataset, detector, scorer=scorer, version=version),
        device=device,
    )
    newest = panel.position[panel.offsets[1:] - 1]
    # In retrospective mode there is nothing to go on from.
    went_on = (newest >= plan.since) & (detector.config.mode == "causal")
    states = [
        pd.DataFrame(
            {
                "series_id": np.array(panel.series_ids, dtype=object),
                "part": name,
                "time": pd.Series(panel.calendar.times(newest)).dt.tz_localize("UTC"),
                "n": past.n.astype("int64"),
                "total": past.total,
                "total_squares": past.squares,
            }
        )[went_on]
        for name, past in pasts.items()
    ]
    kept = pd.concat(states, ignore_index=True).assign(scorer=scorer, model_version=version)
    return ScoredNight(scores, kept, left_out)


def plan_night(
    lake: Lake, dataset: str, detector: Detector, panel: Panel, *, scorer: str, version: str
) -> Plan:
    """Return where the scoring of each series begins.

    Where it stood after the last night; for a series without a state of this version, or whose
    history was restated since, after the steps that the detector has learned from. Scores that
    stand are not written again, whatever version made them: an event keeps its name.
    """
    calendar, n_series = panel.calendar, len(panel.series_ids)
    learned = detector.calibration.anchor(calendar)
    since = np.full(n_series, learned + 1)
    pasts = detector.pasts_of(panel.series_ids)
    if detector.config.mode == "retrospective":
        first = panel.position[panel.offsets[:-1]]
        return Plan(first, first, pasts)
    number = pd.Series(np.arange(n_series), index=panel.series_ids)
    scored = {"scorer": scorer, "mode": detector.config.mode}
    stale = _first_stale(lake, dataset, scored, calendar, later_than=learned)
    shown = since.copy()
    last = lake.last_times(dataset, SCORES, equal=scored)
    last = last[last.index.isin(number.index)]
    due = calendar.positions(naive_times(pd.Series(pd.to_datetime(last, utc=True)))) + 1
    due = np.minimum(due, stale.reindex(last.index, fill_value=np.iinfo("int64").max))
    rows = number[last.index].to_numpy()
    shown[rows] = np.maximum(due, learned + 1)
    states = lake.read_rows(
        dataset, SCORE_STATES, equal={"scorer": scorer, "model_version": version}
    )
    states = states[states["series_id"].isin(number.index)]
    states = states.assign(
        row=number[states["series_id"]].to_numpy(),
        position=calendar.positions(naive_times(states["time"])),
    )
    first_stale = stale.reindex(states["series_id"], fill_value=np.iinfo("int64").max).to_numpy()
    states = states[states["position"].to_numpy() < first_stale]
    for name, past in pasts.items():
        own = states[states["part"] == name]
        at = own["row"].to_numpy()
        since[at] = own["position"].to_numpy() + 1
        for field, column in (("n", "n"), ("total", "total"), ("squares", "total_squares")):
            getattr(past, field)[at] = own[column].to_numpy()
    return Plan(since, np.maximum(shown, since), pasts)


def _read_earlier(
    lake: Lake, dataset: str, detector: Detector, *, scorer: str, version: str
) -> Calibration | None:
    """Return the scores that this version has written, for the threshold."""
    if detector.config.mode == "retrospective":
        return None
    rows = lake.read_table(
        dataset,
        SCORES,
        columns=["series_id", "time", "score", "stale"],
        equal={"scorer": scorer, "mode": detector.config.mode, "model_version": version},
    )
    valid = rows["stale"].is_null().to_numpy(zero_copy_only=False)
    return Calibration(
        rows["score"].to_numpy()[valid],
        rows["series_id"].to_pandas().to_numpy(dtype=object)[valid],
        rows["time"].to_numpy()[valid].astype("datetime64[us]"),
        detector.calibrated_until,
    )


def _first_stale(
    lake: Lake, dataset: str, of_scorer: dict[str, str], calendar: Calendar, *, later_than: int
) -> pd.Series:
    """Return the position of the first stale score of each series that has one."""
    counts = lake.count_rows(dataset, SCORES, equal=of_scorer, having="stale")
    rows = lake.read_rows(
        dataset,
        SCORES,
        columns=["series_id", "time", "stale"],
        series_ids=list(counts.index[counts > 0]),
        equal=of_scorer,
    )
    rows = rows[rows["stale"].notna()]
    rows = rows.assign(position=calendar.positions(naive_times(rows["time"])))
    # What a newer detector has learned from is never scored by it, and would be due for ever.
    return rows[rows["position"] > later_than].groupby("series_id")["position"].min()
