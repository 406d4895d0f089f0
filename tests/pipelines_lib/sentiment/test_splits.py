"""Parts of labelled texts: the shares wanted, by class or by time, the same text never in two."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines_lib.config import TextSplitConfig
from pipelines_lib.errors import TrainingError
from pipelines_lib.sentiment.splits import split_texts
from tests.pipelines_lib.sentiment.corpora import make_texts

CONFIG = TextSplitConfig(validation_share=0.1, test_share=0.2)


def numbered(n: int, label: str) -> tuple[list[str], list[str]]:
    return [f"{label} {i}" for i in range(n)], [label] * n


def two_classes(many=80, few=20):
    a, b = numbered(many, "a"), numbered(few, "b")
    return make_texts(a[0] + b[0], a[1] + b[1])


def test_split_texts_draws_the_shares_from_each_class():
    texts = two_classes()
    parts = split_texts(texts, CONFIG)
    for rows, expected in ((parts.test, (16, 4)), (parts.validation, (8, 2))):
        labels = texts.label[rows].tolist()
        assert (labels.count("a"), labels.count("b")) == expected
    everything = np.concatenate((parts.train, parts.validation, parts.test))
    assert sorted(everything.tolist()) == list(range(100))
    assert (np.diff(parts.train) > 0).all()


def test_split_texts_goes_by_the_seed():
    texts = two_classes()
    one, again, other = (
        split_texts(texts, CONFIG.model_copy(update={"seed": seed})).test.tolist()
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


def test_split_texts_gives_every_part_of_a_small_class_a_text():
    texts = two_classes(many=60, few=3)
    parts = split_texts(texts, CONFIG)
    for rows in (parts.train, parts.validation, parts.test):
        assert (texts.label[rows] == "b").sum() == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), min_size=30, max_size=150))
def test_split_texts_never_puts_a_text_into_two_parts(drawn):
    fixed = [(f"{label}{i}", label) for label in "ab" for i in range(5)]
    pairs = fixed + [(f"{number}{' ' * (number % 3)}", label) for number, label in drawn]
    texts = make_texts([text for text, _ in pairs], [label for _, label in pairs])
    parts = split_texts(texts, CONFIG)
    train, validation, test = (
        {text.strip() for text in texts.text[rows]}
        for rows in (parts.train, parts.validation, parts.test)
    )
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(texts)


def test_split_texts_keeps_the_shares_where_texts_are_repeated():
    # 400 times the same text, and 600 of their own: the repeated one has no room but in training.
    texts = make_texts(["good"] * 400 + numbered(600, "b")[0], ["a", "b"] * 200 + ["a", "b"] * 300)
    parts = split_texts(texts, CONFIG)
    assert "good" not in set(texts.text[parts.test]) | set(texts.text[parts.validation])
    assert len(parts.test) == pytest.approx(200, abs=2)
    assert len(parts.validation) == pytest.approx(100, abs=2)


def test_split_texts_by_time_judges_the_newest():
    texts = make_texts(*numbered(50, "x"))
    texts.label[::2] = "y"
    shuffled = texts.take(np.random.default_rng(0).permutation(50))
    parts = split_texts(shuffled, CONFIG.model_copy(update={"order": "time"}))
    assert sorted(shuffled.text[parts.test]) == sorted(texts.text[40:])
    assert sorted(shuffled.text[parts.validation]) == sorted(texts.text[35:40])


def test_split_texts_by_time_goes_by_when_a_text_was_first_seen():
    texts = make_texts(*numbered(50, "x"))
    texts.label[::2] = "y"
    texts.text[49] = texts.text[3]
    parts = split_texts(texts, CONFIG.model_copy(update={"order": "time"}))
    assert 49 in parts.train
    assert parts.test.tolist() == list(range(39, 49))


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([], [], r"no document has a label: name documents\.label_column"),
        (["a", "b"], ["x", "x"], r"all documents are of the class 'x'.*two or more"),
        (["a", "b", "c", "d"], [*"xxx", "y"], r"too few different documents of y.* needs 3"),
        (["a", "b", "c", *["d "] * 2, "d"], [*"xxx", *"yyy"], r"different documents of y"),
    ],
)
def test_split_texts_refuses_what_cannot_be_divided(texts, labels, message):
    with pytest.raises(TrainingError, match=message):
        split_texts(make_texts(texts, labels), CONFIG)


def test_split_texts_by_time_refuses_a_class_that_is_only_new():
    a, b = numbered(40, "old"), numbered(4, "new")
    texts = make_texts(a[0] + b[0], a[1] + b[1])
    with pytest.raises(TrainingError, match=r"no document of new .* set split\.order=random"):
        split_texts(texts, CONFIG.model_copy(update={"order": "time"}))


def test_split_texts_by_time_refuses_texts_of_one_time():
    texts = make_texts(*numbered(50, "x"))
    texts.label[::2] = "y"
    texts.time[:] = texts.time[0]
    with pytest.raises(TrainingError, match=r"fewer times than there are parts: set split\.order"):
        split_texts(texts, CONFIG.model_copy(update={"order": "time"}))
