"""Judge a detector beside its baselines on the very same held-out steps.

Shapes: N rows, S series.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.fusion import Past
from pipelines_lib.anomaly.injection import inject_spikes
from pipelines_lib.anomaly.parts import Part
from pipelines_lib.anomaly.scoring import score_stretch
from pipelines_lib.comparison import skill_pct
from pipelines_lib.series.calendar import naive_times
from pipelines_lib.series.features import RETURNS
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.sentiment import COVARIATES
from pipelines_lib.series.splits import Split

MODEL = "score"
"""The detector's own column among the scores; the others are named after their parts."""
SHOWN = {
    "volume_change": "volume",
    "volume_rank": "volume",
    "relative_volume": "volume",
    "relative_return": "close",
    "volatility": "close",
    **RETURNS,
}
"""The column of a bar in which an anomaly shows in a feature."""


@dataclass(frozen=True)
class DetectorEvaluation:
    """What a detector and its baselines did on held-out steps.

    `metrics`: fixed names. `truth`: where the anomalous steps come from, `labels` or `injected`.
    `scores`: held-out rows with every method's score, for pictures.
    """

    metrics: dict[str, float]
    truth: str
    scores: pd.DataFrame
    judged: Panel
    """The series that were scored, injected anomalies included."""

    @property
    def skill_pct(self) -> float:
        """Return the skill against windowed PCA, in percent of the average precision missed."""
        return self.metrics["skill_pct"]


def evaluate_detector(
    detector: Detector,
    others: dict[str, tuple[Part, Past]],
    panel: Panel,
    *,
    split: Split,
    labels: pd.DataFrame,
    seed: int,
    device: torch.device,
) -> DetectorEvaluation:
    """Judge a detector, each of its parts alone, and others, on the test rows of known series.

    Args:
        detector: To be judged.
        others: Baselines by name, each with its past of the detector's series.
        panel: The series, with their history.
        split: Its test part is judged.
        labels: Known anomalous steps: `series_id`, `time`; where no test row is labelled, spikes
            are injected.
        seed: Places the injected anomalies: same seed, same rows.
        device: Where to compute.
    """
    anomalous = _labelled_rows(panel, labels)
    judged, truth = panel, "labels"
    if not (anomalous & (panel.position >= split.test.first)).any():
        judged, anomalous = inject_spikes(
            panel, column=column_seen(detector), since=split.test.first, seed=seed
        )
        truth = "injected"
    since = np.full(len(judged.series_ids), split.test.first)
    held_out, _, _ = detector.score_panel(judged, since=since, device=device)
    alone = _score_alone(detector, others, judged, since=since, device=device)
    held_out = held_out.merge(alone, on=["series_id", "time"])
    flags = pd.DataFrame(
        {
            "series_id": np.array(judged.series_ids, dtype=object)[judged.row_series],
            "time": pd.Series(judged.times(np.arange(len(anomalous)))).dt.tz_localize("UTC"),
            "anomaly": anomalous,
        }
    )
    held_out = held_out.merge(flags, on=["series_id", "time"])
    held_out = held_out[held_out["series_id"].isin(detector.series_ids)].reset_index(drop=True)
    truth_of = held_out["anomaly"].to_numpy()
    methods = [MODEL, *detector.parts, *others]
    metrics = evaluate_scores({name: held_out[name].to_numpy() for name in methods}, truth_of)
    alarm = held_out["anomalous"].to_numpy()
    metrics |= evaluate_alarms(alarm, truth_of)
    finite = held_out["threshold"].replace(np.inf, np.nan)
    metrics |= {"alarm_share_pct": float(100 * alarm.mean())}
    if finite.notna().any():
        metrics["threshold"] = float(finite.median())
    return DetectorEvaluation(metrics, truth, held_out, judged)


def average_precision(anomalous: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision of scores, 0 where no step is anomalous.

    A step of which a method can say nothing yet (NaN) counts as one that it finds normal.
    """
    said = np.nan_to_num(scores)
    return float(average_precision_score(anomalous, said)) if anomalous.any() else 0.0


def evaluate_scores(scores: dict[str, np.ndarray], anomalous: np.ndarray) -> dict[str, float]:
    """Return the average precision of every method, and the skill against the baselines.

    Args:
        scores: Score of each step by method; the first is the model, the others stand beside it.
        anomalous: The truth, one flag a step.
    """
    model, *others = scores
    precision = {name: average_precision(anomalous, values) for name, values in scores.items()}
    metrics = {"average_precision": precision[model]}
    for name in others:
        metrics[f"{name}_average_precision"] = precision[name]
        skill = skill_pct(1 - precision[model], 1 - precision[name])
        metrics["skill_pct" if name == "pca" else f"skill_vs_{name}_pct"] = skill
    metrics["anomalous_steps"] = float(anomalous.sum())
    metrics["test_steps"] = float(len(anomalous))
    return metrics


def evaluate_alarms(alarm: np.ndarray, anomalous: np.ndarray) -> dict[str, float]:
    """Return point precision, recall and F1 of alarms, and false alarms per 1,000 steps."""
    hits = float((alarm & anomalous).sum())
    precision = hits / alarm.sum() if alarm.any() else 0.0
    recall = hits / anomalous.sum() if anomalous.any() else 0.0
    both = precision + recall
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / both) if both else 0.0,
        "false_alarms_per_1000": float(1000 * (alarm & ~anomalous).sum() / len(alarm)),
    }


def column_seen(detector: Detector) -> str:
    """Return the column to put an anomaly into: the target, or one that the features can show."""
    target = detector.dataset.target
    seen = [SHOWN.get(name, name) for name in detector.features if name not in COVARIATES]
    prices = set(RETURNS.values())
    if target in seen or (target in prices and prices & set(seen)):
        return target
    return seen[0] if seen else target


def _score_alone(
    detector: Detector,
    others: dict[str, tuple[Part, Past]],
    panel: Panel,
    *,
    since: np.ndarray,
    device: torch.device,
) -> pd.DataFrame:
    """Return the score that each part and each other method has alone, a column each."""
    stretch = detector.make_stretch(panel, device)
    widened = replace(
        detector,
        parts=detector.parts | {name: part for name, (part, _) in others.items()},
        pasts=detector.pasts | {name: past for name, (_, past) in others.items()},
    )
    scored = score_stretch(
        stretch,
        panel.position >= since[panel.row_series],
        parts=widened.parts,
        weights={},
        pasts=widened.pasts_of(panel.series_ids),
    )
    ids = np.array(panel.series_ids, dtype=object)
    frame = pd.DataFrame(scored.alone, columns=list(widened.parts))
    frame.insert(0, "series_id", ids[panel.row_series[scored.rows]])
    frame.insert(1, "time", pd.Series(panel.times(scored.rows)).dt.tz_localize("UTC"))
    return frame


def _labelled_rows(panel: Panel, labels: pd.DataFrame) -> np.ndarray:
    """Return which rows of the panel are labelled anomalous (N,)."""
    anomalous = np.zeros(len(panel.position), dtype=bool)
    number = {name: s for s, name in enumerate(panel.series_ids)}
    labels = labels[labels["series_id"].isin(number)]
    if len(labels) == 0:
        return anomalous
    series = labels["series_id"].map(number).to_numpy(dtype=int)
    row = (
        panel.calendar.positions(naive_times(labels["time"]))
        - panel.position[panel.offsets[:-1]][series]
    )
    inside = (row >= 0) & (row < np.diff(panel.offsets)[series])
    anomalous[panel.offsets[series[inside]] + row[inside]] = True
    return anomalous
