"""Markets with documents, folders of stories, and small models of them."""

import csv

from pipelines_lib.config import (
    ClassifierConfig,
    DatasetConfig,
    DocumentsConfig,
    ForecasterConfig,
    LinearConfig,
    NgramConfig,
    SourceConfig,
    SplitConfig,
    TokenizerConfig,
    TrainingConfig,
)

TRAINING = TrainingConfig(max_epochs=4, batch_size=32, learning_rate=0.01, schedule="constant")
CLASSIFIER = ClassifierConfig(
    tokenizer=TokenizerConfig(vocabulary=1000, max_tokens=30),
    embedding=8,
    hidden=8,
    ngrams=NgramConfig(buckets=1024, size=4),
    linear=LinearConfig(buckets=1024),
    training=TRAINING,
)
FORECASTER = ForecasterConfig(
    lookback=10,
    horizon=2,
    hidden=4,
    features=["volatility", "sentiment_mood"],
    split=SplitConfig(validation_steps=30, calibration_steps=40, test_steps=40),
    training=TrainingConfig(max_epochs=1, batch_size=64),
)
STORIES = {"positive": "profit {} soars to a record", "negative": "loss {} widens, shares slump"}


def market(name="news", **documents):
    return DatasetConfig(
        name=name,
        source=SourceConfig(kind="synthetic-market", n_series=3, n_steps=300, seed=3),
        documents=DocumentsConfig(
            **{"kind": "synthetic", "n_documents": 400, "seed": 1, **documents}
        ),
    )


def write_stories(folder, name, stories):
    folder.mkdir(exist_ok=True)
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "time", "text", "title", "series", "label"])
        writer.writerows(stories)


def make_stories(n, first=0):
    return [
        (f"d{first + number}", f"2024-02-{1 + number % 20:02d} 01:00", "", story.format(number),
         "AAA, BBB" if number % 5 == 0 else "AAA", label)
        for number in range(n)
        for label, story in [list(STORIES.items())[number % 2]]
    ]  # fmt: skip


def reviews(folder, name="stories", **changes):
    files = {"path": str(folder), "title_column": "title", "series_column": "series", **changes}
    return DatasetConfig(
        name=name,
        kind="documents",
        documents=DocumentsConfig(kind="files", label_column="label", **files),
    )
