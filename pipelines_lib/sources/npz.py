"""One npz archive of arrays in, raw rows out: steps without a time, numbered from a first one.

The form of the UCR anomaly archive and of the Server Machine Dataset as benchmarks pass them on:
`train` and `test` of shape (n, m) or (n,), `test_label` (n,) with 1 where test is anomalous.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.headers import find_values
from pipelines_lib.sources.labels import LABELLED, parse_labels
from pipelines_lib.sources.rows import TIME_DTYPE
from pipelines_lib.sources.steps import number_steps

TRAIN, TEST, LABEL = "train", "test", "test_label"


def read_arrays(path: Path, dataset: DatasetConfig) -> pd.DataFrame:
    """Read one archive: `series_id` (a categorical), `time`, the value columns, the marks.

    Train comes first, then test. Columns are called c01, c02, ... until `source.columns` maps them.
    The column LABELLED (bool) is there where the archive has `test_label`.

    Raises:
        SourceError: The dataset's calendar is not fixed, or the archive cannot be read, has
            neither part, or arrays of shapes that do not belong together.
    """
    if dataset.calendar != "fixed":
        raise SourceError(
            f"{path} has steps without a time, which calendar {dataset.calendar} cannot number: "
            "set calendar=fixed and step_minutes"
        )
    arrays = _load(path)
    parts = {name: _as_table(path, name, arrays[name]) for name in (TRAIN, TEST) if name in arrays}
    widths = {part.shape[1] for part in parts.values()}
    if len(widths) > 1:
        raise SourceError(
            f"{path}: train has {parts[TRAIN].shape[1]} columns and test {parts[TEST].shape[1]}: "
            "save the same columns in both"
        )
    values = np.concatenate(list(parts.values())).astype("float64")
    headers = [f"c{number:02d}" for number in range(1, values.shape[1] + 1)]
    columns = find_values(path, headers, dataset)
    times = number_steps(dataset, len(values), first=dataset.source.first_moment)
    rows = pd.DataFrame(
        {
            "series_id": pd.Categorical([path.stem] * len(values)),
            "time": pd.DatetimeIndex(times).tz_localize("UTC").astype(TIME_DTYPE),
            **{ours: values[:, headers.index(theirs)] for ours, theirs in columns.items()},
        }
    )
    if LABEL in arrays:
        rows[LABELLED] = _marks(path, arrays[LABEL], parts, len(rows))
    return rows


def _load(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays that are known by name; a pickle inside is refused, never run."""
    if not zipfile.is_zipfile(path):  # the directory is at its end: half an archive has none
        raise SourceError(
            f"{path} is no whole npz archive: write it again with numpy.savez, or remove it",
            transient=True,  # it may be half written
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            arrays = {name: archive[name] for name in (TRAIN, TEST, LABEL) if name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(
            f"{path} cannot be read ({error}): save arrays of numbers with numpy.savez"
        ) from error
    if TRAIN not in arrays and TEST not in arrays:
        there = f"only {shown(names)}" if names else "no array at all"
        raise SourceError(
            f"{path} has neither train nor test, {there}: name the array of the steps train"
        )
    return arrays


def _as_table(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of steps by columns (n, m)."""
    if np.asarray(array).dtype.kind not in "biuf":
        raise SourceError(f"{path}: {name} is of type {np.asarray(array).dtype}: save numbers")
    if array.ndim not in (1, 2):
        raise SourceError(
            f"{path}: {name} has shape {array.shape}: save it as steps by columns, or steps alone"
        )
    return array[:, None] if array.ndim == 1 else array


def _marks(path: Path, label: np.ndarray, parts: dict[str, np.ndarray], n_rows: int) -> np.ndarray:
    """Return the marks of all rows (N,): of test as labelled, none of train."""
    n_test = len(parts[TEST]) if TEST in parts else 0
    if np.shape(label) != (n_test,):
        raise SourceError(
            f"{path}: {LABEL} has shape {np.shape(label)} and test {n_test} steps: "
            "save one label a step of test"
        )
    marks = np.zeros(n_rows, dtype=bool)
    marks[n_rows - n_test :] = parse_labels(pd.Series(label), place=f"{path}: {LABEL}")
    return marks
