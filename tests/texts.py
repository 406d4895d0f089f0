"""Made-up reviews and names, and a small classifier fitted on the reviews once."""

from functools import cache

import numpy as np
import torch

from pipelines_lib.config import (
    ClassifierConfig,
    LinearConfig,
    NgramConfig,
    TextSplitConfig,
    TokenizerConfig,
    TrainingConfig,
)
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.fit import FittedClassifier, fit_classifier

CPU = torch.device("cpu")
TRAINING = TrainingConfig(max_epochs=2, batch_size=32, learning_rate=0.01, schedule="constant")
SMALL = ClassifierConfig(
    tokenizer=TokenizerConfig(vocabulary=200, max_tokens=30),
    embedding=8,
    hidden=8,
    ngrams=NgramConfig(buckets=1024, size=4, longest=3),
    linear=LinearConfig(buckets=1024),
    split=TextSplitConfig(validation_share=0.2, test_share=0.3),
    training=TRAINING,
)
WORDS = {
    "negative": ["awful", "dull", "지루하다", "weak", "broken"],
    "positive": ["great", "lovely", "훌륭하다", "strong", "bright"],
}
THINGS = ["film", "story", "배우", "ending", "music", "scene", "cast", "plot"]


def make_reviews(n: int, *, seed: int = 0) -> Texts:
    """Return n different reviews of two words of their class among others."""
    rng = np.random.default_rng(seed)
    label = np.array(sorted(WORDS), dtype=object)[np.arange(n) % 2]
    text = [
        f"{rng.choice(THINGS)} {rng.choice(WORDS[of])} {rng.choice(THINGS)} "
        f"{rng.choice(WORDS[of])} {seed}-{number}"
        for number, of in enumerate(label)
    ]
    time = np.datetime64("2024-01-01", "us") + np.arange(n) * np.timedelta64(1, "h")
    ids = np.array([f"{seed}-{number:05d}" for number in range(n)], dtype=object)
    return Texts(ids, np.array(text, dtype=object), label, time)


@cache
def fitted_small() -> FittedClassifier:
    """Fit the small classifier on 300 reviews."""
    return fit_classifier(make_reviews(300), dataset_name="reviews", config=SMALL, device=CPU)
