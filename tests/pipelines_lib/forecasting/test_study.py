"""A study goes on after any end, never repeats what is done, and compares only like with like."""

import subprocess
import sys

import pytest
from optuna.trial import TrialState

from pipelines_lib.config import ForecasterConfig, SearchConfig
from pipelines_lib.config.space import parse_space
from pipelines_lib.errors import ConfigError
from pipelines_lib.forecasting.study import ATTEMPTS, start_values, why_unpruned
from tests.pipelines_lib.forecasting.searching import BASE, opened, run_all, search_config, select
from tests.support import ROOT


def test_open_study_after_a_kill_goes_on_without_repeating_a_trial(tmp_path):
    command = [sys.executable, "-m", "tests.pipelines_lib.forecasting.searching", tmp_path, "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "trial 2\n":
                break
        process.kill()
    assert process.returncode == -9

    search = search_config()
    with opened(tmp_path, search) as study:
        done = {trial.number: trial.params for trial in study.ended}
        assert list(done) == [0, 1]
        cut_off = study.record.trials[2]
        assert cut_off.state == TrialState.FAIL
        outcomes = run_all(study, select(search))
        ended = study.ended
    assert len(outcomes) == 2
    assert outcomes[0].values == cut_off.params
    assert len(ended) == search.n_trials == 4
    assert {trial.number: trial.params for trial in ended[:2]} == done
    assert {trial.state for trial in ended} == {TrialState.COMPLETE}
    # The sampler does not draw once more what it drew for the first trials.
    assert len({str(trial.params) for trial in ended}) == 4

    with opened(tmp_path, search) as study:
        assert run_all(study, None) == []
        assert len(study.record.trials) == 5


def test_open_study_gives_up_values_that_kill_their_process_every_time(tmp_path):
    search = search_config(n_trials=1)
    for _ in range(ATTEMPTS):
        with opened(tmp_path, search) as study:
            trial = study.ask()  # and the process dies
            assert trial.params["hidden"] == BASE.hidden
    with opened(tmp_path, search) as study:
        assert [t.state for t in study.record.trials] == [TrialState.FAIL] * ATTEMPTS
        assert [t.user_attrs["reason"] for t in study.ended] == ["its process was killed 3 times"]


def test_open_study_asked_for_more_trials_goes_on(tmp_path):
    search = search_config(n_trials=2)
    with opened(tmp_path, search) as study:
        assert len(run_all(study, select(search))) == 2
    more = search_config(n_trials=3, sampler="random", seed=9)
    with opened(tmp_path, more) as study:
        assert [outcome.number for outcome in run_all(study, select(more))] == [2]


def test_open_study_lets_one_process_in(tmp_path):
    search = search_config()
    with (
        opened(tmp_path, search),
        pytest.raises(ConfigError, match="study sensors is being searched by another process"),
        opened(tmp_path, search),
    ):
        pass
    with opened(tmp_path, search, name="other") as study:
        assert study.name == "other"


def test_open_study_of_a_broken_file_says_what_to_do(tmp_path):
    (tmp_path / "sensors.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with (
        pytest.raises(ConfigError, match=r"sensors\.db cannot be used: .* delete it"),
        opened(tmp_path, search_config()),
    ):
        pass


def test_claim_refuses_other_inputs_than_the_study_was_begun_with(tmp_path):
    with opened(tmp_path, search_config()) as study:
        study.claim({"space": "hidden=2..8", "history": "abc", "until": "2024-01-02"})
        assert study.until == "2024-01-02"
        study.claim({"space": "hidden=2..8", "history": "abc"})
    with (
        opened(tmp_path, search_config()) as study,
        pytest.raises(ConfigError, match=r"begun with another space, .* another search\.name"),
    ):
        study.claim({"space": "hidden=2..9", "history": "abc"})


def test_open_study_tells_studies_of_one_name_apart(tmp_path):
    keys = set()
    for home in ("a", "b", "a"):
        with opened(tmp_path / home, search_config()) as study:
            keys.add(study.key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("entry", "base", "sentence"),
    [
        ("hidden=2..8", {}, ""),
        ("scaler=minmax|standard", {}, "scaler is in the way, since losses are in scaled units"),
        ("target_kind=level|log_return", {}, "target_kind is in the way"),
        ("loss=mse|mae", {}, "training.loss is in the way"),
        ("hidden=2..8", {"scope": "per_series"}, "scope is in the way"),
    ],
)
def test_why_unpruned_names_the_field_that_makes_losses_incomparable(entry, base, sentence):
    config = ForecasterConfig(**base)
    dimensions = parse_space([entry], config)
    said = why_unpruned(SearchConfig(), config, dimensions)
    assert (sentence in said) if sentence else said == ""
    assert why_unpruned(SearchConfig(pruner="none"), config, dimensions) == ""


def test_start_values_leaves_out_what_lies_outside_the_space():
    dimensions = parse_space(["hidden=16..64", "lookback=10..60", "cell=gru|rnn"], BASE)
    assert start_values(BASE, dimensions) == {"lookback": 12}
