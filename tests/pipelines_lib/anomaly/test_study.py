"""One history by itself, in both modes."""

import numpy as np
import pytest

from pipelines_lib.anomaly.study import raise_alarms, rate_errors, score_history
from pipelines_lib.config import DetectorConfig, EventConfig, ThresholdConfig, TrainingConfig
from pipelines_lib.errors import SeriesError

FEW = TrainingConfig(max_epochs=1, batch_size=64, windows_per_epoch=512, learning_rate=0.01)
SMALL = DetectorConfig(hidden=8, bottleneck=4, lookback=12, smoothing_steps=6, training=FEW)
MODES = ["causal", "retrospective"]


@pytest.fixture(scope="module")
def shifted():
    """Return a noisy sine whose level rises from step 450 to 480."""
    rng = np.random.default_rng(0)
    values = np.sin(2 * np.pi * np.arange(600) / 24) + 0.1 * rng.normal(size=600)
    values[450:480] += 3.0
    return values[:, None]


@pytest.fixture(scope="module", params=MODES)
def study(request, shifted):
    return score_history(shifted, n_train=300, mode=request.param, seed=0, config=SMALL)


def test_score_history_rises_where_the_level_shifts(study):
    assert study.score.shape == (600,)
    known = np.isfinite(study.score)
    assert known[100:580].all()
    assert 445 <= np.nanargmax(study.score) <= 490
    assert np.nanmax(study.score[450:486]) > 2 * np.nanmax(study.score[100:440])


def test_score_history_tells_what_each_method_would_say_alone(study):
    assert {"forecast", "autoencoder", "pca", "energy", "shift"} <= set(study.alone)
    for name, alone in study.alone.items():
        assert alone.shape == (600,), name
        assert np.nanmin(alone) >= 0
        assert np.nanmax(alone[450:486]) > 0
    assert study.cpu_s_train > 0
    assert study.cpu_s_score > 0


@pytest.mark.parametrize("mode", MODES)
def test_score_history_is_the_same_for_a_seed(shifted, mode):
    def score(seed):
        return score_history(shifted, n_train=300, mode=mode, seed=seed, config=SMALL)

    one, again, other = score(3), score(3), score(4)
    np.testing.assert_array_equal(one.score, again.score)
    np.testing.assert_array_equal(one.alone["autoencoder"], again.alone["autoencoder"])
    assert (one.score != other.score).mean() > 0.5


def test_score_history_causal_knows_nothing_later(shifted):
    changed = shifted.copy()
    changed[400:] = 7.0
    one, other = (
        score_history(values, n_train=300, mode="causal", seed=0, config=SMALL)
        for values in (shifted, changed)
    )
    np.testing.assert_array_equal(one.score[:400], other.score[:400])
    for name in one.alone:
        np.testing.assert_array_equal(one.alone[name][:400], other.alone[name][:400])
    assert (one.score[400:] != other.score[400:]).mean() > 0.5


def test_score_history_adds_energy_where_there_are_many_features(shifted):
    both = np.hstack([shifted, shifted[::-1]])
    study = score_history(both, n_train=300, mode="causal", seed=0, config=SMALL)
    assert np.isfinite(study.score[100:]).all()
    assert not np.array_equal(study.score, study.alone["forecast"])


@pytest.mark.parametrize("mode", MODES)
def test_score_history_refuses_too_short_a_history(mode):
    values = np.random.default_rng(0).normal(size=(60, 1))
    values[5:40] = np.nan
    with pytest.raises(
        SeriesError, match=r"known steps to learn from, a detector needs 40: give a longer history"
    ):
        score_history(values, n_train=50, mode=mode, seed=0, config=SMALL)


def test_score_history_refuses_a_history_without_a_whole_window():
    values = np.random.default_rng(0).normal(size=(300, 1))
    values[::10] = np.nan
    with pytest.raises(SeriesError, match="no series has 20 known steps in a row"):
        score_history(values, n_train=300, mode="causal", seed=0, config=SMALL)


@pytest.mark.parametrize("mode", MODES)
def test_score_history_of_a_constant_history_is_calm(mode):
    study = score_history(np.full((200, 1), 5.0), n_train=100, mode=mode, seed=0, config=SMALL)
    # The first steps are forecast, or rebuilt, from fewer windows than those in the middle.
    assert np.abs(study.score[100:160]).max() < 0.2


@pytest.mark.parametrize(("max_gap", "gap"), [(-1, 24), (0, 0), (7, 7)])
def test_score_history_gives_the_gap_of_the_config_or_two_windows(shifted, max_gap, gap):
    config = SMALL.model_copy(update={"events": EventConfig(max_gap=max_gap)})
    assert score_history(shifted, n_train=300, mode="causal", seed=0, config=config).max_gap == gap


def test_rate_errors_makes_a_score_of_raw_errors():
    errors = np.r_[np.tile([1.0, 3.0], 15), 2 + np.e - 1]
    causal = rate_errors(errors, mode="causal")
    assert np.isnan(causal[:30]).all()
    assert causal[30] == pytest.approx(1.0)
    whole = rate_errors(np.array([1.0, 2.0, 3.0, 2.0, 12.0]), mode="retrospective")
    assert whole == pytest.approx([0, 0, np.log1p(1 / 1.4826), 0, np.log1p(10 / 1.4826)])


def test_raise_alarms_only_after_what_was_learned():
    score = np.r_[np.full(40, 0.5), np.full(20, 0.5), 5.0, 0.5]
    score[10] = 5.0
    alarms = raise_alarms(score, n_train=40)
    assert np.flatnonzero(alarms).tolist() == [60]
    strict = DetectorConfig(threshold=ThresholdConfig(k=100))  # log1p(100) = 4.6
    assert np.flatnonzero(raise_alarms(score, n_train=40, config=strict)).tolist() == [60]
    # Step 60 begins a block. Before it: one score of 5 among 59 of .5, a mean of .575 and a
    # deviation of .576.
    for k, found in ((7.6, [60]), (7.8, [])):
        of_past = DetectorConfig(threshold=ThresholdConfig(kind="k_sigma", k=k))
        assert np.flatnonzero(raise_alarms(score, n_train=40, config=of_past)).tolist() == found
