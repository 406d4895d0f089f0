"""What a classifier's config refuses, and which polarity its classes have."""

import pytest
from pydantic import ValidationError

from pipelines_lib.config import ClassifierConfig, TextSplitConfig, TrainingConfig


@pytest.mark.parametrize("entry", ["good", "=1", "good=2", "good=much"])
def test_config_refuses_a_value_that_is_no_polarity(entry):
    with pytest.raises(ValidationError, match="write it as class=value, -1 to 1"):
        ClassifierConfig(values=[entry])


def test_config_refuses_a_loss_that_it_would_not_learn_by():
    with pytest.raises(ValidationError, match="'mae': a classifier learns by cross entropy"):
        ClassifierConfig(training=TrainingConfig(loss="mae"))


def test_config_refuses_parts_that_leave_nothing_to_learn_from():
    with pytest.raises(ValidationError, match="leave less than a tenth to learn from"):
        ClassifierConfig(split=TextSplitConfig(validation_share=0.45, test_share=0.45))


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["negative", "neutral", "positive"], [-1.0, 0.0, 1.0]),
        (["0", "1"], [-1.0, 1.0]),
        (["Greek", "Irish"], None),
    ],
)
def test_polarity_of_knows_usual_names(classes, expected):
    assert ClassifierConfig().polarity_of(classes) == expected


def test_polarity_of_takes_the_values_given_and_wants_all():
    config = ClassifierConfig(values=["a=b=0.5", "bad=-1"])
    assert config.polarity_of(["bad", "a=b"]) == [-1.0, 0.5]
    with pytest.raises(ValueError, match="no polarity of good: add it"):
        config.polarity_of(["bad", "good"])
