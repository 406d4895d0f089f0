"""A search finds what is better, ends what is hopeless, and tells what the winner is worth."""

import math

import numpy as np
import pytest
import torch

from pipelines_lib.config import TrainingConfig
from pipelines_lib.config.space import configure
from pipelines_lib.errors import TrainingError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.forecasting.metrics import MODEL
from pipelines_lib.forecasting.search import (
    count_states,
    find_best,
    judge_best,
    tabulate_trials,
    trials_to_run,
    weigh_values,
)
from tests.pipelines_lib.forecasting.searching import (
    BASE,
    CPU,
    DATASET,
    make_sines,
    opened,
    run_all,
    search_config,
    select,
)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_run_trial_searches_with_every_sampler(tmp_path, sampler):
    search = search_config(sampler=sampler, n_trials=5)
    with opened(tmp_path, search) as study:
        outcomes = run_all(study, select(search))
        number, values, mase = find_best(study)
    assert [outcome.number for outcome in outcomes] == [0, 1, 2, 3, 4]
    assert outcomes[0].config == BASE  # what it starts from is the first trial
    assert outcomes[0].values == {
        "hidden": 4, "training.learning_rate": 0.02, "lookback": 12
    }  # fmt: skip
    assert {outcome.state for outcome in outcomes} == {"complete"}
    assert mase == min(outcome.mase for outcome in outcomes)
    assert values == outcomes[number].values
    assert outcomes[number].config == configure(BASE, values)
    assert len({str(outcome.values) for outcome in outcomes}) == 5
    assert [epoch.epoch for epoch in outcomes[1].epochs] == [1, 2]


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_trials_to_run_are_proposed_by_what_the_trials_before_taught(tmp_path, sampler):
    """The error falls from 0.01 towards 1: there they look, after a few trials everywhere."""
    search = search_config(sampler=sampler, n_trials=14, space=["learning_rate=1e-4..1 log"])
    with opened(tmp_path, search) as study:
        for rate in (1e-4, 1e-3, 3e-4, 0.9, 0.3, 0.5, 1e-1, 2e-4):
            study.record.enqueue_trial({"training.learning_rate": rate})
        rates = []
        for trial in trials_to_run(study):
            rates.append(trial.params["training.learning_rate"])
            study.record.tell(trial, math.log(rates[-1]) ** 2 if rates[-1] > 0.01 else 100.0)
    assert np.median(rates[9:]) > 0.1


def test_run_trial_ends_a_hopeless_trial_early(tmp_path):
    # A learning rate of 1e-9 learns nothing; by the second epoch it is behind.
    search = search_config(
        space=["training.learning_rate=1e-9|0.02|0.05"], pruner="median", warmup_epochs=1
    )
    base = BASE.model_copy(
        update={"training": TrainingConfig(max_epochs=5, batch_size=64, learning_rate=0.02)}
    )
    with opened(tmp_path, search, base) as study:
        for rate in (0.05, 1e-9):
            study.record.enqueue_trial({"training.learning_rate": rate})
        outcomes = run_all(study, select(search, base=base), base)
    assert [outcome.state for outcome in outcomes[:3]] == ["complete", "complete", "pruned"]
    assert len(outcomes[2].epochs) == 1
    assert "in epoch 1: half of the trials before it were better" in outcomes[2].reason
    assert math.isnan(outcomes[2].mase)


def test_run_trial_of_several_members_is_followed_by_the_first(tmp_path):
    search = search_config(space=["members=2|3", "model=linear|last_step"], n_trials=1)
    base = BASE.model_copy(update={"members": 2})
    seen = []
    with opened(tmp_path, search, base) as study:
        [outcome] = run_all(
            study, select(search, base=base), base, lambda trial, epoch: seen.append(epoch.epoch)
        )
        [trial] = study.ended
    assert seen == [1, 2, 1, 2]
    assert [epoch.epoch for epoch in outcome.epochs] == [1, 2]
    assert trial.intermediate_values == {
        epoch.epoch: epoch.validation_loss for epoch in outcome.epochs
    }


def test_run_trial_prunes_values_that_do_not_go_together(tmp_path):
    search = search_config(space=["lookback=6..12"], n_trials=2)
    base = BASE.model_copy(update={"min_lookback": 10})
    with opened(tmp_path, search, base) as study:
        study.record.enqueue_trial({"lookback": 7})
        outcomes = run_all(study, select(search, base=base), base)
        table = tabulate_trials(study)
    assert [outcome.state for outcome in outcomes] == ["complete", "pruned"]
    assert outcomes[1].reason == "min_lookback 10 exceeds lookback 7: lower it"
    assert table["reason"].tolist()[1] == outcomes[1].reason
    assert count_states(table) == {"complete": 1, "pruned": 1, "failed": 0}


def test_run_trial_of_a_training_that_diverges_fails_and_the_search_goes_on(tmp_path):
    training = BASE.training.model_copy(update={"loss": "mae"})
    base = BASE.model_copy(
        update={"scaler": "none", "target_kind": "level", "season": 24, "training": training}
    )
    search = search_config(space=["loss=mae|mse"], n_trials=3)
    panel = make_sines()
    panel.values[:] *= 1e25  # whose square is no float32
    with opened(tmp_path, search, base) as study:
        for loss in ("mse", "mae"):
            study.record.enqueue_trial({"training.loss": loss})
        outcomes = run_all(study, select(search, panel, base), base)
    assert [outcome.state for outcome in outcomes] == ["complete", "failed", "complete"]
    assert outcomes[1].reason.startswith("training loss is inf in epoch 1")


def test_run_trial_that_does_not_fit_on_the_device_fails(tmp_path):
    def run_out(trial, report):
        raise torch.OutOfMemoryError("CUDA out of memory")

    search = search_config(n_trials=1)
    with opened(tmp_path, search) as study:
        [outcome] = run_all(study, select(search), on_epoch=run_out)
    assert (outcome.state, outcome.reason) == ("failed", "CUDA out of memory")


def test_run_trial_that_breaks_is_tried_again(tmp_path):
    def break_off(trial, report):
        raise ZeroDivisionError

    search = search_config(n_trials=1)
    with (
        opened(tmp_path, search) as study,
        pytest.raises(ZeroDivisionError),
    ):
        run_all(study, select(search), on_epoch=break_off)
    with opened(tmp_path, search) as study:
        [outcome] = run_all(study, select(search))
    assert (outcome.number, outcome.state, outcome.config) == (1, "complete", BASE)


def test_run_trial_of_values_that_were_tried_takes_the_outcome(tmp_path):
    search = search_config(space=["lookback=6|12"], n_trials=3)
    with opened(tmp_path, search) as study:
        study.record.enqueue_trial({"lookback": 12})
        first, second, _ = run_all(study, select(search))
    assert second.mase == first.mase
    assert second.reason == "the same values as trial 0: not run again"
    assert second.epochs == []


def test_trials_to_run_ends_when_the_time_is_over(tmp_path):
    search = search_config(timeout_minutes=2.0)
    clock = iter([0.0, 119.0, 120.0])
    with opened(tmp_path, search) as study:
        run = 0
        for trial in trials_to_run(study, now=lambda: next(clock)):
            study.record.tell(trial, 1.0)
            run += 1
    assert run == 1


def test_find_best_of_no_complete_trial_says_why(tmp_path):
    search = search_config(space=["lookback=6..8"], n_trials=2)
    base = BASE.model_copy(update={"min_lookback": 10})
    with opened(tmp_path, search, base) as study:
        run_all(study, None, base)
        with pytest.raises(TrainingError, match=r"none of 2 trials .* min_lookback 10 exceeds"):
            find_best(study)


def test_judge_best_judges_winner_and_base_on_the_same_held_out_rows():
    panel = make_sines()
    values = panel.values.copy()
    values[265] = np.nan  # the longer lookback cannot forecast from the rows after it
    panel.values[:] = values
    best = BASE.model_copy(update={"lookback": 20, "hidden": 6})
    verdict = judge_best(panel, dataset=DATASET, base=BASE, best=best, device=CPU)
    fits = {"best": best, "base": BASE}
    fits = {
        name: fit_forecaster(panel, dataset=DATASET, config=config, device=CPU)
        for name, config in fits.items()
    }
    rows = set(fits["best"].test_origins) & set(fits["base"].test_origins)
    assert verdict.windows == len(rows) < len(fits["base"].test_origins)
    for name, fitted in fits.items():
        judged = [row in rows for row in fitted.test_origins]
        expected = fitted.evaluation.losses[MODEL][judged].mean()
        assert verdict.mase[name] == pytest.approx(expected, rel=1e-12)
    assert set(verdict.mase) == {"best", "base", "last_value", "drift", "seasonal_naive"}
    assert verdict.best_baseline == "seasonal_naive"


def test_judge_best_fits_once_where_nothing_better_was_found():
    verdict = judge_best(make_sines(), dataset=DATASET, base=BASE, best=BASE, device=CPU)
    assert verdict.best is verdict.base
    assert verdict.mase["best"] == verdict.mase["base"]


def test_weigh_values_finds_the_field_that_matters(tmp_path):
    search = search_config(space=["learning_rate=1e-4..1e-1 log", "clip_norm=1..2"], n_trials=10)
    with opened(tmp_path, search) as study:
        assert weigh_values(study) == {}
        for trial in trials_to_run(study):
            study.record.tell(trial, math.log(trial.params["training.learning_rate"]))
        weights = weigh_values(study)
    assert weights["training.learning_rate"] > 0.6
    assert sum(weights.values()) == pytest.approx(1)
