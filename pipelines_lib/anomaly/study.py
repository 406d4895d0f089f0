"""Score one history by itself, as a study or a benchmark does: fit, score, judge nothing.

Shapes: n steps, m features.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch

from pipelines_lib.anomaly.detector import EXTREME
from pipelines_lib.anomaly.fit import BASELINES, NETWORKS, choose_weights, fit_parts
from pipelines_lib.anomaly.fusion import Past, stand_out, stand_out_of_all
from pipelines_lib.anomaly.parts import Part, Stretch
from pipelines_lib.anomaly.scoring import Scored, score_stretch
from pipelines_lib.anomaly.thresholds import apply_thresholds
from pipelines_lib.anomaly.window import choose_window
from pipelines_lib.config import DetectorConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.series.scaling import fit_scaler
from pipelines_lib.series.windows import count_known

AT_LEAST = 40
"""Steps that a history must have."""


@dataclass(frozen=True)
class Study:
    """Scores of a history's steps (n,), NaN where there is none.

    `alone`: the score that each part has alone, by name; `max_gap`: steps without an alarm that do
    not split an event; `cpu_s_train`, `cpu_s_score`: CPU seconds of the score, without the parts
    that are no part of it.
    """

    score: np.ndarray
    alone: dict[str, np.ndarray]
    max_gap: int
    cpu_s_train: float
    cpu_s_score: float


def score_history(
    values: np.ndarray,
    *,
    n_train: int,
    mode: str,
    seed: int,
    config: DetectorConfig | None = None,
) -> Study:
    """Fit every part on a history and score it.

    causal: fitted on the first `n_train` steps, and every score knows only the steps before it.
    retrospective: fitted on the whole history, whose anomalies nobody has told it of.

    Args:
        values: (n, m) in any unit, NaN where unknown.
        n_train: Steps to learn from in causal mode.
        mode: causal or retrospective.
        seed: Of the networks.
        config: The detector; None: the default one.

    Raises:
        SeriesError: There are fewer than 40 steps to learn from.
    """
    causal = mode == "causal"
    config = config or DetectorConfig()
    training = config.training.model_copy(update={"seed": seed})
    config = config.model_copy(update={"mode": mode, "training": training})
    learned = np.arange(len(values)) < (n_train if causal else len(values))
    n_known = int((np.isfinite(values).all(axis=1) & learned).sum())
    if n_known < AT_LEAST:
        raise SeriesError(
            f"{n_known} known steps to learn from, a detector needs {AT_LEAST}: "
            "give a longer history"
        )
    offsets, one = np.array([0, len(values)]), np.zeros(len(values), dtype=int)
    scaler = fit_scaler(values, series=one, n_series=1, rows=learned, kind=config.scaler)
    inputs = np.clip(scaler.transform(values, one), -EXTREME, EXTREME)
    began = time.process_time()
    window = choose_window(inputs, offsets=offsets, rows=learned, config=config, returns=False)
    run = count_known(np.isfinite(inputs).all(axis=1), offsets=offsets)
    stretch = Stretch(inputs, offsets, run, window, mode, torch.device("cpu"))
    weights = choose_weights(
        config, strength=window.strength, n_features=values.shape[1], returns=False
    )
    everything, past = np.ones(len(values), dtype=bool), Past.nothing(1)

    def fit(names: set[str]) -> dict[str, Part]:
        return fit_parts(stretch, names=names, rows=learned, config=config).parts

    def score(parts: dict[str, Part]) -> Scored:
        return score_stretch(
            stretch, everything, parts=parts, weights=weights, pasts=dict.fromkeys(parts, past)
        )

    parts = fit(set(weights))
    trained = time.process_time()
    scored = score(parts)
    done = time.process_time()
    others = fit({*BASELINES, *NETWORKS} - set(weights))
    alone = dict(zip(parts, scored.alone.T, strict=True))
    alone |= dict(zip(others, score(others).alone.T, strict=True))
    return Study(
        scored.score,
        alone,
        2 * window.lookback if config.events.max_gap < 0 else config.events.max_gap,
        trained - began,
        done - trained,
    )


def rate_errors(errors: np.ndarray, *, mode: str) -> np.ndarray:
    """Return the score (n,) that a method's raw errors (n,) make alone, as a part's would."""
    one = np.zeros(len(errors), dtype=int)
    if mode == "causal":
        deviations, _ = stand_out(errors, series=one, past=Past.nothing(1))
    else:
        deviations = stand_out_of_all(errors, series=one)
    return np.log1p(np.maximum(deviations, 0.0))


def raise_alarms(
    score: np.ndarray, *, n_train: int, config: DetectorConfig | None = None
) -> np.ndarray:
    """Return which steps after the first `n_train` are alarms by a detector's threshold (n,)."""
    position = np.arange(len(score))
    early = position < n_train
    judged = apply_thresholds(
        np.where(early, np.nan, score),
        position=position,
        series=np.zeros(len(score), dtype=int),
        past=score[early],
        past_position=position[early],
        past_series=np.zeros(int(early.sum()), dtype=int),
        anchor=n_train - 1,
        config=(config or DetectorConfig()).threshold,
    )
    return judged.anomalous
