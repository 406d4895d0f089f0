"""Which column of a file holds what: mapped, of the same name, or known in English and Korean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.rows import slug

KNOWN = {
    "time": ("date", "time", "datetime", "timestamp", "날짜", "일자", "일시", "시간"),
    "series_id": ("series_id", "code", "symbol", "ticker", "종목코드", "단축코드", "종목"),
    "open": ("open", "시가"),
    "high": ("high", "고가"),
    "low": ("low", "저가"),
    "close": ("close", "종가"),
    "volume": ("volume", "vol", "거래량"),
}


@dataclass(frozen=True)
class Layout:
    """The headers of one file: of the time, of the series (None: the file name), of each value."""

    time: str
    series: str | None
    values: dict[str, str]
    """Ours to theirs, in storage order."""

    @property
    def headers(self) -> list[str]:
        """Return the headers to read; the rest of the file can stay unread."""
        series = [self.series] if self.series else []
        return list(dict.fromkeys([self.time, *series, *self.values.values()]))


def find_layout(path: Path, headers: Sequence[str], dataset: DatasetConfig) -> Layout:
    """Match the headers of a file to the columns of a dataset.

    Raises:
        SourceError: A column is missing, or `source.columns` names one that nobody asked for.
    """
    source = dataset.source
    mapped: dict[str, list[str]] = {}
    for entry in source.columns:
        theirs, _, ours = entry.partition("=")
        mapped.setdefault(ours.strip(), []).append(theirs)
    wanted = ("time", "series_id", *dataset.columns)
    for ours in mapped:
        if ours not in wanted:
            raise SourceError(
                f"source.columns maps to {ours!r}, which is none of {', '.join(wanted)}: correct it"
            )

    def find(ours: str, named: str) -> str:
        names = [*mapped.get(ours, ()), named]
        known = KNOWN.get(ours, ())
        if slug(named) in known:
            names.extend(known)
        found = _first_match(headers, names)
        if found is None:
            raise SourceError(_missing(path, ours, named, headers))
        return found

    return Layout(
        time=find("time", source.time_column),
        series=find("series_id", source.series_column) if source.series_column else None,
        values={ours: find(ours, ours) for ours in dataset.columns},
    )


def _first_match(headers: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the header equal to the earliest of `names`, else the one whose slug is equal."""
    by_slug = {slug(header): header for header in reversed(headers)}
    for name in names:
        if name in headers:
            return name
        if slug(name) in by_slug:
            return by_slug[slug(name)]
    return None


def _missing(path: Path, ours: str, named: str, headers: Sequence[str]) -> str:
    sentence = f"{path} has no column {named!r}; its headers are {shown(headers, 12)}: "
    if ours == "time":
        return sentence + "name the column of the time in source.time_column"
    if ours == "series_id":
        return sentence + "correct source.series_column, or empty it to take the file names"
    return sentence + f"map one with source.columns, as `theirs={ours}`"
