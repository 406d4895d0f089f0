"""What every classifier is measured against: TF-IDF of n-grams and logistic regression."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

NAME = "TF-IDF of characters (1 to 4) and words (1 to 2) + logistic regression"
MOST_WORDS = 300_000
"""Words and pairs of words that are kept at most."""


def make_baseline(n_texts: int, n_classes: int) -> Pipeline:
    """Return the untrained baseline for so many training texts and classes."""
    shared = {"sublinear_tf": True, "dtype": np.float32}
    # All words may be rare: the most frequent ones are taken, not those of so many texts, of which
    # there may be none.
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), min_df=least_texts(n_texts), **shared
    )
    words = TfidfVectorizer(
        token_pattern=r"\S+", ngram_range=(1, 2), max_features=MOST_WORDS, **shared
    )
    features = FeatureUnion([("characters", characters), ("words", words)])
    # Of two classes liblinear is the quicker one; it knows no more than two.
    solver = "liblinear" if n_classes == 2 else "lbfgs"
    return make_pipeline(
        features, LogisticRegression(C=3.0, solver=solver, max_iter=1000, random_state=0)
    )


def least_texts(n_texts: int) -> int:
    """Return in how many of so many training texts an n-gram of characters must stand to count.

    Rare n-grams tell little; in a small corpus every one is rare.
    """
    return min(3, 1 + n_texts // 500)


def predict_baseline(
    train: Sequence[str], classes: np.ndarray, test: Sequence[str], *, n_classes: int
) -> np.ndarray:
    """Fit the baseline on texts and the numbers of their classes; return those of `test` (N,)."""
    model = make_baseline(len(train), n_classes).fit(list(train), classes)
    return np.asarray(model.predict(list(test)), dtype=np.int64)
