import pytest

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.config.overrides import apply_overrides
from pipelines_lib.errors import ConfigError

BASE = ForecasterConfig(hidden=16)


def test_apply_overrides_finds_a_field_by_path_and_by_its_end():
    made = apply_overrides(BASE, ["layers=2", "training.seed=3", "max_epochs=7"], said="variant")
    assert (made.layers, made.training.seed, made.training.max_epochs) == (2, 3, 7)
    assert made.hidden == 16
    assert BASE.layers == 1


def test_apply_overrides_reads_lists_with_commas():
    made = apply_overrides(BASE, ["features=volatility, calendar"], said="variant")
    assert made.features == ["volatility", "calendar"]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("layers", "variant 'layers' has no '=': write it as name=value"),
        ("layerz=2", "variant layerz: there is no such parameter; did you mean layers.$"),
        ("training.batchsize=2", "such parameter; did you mean training.batch_size.$"),
        ("colour=2", "variant colour: there is no such parameter; there are lookback, stride"),
        ("layers=0", "variant layers=0: layers: .* greater than or equal to 1 .got '0'."),
        ("model=transformer", "model: Input should be 'last_step'"),
    ],
)
def test_apply_overrides_refuses_with_name_and_value(override, sentence):
    with pytest.raises(ConfigError, match=sentence):
        apply_overrides(BASE, [override], said="variant")
