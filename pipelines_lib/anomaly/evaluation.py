"""Judge a detector beside its baselines on the very same held-out steps."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from pipelines_lib.comparison import skill_pct
from pipelines_lib.series.panel import Panel


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


def average_precision(anomalous: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision of scores, 0 where no step is anomalous."""
    return float(average_precision_score(anomalous, scores)) if anomalous.any() else 0.0


def evaluate_scores(scores: dict[str, np.ndarray], anomalous: np.ndarray) -> dict[str, float]:
    """Return the average precision of every method, and the skill against the baselines.

    Args:
        scores: Score of each step by method; the first is the model, the others are baselines.
        anomalous: The truth, one flag a step.
    """
    model, *baselines = scores
    precision = {name: average_precision(anomalous, values) for name, values in scores.items()}
    metrics = {"average_precision": precision[model]}
    for name in baselines:
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
