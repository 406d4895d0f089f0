"""Every field of a classifier has a test that it changes what it says it changes."""

from pathlib import Path

import pytest

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.config.overrides import leaf_fields
from tests.pipelines_lib.config.test_fields import PROOFS as OF_FORECASTERS

ROOT = Path(__file__).parents[3]
FIT = "sentiment/test_fit.py::test_fit_classifier_"
SIZES = "models/test_text.py::test_text_network_is_sized_by_the_fields"
DROPS = "models/test_text.py::test_text_network_drops_out_in_training_alone"
TOKENS = "sentiment/test_tokenizer.py::test_"
LINEAR = "sentiment/test_linear.py::test_"
SPLIT = "sentiment/test_splits.py::test_split_texts_"
SHARED = {name: proof for name, proof in OF_FORECASTERS.items() if name.startswith("training.")}
"""One loop for every model."""

PROOFS = SHARED | {
    "tokenizer.kind": TOKENS + "train_tokenizer_learns_pieces_of_words_or_characters",
    "tokenizer.vocabulary": TOKENS + "train_tokenizer_learns_at_most_the_vocabulary",
    "tokenizer.max_tokens": TOKENS + "encode_cuts_10000_characters_at_max_tokens",
    "embedding": SIZES,
    "hidden": SIZES,
    "layers": SIZES,
    "pooling": SIZES,
    "dropout": DROPS,
    "token_dropout": DROPS,
    "label_smoothing": "sentiment/test_learn.py::test_sum_of_answers_by_hand",
    "ngrams.longest": "sentiment/test_ngrams.py::test_hash_ngrams_counts_each_distinct_ngram_once",
    "ngrams.buckets": SIZES,
    "ngrams.size": SIZES,
    "ngrams.dropout": DROPS,
    "linear.strength": LINEAR + "fit_linear_goes_by_its_fields",
    "linear.characters": LINEAR + "fit_linear_goes_by_its_fields",
    "linear.words": LINEAR + "fit_linear_goes_by_its_fields",
    "linear.buckets": LINEAR + "fit_linear_goes_by_its_fields",
    "members": FIT + "trains_members_of_different_seeds",
    "values": FIT + "takes_the_values_of_the_config",
    "split.order": SPLIT + "by_time_judges_the_newest",
    "split.validation_share": SPLIT + "draws_the_shares_from_each_class",
    "split.test_share": SPLIT + "draws_the_shares_from_each_class",
    "split.seed": SPLIT + "goes_by_the_seed",
    "training.loss": "config/test_classifier.py::"
    "test_config_refuses_a_loss_that_it_would_not_learn_by",
    "training.seed": FIT + "gives_the_same_weights_for_the_same_seed_and_others_for_another",
}


def test_every_field_of_a_classifier_has_a_proof():
    assert sorted(PROOFS) == sorted(leaf_fields("", ClassifierConfig))


@pytest.mark.parametrize("place", sorted(set(PROOFS.values())))
def test_the_proof_exists(place):
    path, _, name = place.partition("::")
    text = (ROOT / "tests/pipelines_lib" / path).read_text(encoding="utf-8")
    assert f"def {name}(" in text
