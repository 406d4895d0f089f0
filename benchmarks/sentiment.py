"""What the text classifier is worth beside TF-IDF and logistic regression.

    python -m benchmarks.sentiment --train FILE [--test FILE] [--budget fast|full] [--folds N]

FILE is read by its form: a tab separated file of reviews (`id`, `document`, `label`; quotes are
text), a CSV of financial sentences in two languages (`labels`, `sentence`, `kor_sentence`), or a
folder with a file of names for each language. Texts are read as they come, empty ones too.

Without --test a fixed tenth of the texts judges (of names a fifth); with --folds each text is
judged once, by a model of the other folds, and each language of a file has figures of its own. The
baseline learns from the same texts and answers for the same ones; p is McNemar's.
`texts_per_minute` is scoring by one core, tokens included. Prints one JSON object last.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from pipelines_lib.config import ClassifierConfig
from pipelines_lib.config.overrides import apply_overrides
from pipelines_lib.sentiment.documents import Texts
from pipelines_lib.sentiment.evaluation import macro_f1, mcnemar
from pipelines_lib.sentiment.fit import FittedClassifier, fit_classifier
from pipelines_lib.sentiment.splits import TextParts, hash_texts
from pipelines_lib.training import EpochReport

VALIDATION = 0.05
"""Share of the texts to learn from that calibrate."""
TIMED = 20_000
"""Texts whose scoring is timed."""


@dataclass(frozen=True)
class Corpus:
    """Texts of one kind, and how they are learned."""

    kind: str
    texts: Texts


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--train", type=Path, required=True)
    options.add_argument("--test", type=Path)
    options.add_argument("--budget", choices=("fast", "full"), default="full")
    options.add_argument("--folds", type=int, default=0)
    options.add_argument("--limit", type=int, default=0, help="texts at most, for a quick look")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = options.parse_args()
    began, cpu = time.perf_counter(), time.process_time()
    results = {}
    for name, corpus in read_corpora(args.train).items():
        base = make_config(corpus.kind, budget=args.budget, seed=args.seed)
        config = apply_overrides(base, args.set, said="--set")
        texts = corpus.texts.take(np.arange(len(corpus.texts))[: args.limit or None])
        if args.folds:
            results[name] = judge_folds(texts, config, folds=args.folds, seed=args.seed)
        else:
            further = read_corpora(args.test)[name].texts if args.test else None
            results[name] = judge_once(texts, further, config)
        results[name]["config"] = config.model_dump(exclude_unset=True)
    answer = next(iter(results.values())) if len(results) == 1 else {"corpora": results}
    answer |= {
        "benchmark": "sentiment",
        "file": args.train.name,
        "test": args.test.name if args.test else None,
        "budget": args.budget,
        "seed": args.seed,
        "wall_s": round(time.perf_counter() - began, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(answer))


def read_corpora(path: Path) -> dict[str, Corpus]:
    """Read a file or folder by its form; a name for each corpus in it."""
    if path.is_dir():
        files = sorted(path.glob("*.txt"))
        rows = [(line, f.stem) for f in files for line in f.read_text("utf-8").splitlines() if line]
        names, languages = zip(*rows, strict=True)
        return {"names": Corpus("names", as_texts(names, languages))}
    separator = "\t" if path.suffix in (".txt", ".tsv") else ","
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    frame = pd.read_csv(path, sep=separator, quoting=quoting, keep_default_na=False, dtype=str)
    if "document" in frame:
        return {"reviews": Corpus("reviews", as_texts(frame["document"], frame["label"]))}
    if "kor_sentence" in frame:
        return {
            language: Corpus("sentences", as_texts(frame[column], frame["labels"]))
            for language, column in (("en", "sentence"), ("ko", "kor_sentence"))
        }
    raise SystemExit(f"{path}: columns {list(frame)} are of no form known here")


def as_texts(texts: Iterable[str], labels: Iterable[str]) -> Texts:
    text, label = np.array(list(texts), dtype=object), np.array(list(labels), dtype=object)
    number = np.array([f"{i:08d}" for i in range(len(text))], dtype=object)
    return Texts(number, text, label, np.zeros(len(text), dtype="datetime64[us]"))


def make_config(kind: str, *, budget: str, seed: int) -> ClassifierConfig:
    """Return how texts of a kind are learned."""
    full = budget == "full"
    fields: dict[str, dict] = {
        "reviews": {
            "members": 3 if full else 1,
            "training": {"max_epochs": 3 if full else 2},
        },
        "sentences": {
            "hidden": 64,
            "dropout": 0.5,
            "tokenizer": {"vocabulary": 8_000},
            "ngrams": {"buckets": 65_536},
            "members": 3 if full else 1,
            "training": {"max_epochs": 8, "batch_size": 32, "warmup_steps": 100},
        },
        "names": {  # as in the job names-train
            "embedding": 32,
            "hidden": 64,
            "tokenizer": {"kind": "character", "vocabulary": 200, "max_tokens": 40},
            "ngrams": {"buckets": 16_384},
            "linear": {"buckets": 65_536},
            "split": {"test_share": 0.2},
            "training": {
                "max_epochs": 12 if full else 6,
                "batch_size": 64,
                "warmup_steps": 0,
                "weight_averaging": 0.99,
                "weight_decay": 0.0,
            },
        },
    }
    made = fields[kind]
    base = ClassifierConfig()
    training = base.training.model_copy(update={**made.pop("training"), "seed": seed})
    return ClassifierConfig(**made, training=training)


def judge_once(texts: Texts, further: Texts | None, config: ClassifierConfig) -> dict:
    """Train once; judge on texts of another file, or on the part held out."""
    parts = None
    if further is not None:
        parts = judge_by(len(texts), len(further), config)
        texts = joined(texts, further)
    fitted = fit(texts, config, parts)
    metrics = fitted.evaluation.metrics
    versus = fitted.evaluation.versus_baseline
    return {
        **rounded(metrics),
        "only_ours_right": versus.only_first,
        "only_baseline_right": versus.only_second,
        "train_texts": fitted.train_size,
        "test_texts": len(fitted.test),
        "texts_per_minute": texts_per_minute(fitted),
    }


def judge_folds(texts: Texts, config: ClassifierConfig, *, folds: int, seed: int) -> dict:
    """Train for each fold on the others; judge every text once."""
    rng = np.random.default_rng(seed)
    fold_of = draw_folds(texts, folds=folds, rng=rng)
    by_fold, confusions, only_ours, only_theirs = [], [], 0, 0
    for fold in range(folds):
        others = np.flatnonzero(fold_of != fold)
        checked = rng.permutation(others)[: round(VALIDATION * len(others))]
        learned = np.setdiff1d(others, checked)
        parts = TextParts(learned, np.sort(checked), np.flatnonzero(fold_of == fold))
        evaluation = fit(texts, config, parts).evaluation
        by_fold.append(evaluation.metrics)
        confusions.append(evaluation.confusion)
        only_ours += evaluation.versus_baseline.only_first
        only_theirs += evaluation.versus_baseline.only_second
        print(f"fold {fold + 1}: {rounded(evaluation.metrics)}", flush=True)
    means = {name: float(np.mean([each[name] for each in by_fold])) for name in by_fold[0]}
    return {
        **rounded(means),
        "macro_f1_pooled": round(macro_f1(np.sum(confusions, axis=0)), 4),
        "mcnemar_p_vs_baseline": mcnemar(only_ours, only_theirs).p,
        "only_ours_right": only_ours,
        "only_baseline_right": only_theirs,
        "folds": folds,
        "test_texts": len(texts),
    }


def draw_folds(texts: Texts, *, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each text (N,): each class evenly, texts that read the same together."""
    _, first, group = np.unique(hash_texts(texts.text), return_index=True, return_inverse=True)
    fold_of = np.empty(len(first), dtype=np.int64)
    for label in np.unique(texts.label.astype(str)):
        rows = rng.permutation(np.flatnonzero(texts.label[first] == label))
        fold_of[rows] = np.arange(len(rows)) % folds
    return fold_of[group]


def judge_by(n_texts: int, n_further: int, config: ClassifierConfig) -> TextParts:
    """Return the parts of texts and further ones behind them, which judge."""
    drawn = np.random.default_rng(config.split.seed).permutation(n_texts)
    n_checked = round(VALIDATION * n_texts)
    return TextParts(
        np.sort(drawn[n_checked:]),
        np.sort(drawn[:n_checked]),
        np.arange(n_texts, n_texts + n_further),
    )


def joined(texts: Texts, further: Texts) -> Texts:
    return as_texts([*texts.text, *further.text], [*texts.label, *further.label])


def fit(texts: Texts, config: ClassifierConfig, parts: TextParts | None) -> FittedClassifier:
    return fit_classifier(
        texts,
        dataset_name="bench",
        config=config,
        device=torch.device("cpu"),
        parts=parts,
        on_epoch=tell,
    )


def tell(epoch: EpochReport) -> None:
    print(
        f"epoch {epoch.epoch}: train {epoch.train_loss:.4f}, "
        f"validation {epoch.validation_loss:.4f}, {epoch.seconds:.0f} s",
        flush=True,
    )


def texts_per_minute(fitted: FittedClassifier) -> int:
    """Return how many of the test texts are scored in a minute of one core, tokens included."""
    texts = fitted.test.text[:TIMED].tolist()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    began = time.process_time()  # tokens are made by several threads: CPU seconds count them all
    fitted.classifier.predict_texts(texts)
    seconds = time.process_time() - began
    torch.set_num_threads(threads)
    return round(60 * len(texts) / seconds)


def rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in metrics.items()}


if __name__ == "__main__":
    main()
