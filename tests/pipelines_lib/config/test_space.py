"""A search space is read against the fields that it varies."""

import pytest
from pydantic import ValidationError

from pipelines_lib.config import ForecasterConfig, SearchConfig, TrainingConfig
from pipelines_lib.config.space import Choices, Range, configure, parse_space
from pipelines_lib.errors import ConfigError

BASE = ForecasterConfig()


def test_parse_space_reads_ranges_and_choices_by_the_fields_type():
    assert parse_space(
        [
            "hidden=16..128 log",
            "dropout = 0 .. 0.5",
            "learning_rate=1e-4..1e-2  log",
            "cell=lstm|gru",
            "bidirectional=true | false",
            "lookback=96|336",
        ],
        BASE,
    ) == [
        Range("hidden", 16, 128, log=True, integer=True),
        Range("dropout", 0, 0.5, log=False, integer=False),
        Range("training.learning_rate", 1e-4, 1e-2, log=True, integer=False),
        Choices("cell", ("lstm", "gru")),
        Choices("bidirectional", (True, False)),
        Choices("lookback", (96, 336)),
    ]


def test_parse_space_takes_the_default_space():
    dimensions = parse_space(SearchConfig().space, BASE)
    assert [str(dimension) for dimension in dimensions][1::4] == [
        "hidden=16..128 log",
        "training.learning_rate=0.0001..0.01 log",
    ]


def test_parse_space_reads_what_a_dimension_writes():
    dimensions = parse_space(["hidden=16..128 log", "cell=lstm|gru", "bidirectional=1|0"], BASE)
    assert parse_space([str(dimension) for dimension in dimensions], BASE) == dimensions


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("hidden=0..128", "'hidden=0..128': .* greater than or equal to 1 .got '0'"),
        ("hidden=8..5000", "less than or equal to 4096 .got '5000'"),
        ("hidden=1.5..3", "valid integer"),
        ("hidden=8..4", "8 must be finite and below 4"),
        ("hidden=8..8", "8 must be finite and below 8"),
        ("clip_norm=1..inf", "less than or equal to 1000000 .got 'inf'"),
        ("dropout=0..0.5 log", "a logarithmic range begins above 0"),
        ("dropout=0..1", "less than 1 .got '1'"),
        ("cell=lstm|gnu", "'lstm', 'gru' or 'rnn' .got 'gnu'"),
        ("cell=lstm|lstm", "a choice stands there twice"),
        ("cell=1..2", "cell is no number, write it as cell=a|b|c"),
        ("colour=1..2", "space entry colour: there is no such parameter"),
        ("features=open|close", "features is a list"),
        ("horizon=1..5", "horizon cannot be searched, trials of it would be judged on other rows"),
        ("sampling_rate=1|2", "sampling_rate cannot be searched"),
        ("test_steps=30..60", "split.test_steps cannot be searched"),
        ("interval=0.5..0.9", "interval cannot be searched, it changes what the interval promises"),
        ("seed=0..9", "the best of many seeds is luck"),
    ],
)
def test_parse_space_refuses_with_the_entry_and_the_reason(entry, sentence):
    with pytest.raises(ConfigError, match=sentence):
        parse_space([entry], BASE)


def test_parse_space_refuses_a_field_twice():
    with pytest.raises(ConfigError, match=r"training.learning_rate stands there twice"):
        parse_space(["learning_rate=0.1..0.2", "training.learning_rate=0.1..0.2"], BASE)


def test_parse_space_refuses_a_forecaster_with_nothing_to_train():
    naive = ForecasterConfig(model="last_value")
    with pytest.raises(ConfigError, match="last_value has nothing to train"):
        parse_space(["hidden=8..16"], naive)
    assert parse_space(["model=linear|last_step"], naive)


@pytest.mark.parametrize("entry", ["hidden", "hidden=", "hidden=8", "=1..2", "hidden 1..2", ""])
def test_search_config_refuses_an_entry_that_is_written_otherwise(entry):
    with pytest.raises(ValidationError, match=r"write it as name=low\.\.high"):
        SearchConfig(space=[entry])


@pytest.mark.parametrize(
    "fields",
    [{"space": []}, {"n_trials": 0}, {"name": "a/b"}, {"name": "A"}, {"timeout_minutes": -1}],
)
def test_search_config_refuses(fields):
    with pytest.raises(ValidationError, match=next(iter(fields))):
        SearchConfig(**fields)


def test_configure_puts_values_at_their_paths():
    made = configure(BASE, {"hidden": 7, "training.learning_rate": 0.5})
    assert made == ForecasterConfig(hidden=7, training=TrainingConfig(learning_rate=0.5))


def test_configure_refuses_values_that_do_not_go_together():
    with pytest.raises(ConfigError, match=r"^segment_steps 24 exceeds lookback 10"):
        configure(ForecasterConfig(model="segment"), {"lookback": 10})
