"""Folds by config, variants by name."""

import pytest
from pydantic import ValidationError

from pipelines_lib.config import BacktestConfig, ForecasterConfig
from pipelines_lib.config.backtest import read_variants
from pipelines_lib.errors import ConfigError

BASE = ForecasterConfig(hidden=16)


@pytest.mark.parametrize(
    ("refit_every", "folds"), [(0, [0]), (1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (9, [0])]
)
def test_backtest_config_says_which_folds_are_fitted(refit_every, folds):
    config = BacktestConfig(refit_every=refit_every)
    assert [fold for fold in range(5) if config.fits_in(fold)] == folds


@pytest.mark.parametrize("fields", [{"window": "sliding"}, {"train_steps": 100}])
def test_backtest_config_refuses_half_a_sliding_window(fields):
    with pytest.raises(ValidationError, match="set both, window=sliding and train_steps"):
        BacktestConfig(**fields)


def test_read_variants_puts_the_base_first_and_changes_what_is_named():
    made = read_variants(
        BASE, ["stacked: layers=2 dropout=0.2", 'wide:hidden=64 features="volatility, calendar"']
    )
    assert list(made) == ["base", "stacked", "wide"]
    assert made["base"] is BASE
    assert (made["stacked"].layers, made["stacked"].dropout, made["stacked"].hidden) == (2, 0.2, 16)
    assert (made["wide"].hidden, made["wide"].features) == (64, ["volatility", "calendar"])


@pytest.mark.parametrize(
    ("variants", "sentence"),
    [
        (["layers=2"], "variant 'layers=2' has no name of letters"),
        (["two words: layers=2"], "has no name"),
        (["base: layers=2"], "variant 'base' is there already"),
        (["a: layers=2", "a: layers=3"], "variant 'a' is there already"),
        (["a:"], "variant 'a:' changes nothing"),
        (["a: layerz=2"], "variant a: layerz: there is no such parameter"),
        (["a: layers=0"], "variant a: layers=0: layers: .* greater than or equal to 1"),
        (['a: features="x'], "No closing quotation: close the quotes"),
        (["a: horizon=9"], "variant a changes horizon to 9: variants are judged on the same"),
        (["a: sampling_rate=2"], "variant a changes sampling_rate to 2"),
    ],
)
def test_read_variants_refuses_with_name_and_remedy(variants, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_variants(BASE, variants)
