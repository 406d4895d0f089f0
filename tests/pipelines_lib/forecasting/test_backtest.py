"""Walking forward: what is judged, what is compared, and that no fold knows what comes later."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.config import BacktestConfig, SplitConfig, TrainingConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.backtest import (
    make_comparison,
    make_fold_table,
    run_backtest,
    split_folds,
)
from pipelines_lib.series.splits import Span, Split

CPU = torch.device("cpu")
SPLIT = SplitConfig(validation_steps=20, calibration_steps=30)
TWO = BacktestConfig(n_folds=2, test_steps=40)
NAIVE = ["last_value", "drift", "seasonal_naive"]


@pytest.fixture(scope="module")
def config(forecaster_config):
    training = TrainingConfig(max_epochs=2, batch_size=32, learning_rate=0.02)
    return forecaster_config.model_copy(
        update={"split": SPLIT, "training": training, "target_kind": "level"}
    )


@pytest.fixture(scope="module")
def backtest(sine_panel, sine_dataset, config):
    def run(panel=sine_panel, folds=TWO, base=config, **more):
        return run_backtest(
            panel, dataset=sine_dataset, config=base, backtest=folds, device=CPU, **more
        )

    return run


@pytest.fixture(scope="module")
def result(backtest):
    return backtest(variants=["narrow: hidden=2 lookback=30", "naive: model=seasonal_naive"])


def test_split_folds_take_validation_and_calibration_from_the_end_of_the_training_span(
    sine_panel, config
):
    first = int(sine_panel.position.min())
    parts = [((0, 274), (280, 299), (305, 334), (340, 379)),
             ((0, 314), (320, 339), (345, 374), (380, 419))]  # fmt: skip
    assert split_folds(sine_panel, config, TWO) == [
        Split(*[Span(first + a, first + b) for a, b in fold]) for fold in parts
    ]


def test_split_folds_slide_with_the_length_they_are_told(sine_panel, config):
    first = int(sine_panel.position.min())
    folds = BacktestConfig(n_folds=2, test_steps=40, window="sliding", train_steps=200)
    made = split_folds(sine_panel, config, folds)
    assert [split.train.first - first for split in made] == [135, 175]
    assert [split.calibration.last - split.train.first + 1 for split in made] == [200, 200]


def test_split_folds_take_the_longer_of_gap_and_horizon(sine_panel, config):
    wider = config.model_copy(update={"split": SPLIT.model_copy(update={"gap_steps": 9})})
    for split in split_folds(sine_panel, wider, TWO):
        assert split.test.first - split.calibration.last - 1 == 9


def test_split_folds_refuse_too_many_folds(sine_panel, config):
    with pytest.raises(SeriesError, match="do not hold 20 folds of 40 with a gap of 5; lower n_"):
        split_folds(sine_panel, config, BacktestConfig(n_folds=20, test_steps=40))


def test_run_backtest_judges_every_window_of_every_fold_once(result, sine_panel):
    # 40 steps hold 36 windows of 5 targets, of 4 series.
    assert [fold.evaluations["base"].metrics["test_windows"] for fold in result.folds] == [144] * 2
    judged = result.overall["base"].judged
    assert len(judged.series) == 288
    assert len({*zip(judged.series, judged.position, strict=True)}) == 288
    positions = np.unique(judged.position) - sine_panel.position.min()
    assert positions.tolist() == [*range(339, 375), *range(379, 415)]


def test_run_backtest_judges_variants_on_the_very_same_windows(result):
    base = result.overall["base"].judged
    for evaluation in result.overall.values():
        assert np.array_equal(evaluation.judged.position, base.position)
        assert np.array_equal(evaluation.judged.actual, base.actual)
        assert np.array_equal(evaluation.judged.unit, base.unit)
        for name in NAIVE:
            assert evaluation.metrics[f"{name}_mase"] == base_metrics(result, f"{name}_mase")


def base_metrics(result, name):
    return result.overall["base"].metrics[name]


def test_run_backtest_tests_a_naive_variant_against_itself(result):
    assert result.versus["naive"]["seasonal_naive"].difference == pytest.approx(0, abs=1e-9)
    assert result.overall["naive"].metrics["mase"] == pytest.approx(
        base_metrics(result, "seasonal_naive_mase")
    )
    assert set(result.versus["naive"]) == {*NAIVE, "base", "narrow"}
    assert result.versus["base"]["narrow"].statistic == pytest.approx(
        -result.versus["narrow"]["base"].statistic
    )
    assert result.versus["base"]["last_value"].origins == 72


def test_run_backtest_fits_a_fold_as_fit_forecaster_would(backtest, fit_sine, config, sine_panel):
    one = backtest(folds=BacktestConfig(n_folds=1, test_steps=60))
    alone = fit_sine(**{**dict(config), "split": SPLIT.model_copy(update={"test_steps": 60})})
    assert one.folds[0].evaluations["base"].metrics == pytest.approx(alone.evaluation.metrics)


@pytest.mark.parametrize(("refit_every", "fitted"), [(0, [1]), (1, [1, 2, 3]), (2, [1, 3])])
def test_run_backtest_refits_by_rule(backtest, config, refit_every, fitted):
    folds = BacktestConfig(n_folds=3, test_steps=30, refit_every=refit_every)
    quick = config.model_copy(update={"model": "drift"})
    seen = []
    made = backtest(folds=folds, base=quick, on_fold=seen.append)
    assert [fold.number for fold in made.folds if fold.refitted] == fitted
    assert seen == made.folds


def test_run_backtest_never_refitted_keeps_scale_and_model(backtest, config):
    once = backtest(folds=TWO.model_copy(update={"refit_every": 0}))
    first, second = (fold.evaluations["base"].judged for fold in once.folds)
    assert np.array_equal(np.unique(first.unit), np.unique(second.unit))
    again = backtest()
    same = once.folds[0].evaluations["base"].metrics
    assert again.folds[0].evaluations["base"].metrics == pytest.approx(same)
    assert again.folds[1].evaluations["base"].metrics["mae"] != pytest.approx(
        once.folds[1].evaluations["base"].metrics["mae"], rel=1e-6
    )


def shaken(panel, rows):
    values = panel.values.copy()
    values[rows] += np.random.default_rng(9).normal(5, 3, (int(rows.sum()), 1))
    return replace(panel, values=values)


def test_run_backtest_of_a_fold_does_not_know_what_comes_after_its_test(
    backtest, result, sine_panel
):
    after = sine_panel.position > result.folds[0].split.test.last
    changed = backtest(shaken(sine_panel, after), variants=["narrow: hidden=2 lookback=30"])
    for name in ("base", "narrow"):
        ours, theirs = (r.folds[0].evaluations[name] for r in (result, changed))
        assert theirs.metrics == ours.metrics
        assert theirs.by_series.equals(ours.by_series)
    assert (
        changed.folds[1].evaluations["base"].metrics["mae"]
        > 1.5 * (result.folds[1].evaluations["base"].metrics["mae"])
    )


def test_run_backtest_of_a_fold_learns_nothing_from_its_test(backtest, config, sine_panel):
    one = BacktestConfig(n_folds=1, test_steps=40)
    made = backtest(folds=one)
    in_test = sine_panel.position >= made.folds[0].split.test.first
    changed = backtest(shaken(sine_panel, in_test), folds=one)
    ours, theirs = (r.overall["base"].judged for r in (made, changed))
    # The first origin of each series lies before the test: the same forecast from the same past.
    first = ours.position < made.folds[0].split.test.first
    assert first.sum() == 4
    for end in ("lower", "upper"):
        assert np.array_equal(getattr(ours, end)[first], getattr(theirs, end)[first])
    assert np.array_equal(ours.forecasts["model"][first], theirs.forecasts["model"][first])
    assert not np.array_equal(ours.actual[first], theirs.actual[first])
    assert np.array_equal(ours.unit, theirs.unit)


def test_run_backtest_judges_only_series_that_the_fold_s_model_knows(
    backtest, panel_of, sine_panel
):
    values = {name: sine_panel.values[420 * i : 420 * (i + 1), 0] for i, name in enumerate("AB")}
    late = panel_of({"A": values["A"], "B": values["B"][330:]}, start={"B": 330})
    made = backtest(late, folds=TWO.model_copy(update={"refit_every": 0}))
    assert [fold.evaluations["base"].by_series["series_id"].tolist() for fold in made.folds] == [
        ["A"],
        ["A"],
    ]


def test_run_backtest_of_a_fold_without_windows_names_it(backtest, panel_of, sine_panel):
    values = sine_panel.values[:420, 0].copy()
    values[[382, 400, 415]] = np.nan  # a window needs 20 steps and 5 more
    with pytest.raises(SeriesError, match="fold 2 has no test window that every variant can"):
        backtest(panel_of({"A": values}), folds=TWO.model_copy(update={"refit_every": 0}))


def test_make_comparison_has_variants_then_baselines(result):
    table = make_comparison(result).set_index("variant")
    assert list(table.index[:3]) == ["base", "narrow", "naive"]
    assert set(table.index[3:]) == set(NAIVE)
    assert table.loc["base", "model"] == "last-step LSTM"
    assert table.loc["drift", "mase"] == base_metrics(result, "drift_mase")
    assert table["best_baseline"].dropna().unique().tolist() == [table.index[3]]
    assert table["mase"].iloc[3:].is_monotonic_increasing
    assert table.loc["narrow", "p_vs_base"] == result.versus["narrow"]["base"].p
    assert np.isnan(table.loc["base", "p_vs_base"])
    assert table.loc["base", "seconds"] > 0


def test_make_fold_table_has_a_row_for_each_fold_and_variant(result):
    table = make_fold_table(result)
    assert table[["fold", "variant"]].to_numpy().tolist() == [
        [fold, name] for fold in (1, 2) for name in ("base", "narrow", "naive")
    ]
    assert table["mae"].notna().all()
    # The tests begin at steps 340 and 380; the last window's first target is 4 before the end.
    assert table["test_from"].astype(str).unique().tolist() == [
        "2024-01-15 04:00:00",
        "2024-01-16 20:00:00",
    ]
    assert str(table["test_until"].max()) == "2024-01-18 07:00:00"
