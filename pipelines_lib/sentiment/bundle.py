"""A classifier on disk: a card, arrays and the tokenizer's JSON, no code."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pipelines_lib import __version__
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import ClassifierConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.models.text import TextNetwork
from pipelines_lib.sentiment.calibration import Mixture
from pipelines_lib.sentiment.linear import make_linear
from pipelines_lib.sentiment.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from pipelines_lib.sentiment.classifier import Classifier

KIND = "classifier"
TOKENIZER = "tokenizer.json"
LINEAR = "linear."
"""Beginning of the names of the linear answer's arrays."""
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
    if classifier.linear is not None:
        solved = classifier.linear.cpu().state_dict()
        arrays |= {LINEAR + name: value.numpy() for name, value in solved.items()}
    save_parts(folder, kind=KIND, card=card, arrays=arrays)
    classifier.tokenizer.save(folder / TOKENIZER)


def load_classifier(folder: Path) -> dict[str, Any]:
    """Read the fields of a classifier, on the CPU; one of before the linear answer has none.

    Raises:
        BundleError: The folder is no classifier of a known format.
    """
    card, arrays = load_parts(folder, kind=KIND)
    seen = arrays.pop(SEEN)
    solved = {name: arrays.pop(name) for name in list(arrays) if name.startswith(LINEAR)}
    if "linear" not in card["config"]:
        card["config"]["linear"] = {"strength": 0}
    config = ClassifierConfig.model_validate(card["config"])
    tokenizer = TextTokenizer.load(folder / TOKENIZER)
    network = nn.ModuleList(
        TextNetwork(config, n_tokens=len(tokenizer), n_classes=len(card["classes"]))
        for _ in range(config.members)
    )
    linear = make_linear(config, n_classes=len(card["classes"]))
    try:
        network.load_state_dict(_tensors(arrays))
        if linear is not None:
            linear.load_state_dict(_tensors(solved, prefix=LINEAR))
    except RuntimeError as error:
        raise BundleError(
            f"the weights in {folder} fit no such network: {error}; train the model again"
        ) from error
    return {
        "dataset": card["dataset"],
        "config": config,
        "classes": card["classes"],
        "values": card["values"],
        "mixture": _mixture(card["mixture"], n_answers=len(config.answers)),
        "tokenizer": tokenizer,
        "network": network.eval(),
        "linear": linear,
        "seen": seen,
    }


def _tensors(arrays: dict[str, np.ndarray], *, prefix: str = "") -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): torch.from_numpy(array) for name, array in arrays.items()}


def _mixture(stored: dict[str, Any], *, n_answers: int) -> Mixture:
    if "shares" in stored:
        return Mixture(tuple(stored["shares"]), stored["temperature"])
    share = stored["ngram_share"]  # of before the linear answer
    return Mixture((1 - share, share)[:n_answers], stored["temperature"])
