"""Labelled series for the anomaly benchmark, read from files of the NAB, UCR and SMD forms."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.judging import probation_rows
from pipelines_lib.errors import ConfigError

KINDS = ("nab", "ucr", "smd")
MODES = ("causal", "retrospective")
WINDOWS_FILE = "combined_windows.json"


@dataclass(frozen=True)
class LabelledFile:
    """One file: `values` (n, m), `labels` (n,), and `windows` (k, 2) of rows, both inclusive.

    `n_train` rows are history; rows from `judged_from` on are judged.
    """

    name: str
    values: np.ndarray
    labels: np.ndarray
    windows: np.ndarray
    n_train: int
    judged_from: int


@dataclass(frozen=True)
class Source:
    """Where a file lies, and the time windows that its labels are made of (NAB only)."""

    name: str
    path: Path
    windows: tuple[tuple[str, str], ...] = ()


def find_sources(folder: Path, kind: str) -> list[Source]:
    """Return the files of a folder in order of their names.

    Args:
        folder: NAB: `category/*.csv` with `timestamp` and `value`, and `combined_windows.json`;
            UCR and SMD: `*.npz` with `train`, `test` and `test_label`.
        kind: `nab`, `ucr` or `smd`.

    Raises:
        ConfigError: The folder is missing, holds no such file, or NAB's windows are missing.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; pass the one that holds the {kind} files")
    paths = sorted(folder.glob("*/*.csv" if kind == "nab" else "*.npz"))
    if not paths:
        form = "category/*.csv" if kind == "nab" else "*.npz"
        raise ConfigError(f"{folder} holds no {form}; pass the folder of the {kind} files")
    if kind != "nab":
        return [Source(path.stem, path) for path in paths]
    windows = _read_windows(folder / WINDOWS_FILE)
    names = [path.relative_to(folder).as_posix() for path in paths]
    return [
        Source(name, path, tuple((start, end) for start, end in windows.get(name, ())))
        for name, path in zip(names, paths, strict=True)
    ]


def choose_sources(sources: list[Source], *, only: list[str], limit: int | None) -> list[Source]:
    """Return the sources whose name or stem is in `only` (all, if it is empty), the first `limit`.

    Raises:
        ConfigError: A name in `only` is no file of the folder, or the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit} leaves no file; pass 1 or more")
    known = {name: source for source in sources for name in (source.name, source.path.stem)}
    missing = [name for name in only if name not in known]
    if missing:
        raise ConfigError(f"{missing[0]} is no file of the folder; it has {sources[0].name}, ...")
    chosen = {known[name].name for name in only}
    return [source for source in sources if not only or source.name in chosen][:limit]


def read_file(source: Source, *, kind: str, mode: str) -> LabelledFile:
    """Read one file.

    NAB: the probation is history; retrospectively the whole file is judged, causally what comes
    after. UCR and SMD: `train` is history, `test` is judged.

    Raises:
        ConfigError: A column or an array is missing, or the labels do not fit.
    """
    if kind == "nab":
        return _read_nab(source, mode=mode)
    with np.load(source.path, allow_pickle=False) as arrays:
        missing = {"train", "test", "test_label"} - set(arrays.files)
        if missing:
            raise ConfigError(f"{source.path} has no array {min(missing)}; it is no {kind} file")
        train, test, test_label = (arrays[name] for name in ("train", "test", "test_label"))
    if train.shape[1:] != test.shape[1:] or test_label.shape != test.shape[:1]:
        raise ConfigError(
            f"{source.path} has train {train.shape}, test {test.shape} and test_label"
            f" {test_label.shape}; they do not fit each other"
        )
    values = np.concatenate([train, test]).astype(np.float64).reshape(len(train) + len(test), -1)
    labels = np.concatenate([np.zeros(len(train), bool), test_label > 0])
    return LabelledFile(
        source.name, values, labels, np.empty((0, 2), np.int64), len(train), len(train)
    )


def _read_windows(path: Path) -> dict[str, list[list[str]]]:
    if not path.is_file():
        raise ConfigError(f"{path} is missing; NAB's labels/{WINDOWS_FILE} belongs there")
    windows: dict[str, list[list[str]]] = json.loads(path.read_text())
    return windows


def _read_nab(source: Source, *, mode: str) -> LabelledFile:
    frame = pd.read_csv(source.path)
    missing = {"timestamp", "value"} - set(frame.columns)
    if missing:
        raise ConfigError(f"{source.path} has no column {min(missing)}; it is no NAB file")
    time = pd.to_datetime(frame["timestamp"], format="ISO8601").to_numpy()
    inside = [
        (time >= np.datetime64(start)) & (time <= np.datetime64(end))
        for start, end in source.windows
    ]
    rows = [np.flatnonzero(flags)[[0, -1]] for flags in inside if flags.any()]
    n_train = probation_rows(len(frame))
    return LabelledFile(
        name=source.name,
        values=frame[["value"]].to_numpy(np.float64),
        labels=np.any(inside, axis=0) if inside else np.zeros(len(frame), bool),
        windows=np.array(rows, dtype=np.int64).reshape(-1, 2),
        n_train=n_train,
        judged_from=n_train if mode == "causal" else 0,
    )
