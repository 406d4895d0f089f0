"""Bundles on disk: one folder with bundle.json and arrays.safetensors; loading runs no pickle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pipelines_lib.errors import BundleError

FORMAT = 1
CARD, ARRAYS = "bundle.json", "arrays.safetensors"


def save_parts(
    folder: Path, *, kind: str, card: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Write a bundle's card (plain JSON) and arrays into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    stamped = {"format": FORMAT, "kind": kind, **card}
    (folder / CARD).write_text(json.dumps(stamped, indent=2, ensure_ascii=False), encoding="utf-8")
    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / ARRAYS)


def load_parts(folder: Path, *, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a bundle's card and arrays.

    Raises:
        BundleError: The folder is no bundle of this kind, or of a newer format.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        arrays = load_file(folder / ARRAYS)
    except (OSError, ValueError, SafetensorError) as error:
        raise BundleError(f"{folder} is no whole bundle: {error}; train the model again") from error
    if card.get("kind") != kind:
        raise BundleError(
            f"{folder} holds a {card.get('kind')}, not a {kind}: choose another model"
        )
    if card.get("format", 0) > FORMAT:
        raise BundleError(
            f"{folder} has bundle format {card['format']}, this Tidewatch knows {FORMAT}: "
            "upgrade tidewatch"
        )
    return card, arrays
