"""CSV and Parquet files as a source: one file, a folder of them, or a glob pattern."""

import glob
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path

import pandas as pd
from pandas.api.types import union_categoricals

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.readers import read_rows
from pipelines_lib.sources.rows import join_rows, refuse_unknown, within

SUFFIXES = (".csv", ".parquet")


class FilesSource:
    """Rows of files. With `series_column` all are read once and kept, else one file is a series."""

    def __init__(self, dataset: DatasetConfig) -> None:
        self._dataset = dataset

    def describe(self) -> str:
        """Return kind and place in a few words."""
        return f"files: {self._dataset.source.path}"

    def list_series(self) -> list[str]:
        """Return the ids of all series the files hold, sorted.

        Raises:
            SourceError: There is no file, or one cannot be read.
        """
        if self._dataset.source.series_column:
            return sorted(self._all_rows["series_id"].cat.categories)
        return sorted(self._file_of_series)

    def fetch_rows(
        self, series_ids: Sequence[str], *, start: date | None, end: date | None
    ) -> Fetched:
        """Read the rows of these series from `start` to `end`, both inclusive.

        A file that cannot be read fails its own series where the file names it; where it is the
        only file, or may hold any series, nothing can be trusted.

        Raises:
            SourceError: There is no file, or the only or a shared file cannot be read.
        """
        failures = refuse_unknown(series_ids, self.list_series())
        asked = [series_id for series_id in series_ids if series_id not in failures]
        if self._dataset.source.series_column:
            rows = self._all_rows
            frames = [rows[rows["series_id"].isin(asked)]]
        else:
            frames = []
            for series_id in asked:
                try:
                    frames.append(read_rows(self._file_of_series[series_id], self._dataset))
                except SourceError as error:
                    if len(self._file_of_series) == 1:
                        raise
                    failures[series_id] = str(error)
        cut = [frame[within(frame["time"], start=start, end=end)] for frame in frames]
        plain = [frame.astype({"series_id": "str"}) for frame in cut]
        return Fetched(join_rows(plain, self._dataset.columns), failures=failures)

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
    def _all_rows(self) -> pd.DataFrame:
        frames = [read_rows(path, self._dataset) for path in self._find_files()]
        if len(frames) == 1:
            return frames[0]
        ids = union_categoricals([frame.pop("series_id") for frame in frames])
        rows = pd.concat(frames, ignore_index=True)
        return rows.assign(series_id=ids)

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
                "name a CSV or Parquet file, a folder of them or a pattern such as prices/*.csv"
            )
        files = [
            file
            for file in found
            if file.suffix.lower() in SUFFIXES and file.is_file() and file.name[0] != "."
        ]
        if not files:
            others = f"; it has {shown([file.name for file in found])}" if found else ""
            raise SourceError(
                f"source.path {given!r} holds no .csv or .parquet file{others}: "
                "name the folder that does, or a pattern such as prices/**/*.csv"
            )
        return files
