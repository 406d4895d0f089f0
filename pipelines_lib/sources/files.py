"""CSV, Parquet and npz files as a source: one file, a folder of them, or a glob pattern."""

import glob
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path

import pandas as pd
from pandas.api.types import union_categoricals

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.labels import split_labels
from pipelines_lib.sources.readers import read_rows
from pipelines_lib.sources.rows import cut_rows, join_rows, refuse_unknown

SUFFIXES = (".csv", ".parquet", ".npz")


class FilesSource:
    """Rows of files. With `series_column` all are read once and kept, else one file is a series."""

    whole = True

    def __init__(self, dataset: DatasetConfig) -> None:
        self._dataset = dataset

    def describe(self) -> str:
        """Return kind and place in a few words."""
        return f"files: {self._dataset.source.path}"

    def list_series(self) -> list[str]:
        """Return the ids of all series the files hold, sorted.

        Raises:
            SourceError: There is no file, or none of those that hold several series can be read.
        """
        if self._dataset.source.series_column:
            return sorted(self._shared[0]["series_id"].cat.categories)
        return sorted(self._file_of_series)

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        """Read rows and labels of each series from its start to `end`, both inclusive.

        A file that cannot be read fails its own series where its name names it, else it fails
        under its own name: it may be half written, and whole the next time.

        Raises:
            SourceError: There is no file, or none can be read.
        """
        failures = refuse_unknown(starts, self.list_series())
        asked = [series_id for series_id in starts if series_id not in failures]
        if self._dataset.source.series_column:
            rows, broken = self._shared
            frames = [rows[rows["series_id"].isin(asked)]]
            # A series that nobody has may be in a file that nobody can read yet.
            transient = set(broken) | (set(failures) if broken else set())
            failures |= broken
        else:
            frames, transient = [], set()
            for series_id in asked:
                try:
                    frames.append(read_rows(self._file_of_series[series_id], self._dataset))
                except SourceError as error:
                    if len(self._file_of_series) == 1:
                        raise
                    failures[series_id] = str(error)
                    transient |= {series_id} if error.transient else set()
        cut = [cut_rows(frame, starts=_starts_in(frame, starts), end=end) for frame in frames]
        plain = [frame.astype({"series_id": "str"}) for frame in cut]
        joined, labels = split_labels(join_rows(plain, self._dataset.columns))
        return Fetched(
            joined,
            labels=labels,
            failures=failures,
            transient=frozenset(transient),
        )

    @cached_property
    def _file_of_series(self) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for path in self._find_files():
            if path.stem in files:
                raise SourceError(
                    f"{files[path.stem]} and {path} name the same series {path.stem!r}: "
                    "remove one, or name the series in a column and set source.series_column"
                )
            files[path.stem] = path
        return files

    @cached_property
    def _shared(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """The rows of all files that any series may be in, and why a file could not be read."""
        frames: list[pd.DataFrame] = []
        broken: dict[str, SourceError] = {}
        for path in self._find_files():
            try:
                frames.append(read_rows(path, self._dataset))
            except SourceError as error:
                broken[path.name if path.name not in broken else str(path)] = error
        if not frames:
            first = next(iter(broken.values()))
            if len(broken) == 1:
                raise first
            raise SourceError(
                f"none of {len(broken)} files can be read; the first: {first}",
                transient=any(error.transient for error in broken.values()),
            ) from first
        reasons = {name: str(error) for name, error in broken.items()}
        if len(frames) == 1:
            return frames[0], reasons
        ids = union_categoricals([frame.pop("series_id") for frame in frames])
        return pd.concat(frames, ignore_index=True).assign(series_id=ids), reasons

    def _find_files(self) -> list[Path]:
        given = self._dataset.source.path
        path = Path(given).expanduser()
        if path.is_file():
            return [path]
        if path.is_dir():
            found = sorted(path.iterdir())
        elif glob.has_magic(given):
            found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
        else:
            raise SourceError(
                f"source.path {given!r} does not exist (asked from {Path.cwd()}): "
                "name a CSV, Parquet or npz file, a folder of them or a pattern, e.g. prices/*.csv"
            )
        files = [
            file
            for file in found
            if file.suffix.lower() in SUFFIXES and file.is_file() and file.name[0] != "."
        ]
        if not files:
            others = f"; it has {shown([file.name for file in found])}" if found else ""
            raise SourceError(
                f"source.path {given!r} holds no {', '.join(SUFFIXES)} file{others}: "
                "name the folder that does, or a pattern such as prices/**/*.csv"
            )
        return files


def _starts_in(frame: pd.DataFrame, starts: Mapping[str, date | None]) -> dict[str, date | None]:
    """Return the starts of the series that a frame holds."""
    return {name: starts[name] for name in frame["series_id"].unique()}
