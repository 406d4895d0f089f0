"""Which labelled texts train a classifier, which validate it and which judge it.

Texts that read the same, white space at the ends aside, stand in the same part: a network that has
seen a text knows its class, and would be judged on that. The draw goes by a hash of the text: as a
corpus grows, texts keep their part, but for the few at the border between two.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.config import TextSplitConfig
from pipelines_lib.errors import TrainingError, shown
from pipelines_lib.sentiment.documents import Texts

AT_LEAST = 3
"""Different texts that a class needs, one for each part."""


@dataclass(frozen=True)
class TextParts:
    """Places of the texts of each part, ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_texts(texts: Texts, config: TextSplitConfig) -> TextParts:
    """Divide texts as the config says.

    random: of each class about the shares wanted, at least one text a part. What is repeated more
    often than its class has room for in a part trains. time: by the first time that a text was
    published.

    Raises:
        TrainingError: There are no labelled texts, fewer than two classes, a class with fewer than
            three different texts, fewer times than parts, or a part or a class of the training
            part that is empty.
    """
    _refuse(texts)
    distinct, group = np.unique([text.strip() for text in texts.text], return_inverse=True)
    rows = pd.DataFrame({"group": group, "label": texts.label, "time": texts.time})
    groups = rows.groupby("group").agg(
        label=("label", "first"), time=("time", "min"), size=("label", "size")
    )
    if config.order == "time":
        if groups["time"].nunique() < len(TextParts.__dataclass_fields__):
            raise TrainingError(
                "the documents have fewer times than there are parts: set split.order=random, or "
                "name documents.time_column"
            )
        groups["stratum"], groups["key"] = "", -groups["time"].to_numpy().astype(np.int64)
    else:
        groups["stratum"] = groups["label"]
        groups["key"] = hash_texts(distinct, seed=config.seed)
    part_of = _assign(groups, config)[group]
    parts = TextParts(*(np.flatnonzero(part_of == part) for part in range(3)))
    _refuse_empty(texts, parts)
    return parts


def hash_texts(texts: Iterable[str], *, seed: int = 0) -> np.ndarray:
    """Return 64-bit hashes of texts (N,), white space at their ends aside; equal everywhere."""
    stripped = np.array([text.strip() for text in texts], dtype=object)
    return pd.util.hash_array(stripped, hash_key=f"{seed:016d}"[-16:], categorize=False)


def _assign(groups: pd.DataFrame, config: TextSplitConfig) -> np.ndarray:
    """Return the part of each group: 0 trains, 1 validates, 2 judges.

    In the order of their keys groups judge until the share is full, then validate, then train.
    """
    total = groups.groupby("stratum")["size"].transform("sum")
    test = (config.test_share * total).round().clip(lower=1)
    validation = (config.validation_share * total).round().clip(lower=1)
    fits = pd.Series(True, index=groups.index)
    if config.order == "random":
        fits = groups["size"] <= np.minimum(test, validation)
    drawn = groups[fits].sort_values(["stratum", "key"], kind="stable")
    before = drawn.groupby("stratum")["size"].cumsum() - drawn["size"]
    part = pd.Series(0, index=groups.index)
    part[drawn.index] = np.where(
        before < test[drawn.index],
        2,
        np.where(before < test[drawn.index] + validation[drawn.index], 1, 0),
    )
    return part.to_numpy()


def _refuse(texts: Texts) -> None:
    if len(texts) == 0:
        raise TrainingError(
            "no document has a label: name documents.label_column or set "
            "documents.label_from_file, or let another dataset's model score them by "
            "documents.classifier"
        )
    rows = pd.DataFrame({"label": texts.label, "text": [text.strip() for text in texts.text]})
    different = rows.groupby("label")["text"].nunique()
    if len(different) < 2:
        raise TrainingError(
            f"all documents are of the class {different.index[0]!r}: a classifier needs two or "
            "more, add documents of another"
        )
    few = different[different < AT_LEAST]
    if len(few):
        raise TrainingError(
            f"too few different documents of {shown(few.index)}: a class needs {AT_LEAST}, add "
            "some or leave the class out"
        )


def _refuse_empty(texts: Texts, parts: TextParts) -> None:
    if not len(parts.test) or not len(parts.validation):
        raise TrainingError(
            "too few different documents to validate and to judge: add some, or raise "
            "split.validation_share and split.test_share"
        )
    missing = sorted(set(texts.label) - set(texts.label[parts.train]))
    if missing:
        raise TrainingError(
            f"no document of {shown(missing)} is left to learn from: set split.order=random, or "
            "lower split.test_share"
        )
