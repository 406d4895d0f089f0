"""Search a forecaster: try, stop what is hopeless, judge the winner on rows that no trial saw."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import optuna
import pandas as pd
import torch
from optuna.trial import TrialState

from pipelines_lib.config import DatasetConfig, ForecasterConfig
from pipelines_lib.config.space import Value, configure
from pipelines_lib.errors import ConfigError, SeriesError, TrainingError
from pipelines_lib.forecasting.baselines import BASELINES
from pipelines_lib.forecasting.fit import FittedForecaster, fit_forecaster
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.selection import Selection, judge_trial
from pipelines_lib.forecasting.study import Study
from pipelines_lib.series.panel import Panel
from pipelines_lib.training import EpochReport

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended: complete with a MASE, or pruned or failed with the reason."""

    number: int
    state: str
    values: dict[str, Value]
    mase: float = math.nan
    reason: str = ""
    config: ForecasterConfig | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: list[EpochReport] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Mean errors of the winner, of what the search started from and of the baselines.

    `mase`: by name, all on the same held-out rows, which no trial has seen.
    """

    mase: dict[str, float]
    windows: int
    best: FittedForecaster
    base: FittedForecaster

    @property
    def best_baseline(self) -> str:
        """Return the name of the baseline with the smallest error."""
        return min(BASELINES, key=lambda name: self.mase[name])


def trials_to_run(
    study: Study, *, now: Callable[[], float] = perf_counter
) -> Iterator[optuna.trial.Trial]:
    """Yield one trial after the other until the study has all of them, or the time is over."""
    search, began = study.search, now()
    while len(study.ended) < search.n_trials:
        if search.timeout_minutes and now() - began >= 60 * search.timeout_minutes:
            return
        yield study.ask()


def run_trial(
    study: Study,
    trial: optuna.trial.Trial,
    *,
    base: ForecasterConfig,
    selection: Selection,
    dataset: DatasetConfig,
    device: torch.device,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> TrialOutcome:
    """Fit and judge one trial, and tell the study.

    Values that do not go together prune it; a training that diverges or does not fit on the device
    fails it; any other error leaves it as cut off, to be tried again.
    """
    began, epochs, values = perf_counter(), list[EpochReport](), dict(trial.params)
    config, mase, metrics, reason = None, math.nan, dict[str, float](), ""
    networks = 0

    def watch(report: EpochReport) -> None:
        nonlocal networks
        on_epoch(report)
        networks += report.epoch == 1
        if networks > 1:  # of several members, the first decides whether the trial is hopeless
            return
        epochs.append(report)
        trial.report(report.validation_loss, report.epoch)
        if report.epoch < base.training.max_epochs and trial.should_prune():
            raise optuna.TrialPruned(
                f"validation loss {report.validation_loss:.4g} in epoch {report.epoch}: half of "
                "the trials before it were better by then"
            )

    try:
        config = configure(base, values)
        if twin := study.twin(trial):
            mase, reason = twin.values[0], f"the same values as trial {twin.number}: not run again"
        else:
            fitted, mase = judge_trial(
                config, selection, dataset=dataset, device=device, on_epoch=watch
            )
            metrics = fitted.evaluation.metrics
        state = TrialState.COMPLETE
    except (optuna.TrialPruned, ConfigError, SeriesError) as error:
        state, reason = TrialState.PRUNED, str(error)
    except (TrainingError, torch.OutOfMemoryError) as error:
        state, reason = TrialState.FAIL, str(error)
    if not math.isfinite(mase) and state == TrialState.COMPLETE:
        state, reason = TrialState.FAIL, "its MASE is not finite: no series moved in training"
    seconds = perf_counter() - began
    trial.set_user_attr("reason", reason)
    trial.set_user_attr("seconds", seconds)
    complete = state == TrialState.COMPLETE
    study.record.tell(trial, mase if complete else None, state=state)
    name = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(state, "failed")
    return TrialOutcome(trial.number, name, values, mase, reason, config, metrics, epochs, seconds)


def find_best(study: Study) -> tuple[int, dict[str, Value], float]:
    """Return number, values and MASE of the best trial; the first of equals.

    Raises:
        TrainingError: No trial is complete.
    """
    complete = [trial for trial in study.ended if trial.state == TrialState.COMPLETE]
    if not complete:
        ended = study.ended
        reason = ended[-1].user_attrs.get("reason", "") if ended else "no trial was begun"
        raise TrainingError(
            f"none of {len(ended)} trials of study {study.name} is complete; the last: {reason}; "
            "change search.space, or raise search.n_trials or search.timeout_minutes"
        )
    best = min(complete, key=lambda trial: (trial.values[0], trial.number))
    return best.number, dict(best.params), float(best.values[0])


def judge_best(
    panel: Panel,
    *,
    dataset: DatasetConfig,
    base: ForecasterConfig,
    best: ForecasterConfig,
    device: torch.device,
) -> Verdict:
    """Fit the winner and what the search started from as a job would, and judge both.

    The baselines are those of the latter. Only rows that both can forecast from count.
    """
    fitted = {
        "base": fit_forecaster(panel, dataset=dataset, config=base, device=device),
    }
    fitted["best"] = (
        fitted["base"]
        if best == base
        else fit_forecaster(panel, dataset=dataset, config=best, device=device)
    )
    rows = np.intersect1d(fitted["best"].test_origins, fitted["base"].test_origins)
    if len(rows) == 0:
        raise SeriesError(
            "the best trial and the forecaster that the search started from have no test row in "
            "common: lower the longest lookback of the space"
        )
    losses = {
        "best": (fitted["best"], MODEL),
        "base": (fitted["base"], MODEL),
        **{name: (fitted["base"], name) for name in BASELINES},
    }
    mase = {
        name: float(np.nanmean(made.evaluation.losses[key][np.isin(made.test_origins, rows)]))
        for name, (made, key) in losses.items()
    }
    return Verdict(mase, len(rows), fitted["best"], fitted["base"])


def tabulate_trials(study: Study) -> pd.DataFrame:
    """Return one row per ended trial: `trial`, `state`, `mase`, the values, `seconds`, `reason`."""
    paths = [dimension.path for dimension in study.dimensions]
    rows = [
        {
            "trial": trial.number,
            "state": STATES[trial.state],
            "mase": trial.values[0] if trial.state == TrialState.COMPLETE else math.nan,
            **{path: trial.params.get(path) for path in paths},
            "seconds": trial.user_attrs.get("seconds", 0.0),
            "reason": trial.user_attrs.get("reason", ""),
        }
        for trial in study.ended
    ]
    return pd.DataFrame(rows, columns=["trial", "state", "mase", *paths, "seconds", "reason"])


def weigh_values(study: Study, *, at_least: int = 8) -> dict[str, float]:
    """Return the share of the differences in MASE that each field explains; empty: too few trials.

    By functional ANOVA over random forests (Hutter, Hoos and Leyton-Brown 2014).
    """
    complete = [trial for trial in study.ended if trial.state == TrialState.COMPLETE]
    if len(complete) < at_least or len({trial.values[0] for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=study.search.seed)
    weights = optuna.importance.get_param_importances(study.record, evaluator=evaluator)
    return {path: float(weight) for path, weight in weights.items()}


def count_states(table: pd.DataFrame) -> dict[str, int]:
    """Return how many trials of a table of trials are complete, pruned and failed."""
    states: Sequence[str] = table["state"].tolist()
    return {name: states.count(name) for name in ("complete", "pruned", "failed")}
