"""A search's study: an Optuna study in a SQLite file, which a killed process leaves whole.

One file and one process each: while a process holds a study's lock, a trial that is stored as
running was begun by a process that is dead.
"""

import fcntl
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from pipelines_lib.config import ForecasterConfig, SearchConfig
from pipelines_lib.config.space import Choices, Dimension, Value, value_at
from pipelines_lib.errors import ConfigError

NOT_COMPARABLE = {
    "scaler": "losses are in scaled units",
    "target_kind": "losses are of another target",
    "training.loss": "losses are of another kind",
    "training.validation_windows": "losses are of other windows",
    "scope": "a series' epochs say nothing of the others",
}
"""Fields that, where varied, forbid to compare the validation losses of trials, and why."""

ATTEMPTS = 3
"""Times that a trial is begun whose process is killed."""


@dataclass(frozen=True)
class Study:
    """An open study that only this process works on."""

    record: optuna.Study
    path: Path
    search: SearchConfig
    dimensions: Sequence[Dimension]

    @property
    def name(self) -> str:
        """Return the study's name."""
        return self.record.study_name

    @property
    def key(self) -> str:
        """Return what tells this study from others of the same name elsewhere."""
        return self.record.user_attrs["key"]

    @property
    def ended(self) -> list[FrozenTrial]:
        """Return the trials that came to an end by themselves, oldest first."""
        killed = set(self.record.user_attrs.get("killed", ()))
        return [
            trial
            for trial in self.record.get_trials(deepcopy=False)
            if trial.state.is_finished() and trial.number not in killed
        ]

    @property
    def until(self) -> str:
        """Return the newest step that its trials know; empty: it has not begun."""
        return self.record.user_attrs.get("until", "")

    def claim(self, inputs: Mapping[str, str]) -> None:
        """Hold the study to the inputs that it was begun with: only like can be compared.

        Raises:
            ConfigError: It was begun with others.
        """
        known = self.record.user_attrs
        other = [name for name, value in inputs.items() if known.get(name, value) != value]
        if other:
            raise ConfigError(
                f"study {self.name} was begun with another {' and '.join(other)}, so that old and "
                "new trials could not be compared: give this search another search.name, or delete "
                f"{self.path} to forget the old one"
            )
        for name, value in inputs.items():
            self.record.set_user_attr(name, value)

    def begin_with(self, base: ForecasterConfig) -> None:
        """Make the forecaster that the search starts from the first trial."""
        if not self.record.get_trials(deepcopy=False):
            self.record.enqueue_trial(start_values(base, self.dimensions))

    def ask(self) -> optuna.trial.Trial:
        """Return the next trial: one that was cut off, else one that the sampler proposes."""
        return self.record.ask(_distributions(self.dimensions))

    def twin(self, trial: optuna.trial.Trial) -> FrozenTrial | None:
        """Return a complete trial of the same values; the seed is the same, so is the outcome."""
        for other in self.ended:
            if other.state == TrialState.COMPLETE and other.params == trial.params:
                return other
        return None


@contextmanager
def open_study(
    folder: Path,
    name: str,
    *,
    search: SearchConfig,
    dimensions: Sequence[Dimension],
    pruned: bool,
) -> Iterator[Study]:
    """Open a study, new or as it was left; trials that were cut off wait to be tried again.

    Raises:
        ConfigError: Another process works on it, or its file cannot be read.
    """
    _route_logs()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.db"
    with _locked(path.with_suffix(".lock"), name), _stored(path) as storage:
        made = optuna.create_study(
            storage=storage, study_name=name, direction="minimize", load_if_exists=True
        )
        if "key" not in made.user_attrs:
            made.set_user_attr("key", uuid4().hex)
        _try_again(made)
        count = len(made.get_trials(deepcopy=False))
        made.sampler = _sampler(search, count)
        made.pruner = (
            optuna.pruners.MedianPruner(
                n_startup_trials=search.n_startup_trials, n_warmup_steps=search.warmup_epochs
            )
            if pruned
            else optuna.pruners.NopPruner()
        )
        yield Study(made, path, search, dimensions)


def why_unpruned(
    search: SearchConfig, base: ForecasterConfig, dimensions: Sequence[Dimension]
) -> str:
    """Return why trials are not pruned although they should be; empty: they are, or need not."""
    if search.pruner == "none":
        return ""
    varied = [d.path for d in dimensions if d.path in NOT_COMPARABLE]
    if not varied and base.scope == "per_series":
        varied = ["scope"]
    if not varied:
        return ""
    return f"no trial is pruned: {varied[0]} is in the way, since {NOT_COMPARABLE[varied[0]]}"


def start_values(base: ForecasterConfig, dimensions: Sequence[Dimension]) -> dict[str, Value]:
    """Return the values that a forecaster has in a space, by path, where they lie in it."""
    values = {}
    for path, distribution in _distributions(dimensions).items():
        value = value_at(base, path)
        if isinstance(distribution, CategoricalDistribution):
            inside = value in distribution.choices
        else:
            inside = distribution.low <= value <= distribution.high  # type: ignore[attr-defined]
        if inside:
            values[path] = value
    return values


def _distributions(dimensions: Sequence[Dimension]) -> dict[str, BaseDistribution]:
    return {dimension.path: _distribution(dimension) for dimension in dimensions}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _sampler(search: SearchConfig, count: int) -> optuna.samplers.BaseSampler:
    """Make the sampler; after `count` trials it must not draw what it drew for the first again."""
    seed = int(np.random.SeedSequence([search.seed, count]).generate_state(1)[0])
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=search.n_startup_trials)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.n_startup_trials)


def _try_again(study: optuna.Study) -> None:
    """End trials of a dead process as failed, and queue their values once more.

    Values under which the process dies every time, for want of memory say, are given up after
    ATTEMPTS. Each step leaves what the next start needs to go on, should this process die as well.
    """
    trials = study.get_trials(deepcopy=False)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    again = {trial.number for trial in running if _attempt(trial) < ATTEMPTS}
    killed = sorted(again | set(study.user_attrs.get("killed", ())))
    study.set_user_attr("killed", killed)
    for trial in running:
        study.tell(trial.number, state=TrialState.FAIL)
    queued = {trial.user_attrs.get("again") for trial in trials}
    for number in killed:
        if number not in queued:
            attempt = _attempt(trials[number]) + 1
            about = {"again": number, "attempt": attempt}
            if attempt == ATTEMPTS:
                about["reason"] = f"its process was killed {ATTEMPTS} times"
            study.enqueue_trial(_values(trials[number]), user_attrs=about)


def _attempt(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("attempt", 1))


def _values(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's values, also where it was cut off before it had taken all it was given."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


@contextmanager
def _stored(path: Path) -> Iterator[optuna.storages.RDBStorage]:
    try:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 30}}
        )
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"study file {path} cannot be used: {reason}; delete it to begin anew"
        ) from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Hold a study's lock; the system frees it when the process dies, whatever kills it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"study {name} is being searched by another process: wait for it, or give another "
                "search.name"
            ) from error
        yield


def _route_logs() -> None:
    """Let Optuna's warnings go the way of all logs, and leave out its line per trial."""
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(logging.WARNING)
