"""A classifier on disk: a card, arrays and the tokenizer's JSON, no code."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pipelines_lib import __version__
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import ClassifierConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.models.text import TextNetwork
from pipelines_lib.sentiment.calibration import Mixture
from pipelines_lib.sentiment.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from pipelines_lib.sentiment.classifier import Classifier

KIND = "classifier"
TOKENIZER = "tokenizer.json"
SEEN = "seen"
"""Name of the array of hashes of the texts that were learned from."""


def save_classifier(classifier: "Classifier", folder: Path) -> None:
    """Write a classifier into a folder."""
    card = {
        "code_version": __version__,
        "dataset": classifier.dataset,
        "config": classifier.config.model_dump(mode="json"),
        "classes": classifier.classes,
        "values": classifier.values,
        "mixture": asdict(classifier.mixture),
    }
    weights = classifier.network.cpu().state_dict()
    arrays = {name: value.numpy() for name, value in weights.items()} | {SEEN: classifier.seen}
    save_parts(folder, kind=KIND, card=card, arrays=arrays)
    classifier.tokenizer.save(folder / TOKENIZER)


def load_classifier(folder: Path) -> dict[str, Any]:
    """Read the fields of a classifier, on the CPU.

    Raises:
        BundleError: The folder is no classifier of a known format.
    """
    card, arrays = load_parts(folder, kind=KIND)
    seen = arrays.pop(SEEN)
    config = ClassifierConfig.model_validate(card["config"])
    tokenizer = TextTokenizer.load(folder / TOKENIZER)
    network = nn.ModuleList(
        TextNetwork(config, n_tokens=len(tokenizer), n_classes=len(card["classes"]))
        for _ in range(config.members)
    )
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except RuntimeError as error:
        raise BundleError(
            f"the weights in {folder} fit no such network: {error}; train the model again"
        ) from error
    return {
        "dataset": card["dataset"],
        "config": config,
        "classes": card["classes"],
        "values": card["values"],
        "mixture": Mixture(**card["mixture"]),
        "tokenizer": tokenizer,
        "network": network.eval(),
        "seen": seen,
    }
