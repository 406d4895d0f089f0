"""Small corpora whose classes are known, and configs of small networks that learn them quickly."""

import numpy as np

from pipelines_lib.config import (
    ClassifierConfig,
    LinearConfig,
    NgramConfig,
    TokenizerConfig,
    TrainingConfig,
)
from pipelines_lib.sentiment.documents import Texts

WORDS = {
    "negative": ["bad", "awful", "poor", "최악", "별로", "손실"],
    "neutral": ["plain", "usual", "same", "보통", "그냥", "보합"],
    "positive": ["good", "great", "fine", "최고", "좋다", "이익"],
}
ENGLISH = ["the", "film", "share", "market", "of", "today"]
FILLERS = [*ENGLISH, "영화", "주가", "오늘", "시장", "정말", "회사"]
ENDINGS = {"Italian": "elli", "Polish": "ski", "Greek": "poulos", "Welsh": "wyn"}


def make_texts(text: list[str], label: list[str]) -> Texts:
    """Return texts with ids in order, a day apart."""
    day = np.arange(len(text)).astype("timedelta64[D]").astype("timedelta64[us]")
    return Texts(
        np.array([f"d{i:05d}" for i in range(len(text))], dtype=object),
        np.array(text, dtype=object),
        np.array(label, dtype=object),
        np.datetime64("2020-01-01", "us") + day,
    )


def make_reviews(n: int, *, seed: int = 0) -> Texts:
    """Return Korean and English texts of three classes, told by one word in each."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(WORDS), n).tolist()
    texts = []
    for label in labels:
        words = rng.choice(FILLERS, rng.integers(2, 9)).tolist()
        words.insert(rng.integers(0, len(words) + 1), str(rng.choice(WORDS[label])))
        texts.append(" ".join(words))
    return make_texts(texts, labels)


def make_ordered(n: int, *, seed: int = 0) -> Texts:
    """Return texts whose class is the order of two words: a bag of words cannot tell it."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(["falls", "rises"], n).tolist()
    texts = []
    for label in labels:
        first, second = ("alpha", "omega") if label == "rises" else ("omega", "alpha")
        before, between, after = (rng.choice(ENGLISH, k).tolist() for k in (1, 3, 1))
        texts.append(" ".join([*before, first, *between, second, *after]))
    return make_texts(texts, labels)


def make_names(n: int, *, seed: int = 0) -> Texts:
    """Return made-up names whose ending tells their class."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(ENDINGS), n).tolist()
    stems = ["".join(rng.choice(list("abdeiklmnoprstu"), 5)).capitalize() for _ in range(n)]
    return make_texts([s + ENDINGS[c] for s, c in zip(stems, labels, strict=True)], labels)


def small_config(**fields: object) -> ClassifierConfig:
    """Return the config of a small network; its parts take fields too."""
    parts = {
        "tokenizer": (TokenizerConfig, {"vocabulary": 200, "max_tokens": 40}),
        "ngrams": (NgramConfig, {"buckets": 2048, "size": 8}),
        "linear": (LinearConfig, {"buckets": 4096}),
        "training": (
            TrainingConfig,
            {
                "max_epochs": 4,
                "batch_size": 32,
                "learning_rate": 0.02,
                "schedule": "cosine",
                "keep": "last",
                "windows_per_epoch": 100_000,
            },
        ),
    }
    given = {
        name: kind(**{**defaults, **fields.pop(name, {})})
        for name, (kind, defaults) in parts.items()
    }
    sizes = {"embedding": 16, "hidden": 12, "dropout": 0.1, "token_dropout": 0.0}
    return ClassifierConfig(**{**sizes, **given, **fields})
