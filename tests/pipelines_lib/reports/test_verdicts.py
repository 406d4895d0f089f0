"""What a backtest is said to have shown: sentences for what is real, and for what is not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipelines_lib.comparison import PairedTest
from pipelines_lib.config import BacktestConfig, ForecasterConfig, SplitConfig, TrainingConfig
from pipelines_lib.forecasting.backtest import run_backtest
from pipelines_lib.reports.backtest import draw_backtest, draw_skill_by_series
from pipelines_lib.reports.verdicts import (
    MethodLine,
    make_verdicts,
    summarise_backtest,
    to_markdown,
)


@pytest.fixture(scope="module")
def result(sine_panel, sine_dataset):
    config = ForecasterConfig(
        model="seasonal_naive",
        lookback=20,
        horizon=3,
        features=[],
        target_kind="level",
        split=SplitConfig(validation_steps=20, calibration_steps=30),
        training=TrainingConfig(max_epochs=1),
    )
    return run_backtest(
        sine_panel,
        dataset=sine_dataset,
        config=config,
        backtest=BacktestConfig(n_folds=3, test_steps=30, refit_every=2),
        device=torch.device("cpu"),
        variants=["still: model=last_value"],
    )


def said(metrics, versus=None, direction=None):
    """Return the verdicts on a base with these metrics and tests."""
    made = SimpleNamespace(
        configs={"base": ForecasterConfig()},
        baselines=list(versus or {}),
        overall={"base": SimpleNamespace(metrics={"mase": 0.99, **metrics})},
        versus={"base": versus or {}},
        directions={"base": direction},
    )
    return [(verdict.sentence, verdict.real) for verdict in make_verdicts(made, "base")]


@pytest.mark.parametrize(
    ("theirs", "p", "sentence", "real"),
    [
        (1.002, 0.003, "base beats the last value by 1.2 % (DM p = 0.003)", True),
        (1.002, 0.4, "base cannot be told from the last value (1.2 % less error, DM p = 0.4)",
         False),
        (0.97, 0.0001, "base is worse than the last value by 2.1 % (DM p < 0.001)", True),
        (0.98, 0.06, "base cannot be told from the last value (1.0 % more error, DM p = 0.06)",
         False),
        (1.1, None, "base cannot be told from the last value (10.0 % less error, DM too few "
         "held-out origins to tell: 5; raise test_steps)", False),
    ],
)  # fmt: skip
def test_make_verdicts_on_a_baseline(theirs, p, sentence, real):
    test = PairedTest(0.99 - theirs, 0.0, p, 5)
    found = said({"last_value_mase": theirs}, {"last_value": test})
    assert found == [(sentence, real)]


@pytest.mark.parametrize(
    ("difference", "p", "verdict", "real"),
    [
        (-0.02, 0.01, "more than the", True),
        (0.02, 0.01, "less than the", True),
        (-0.02, 0.3, "cannot be told from the", False),
    ],
)
def test_make_verdicts_on_directions(difference, p, verdict, real):
    metrics = {"direction_pct": 53.04, "direction_majority_pct": 51.0}
    found = said(metrics, direction=PairedTest(difference, 0.0, p, 50))
    sentence = (
        f"base names 53.0 % of directions right: {verdict} 51.0 % of always naming the commoner "
        f"one (p = {p})"
    )
    assert found == [(sentence, real)]


@pytest.mark.parametrize(
    ("t", "p", "sentence", "real"),
    [
        (4.1, 0.0001, "base orders the series better than chance (rank correlation +0.066, t = 4.1 "
         "over 250 origins)", True),
        (-4.1, 0.0001, "base orders the series worse than chance", True),
        (1.2, 0.23, "base's order of the series cannot be told from chance", False),
    ],
)  # fmt: skip
def test_make_verdicts_on_the_order_of_series(t, p, sentence, real):
    metrics = {"rank_correlation": 0.066, "rank_correlation_t": t, "rank_origins": 250.0}
    metrics["rank_correlation_p"] = p
    (found,) = said(metrics)
    assert found[0].startswith(sentence)
    assert found[1] == real


def test_summarise_backtest_puts_variants_before_baselines(result):
    summary = summarise_backtest(
        result, dataset="sensors", target="value", unit="degC", folds="3 folds"
    )
    assert [line.name for line in summary.lines] == [
        "base",
        "still",
        "seasonal naive",
        "last value",
        "drift",
    ]
    # 30 steps hold 28 windows of 3 targets, of 4 series; 3 folds.
    assert (summary.windows, summary.origins, summary.n_series) == (336, 84, 4)
    assert (summary.first, summary.last) == ("2024-01-14 18:00", "2024-01-18 09:00")
    assert summary.lines[2].metrics["mase"] == result.overall["base"].metrics["seasonal_naive_mase"]
    sentences = [verdict.sentence for verdict in summary.verdicts]
    assert "still cannot be told from the last value (0.0 % less error, DM p = 1)" in sentences
    assert not [s for s in sentences if "still names" in s]  # it never moves
    assert "| still | last value | " in to_markdown(summary)
    text = to_markdown(replace(summary, final="v2 is challenger", left_out={"E": "too short"}))
    assert "| last value | baseline |" in text
    assert "- **Unproven**: still cannot be told from the last value" in text
    assert "- **Final fit**: v2 is challenger" in text
    assert "| E | too short |" in text


def test_backtest_headline_tells_of_the_best_baseline_too(result):
    summary = summarise_backtest(
        result, dataset="sensors", target="value", unit="degC", folds="3 folds"
    )
    assert summary.lines[2].name == "seasonal naive"  # the best baseline
    first, second = summary.headline.split("; ")
    assert first == summary.verdicts[0].sentence
    assert "the seasonal naive" in second
    lines = [line for line in summary.lines if line.name != "seasonal naive"]
    assert replace(summary, lines=lines).headline == first


@pytest.mark.parametrize(
    ("mase", "shown"), [(2.7, "2.70"), (0.28, "0.280"), (12.345, "12.35"), (1e-5, "1e-05")]
)
def test_method_line_shows_three_figures(mase, shown):
    assert MethodLine("base", "linear", {"mase": mase}).cells()[2] == shown


def test_draw_backtest_draws_variants_and_baselines(result, sine_panel):
    figures = draw_backtest(result, sine_panel, unit="degC")
    assert set(figures) == {
        "error_by_horizon", "error_by_fold", "skill_by_series", "coverage_by_step",
        "forecast_1", "example",
    }  # fmt: skip
    errors, skills = figures["error_by_fold"].axes
    assert len(errors.lines) == 5
    of = {line.get_label(): np.array(line.get_ydata()).tolist() for line in errors.lines}
    assert of["base"] == [fold.evaluations["base"].metrics["mase"] for fold in result.folds]
    gained = {line.get_label(): line.get_ydata() for line in skills.lines}
    assert {"base", "still", "seasonal naive", "last value", "drift"} <= set(gained)
    assert list(gained["still"]) == pytest.approx([0, 0, 0], abs=1e-9)
    rings = errors.collections
    assert [len(ring.get_offsets()) for ring in rings] == [2, 2]  # folds 1 and 3 were fitted anew
    skill = figures["skill_by_series"].axes[0].lines
    assert [len(line.get_ydata()) for line in skill[:2]] == [4, 4]
    coverage = figures["coverage_by_step"].axes[0].lines
    assert list(coverage[0].get_ydata()) == [90.0, 90.0]
    expected = result.overall["base"].by_horizon["coverage_pct"].tolist()
    assert list(coverage[1].get_ydata()) == expected


def test_draw_backtest_shows_forecasts_that_follow_each_other(result, sine_panel):
    axes = draw_backtest(result, sine_panel, unit="degC")["example"].axes[0]
    actual, *forecasts = axes.lines
    # 28 windows of the newest fold, every third of them, each with its origin.
    assert {len(line.get_ydata()) for line in forecasts} == {4}
    assert len(forecasts) == 10
    assert len(actual.get_ydata()) == 40
    for line in forecasts:
        assert line.get_ydata()[0] in actual.get_ydata()


def test_draw_skill_by_series_of_many_series_is_a_histogram(result):
    table = result.overall["base"].by_series
    many = table.loc[np.zeros(100, dtype=int)].assign(skill_pct=np.linspace(-10, 30, 100))
    axes = draw_skill_by_series({"base": many.reset_index(drop=True)}).axes[0]
    assert sum(patch.get_path().vertices.shape[0] > 10 for patch in axes.patches) == 1
    _, labels = axes.get_legend_handles_labels()
    assert labels == ["base, 75 % above 0", "last value"]


def test_make_verdicts_of_a_variant_name_the_last_value_the_best_baseline_and_the_base(result):
    said_of = [verdict.sentence for verdict in make_verdicts(result, "still")]
    assert [s.split(" (")[0] for s in said_of] == [
        "still cannot be told from the last value",
        f"still is worse than the seasonal naive by {worse(result):.1f} %",
        f"still is worse than base by {worse(result):.1f} %",
    ]


def worse(result):
    metrics = result.overall["base"].metrics
    return 100 * (metrics["last_value_mase"] / metrics["seasonal_naive_mase"] - 1)
