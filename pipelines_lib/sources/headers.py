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
    label: str | None = None
    """Of the marks of anomalous steps; None: the file marks none."""

    @property
    def headers(self) -> list[str]:
        """Return the headers to read; the rest of the file can stay unread."""
        return list(dict.fromkeys([*self.text, *self.values.values()]))

    @property
    def text(self) -> list[str]:
        """Return the headers of what is read as text first: time, series, marks."""
        return [name for name in (self.time, self.series, self.label) if name]


def find_layout(path: Path, headers: Sequence[str], dataset: DatasetConfig) -> Layout:
    """Match the headers of a file to the columns of a dataset.

    Raises:
        SourceError: A column is missing, or `source.columns` names one that nobody asked for.
    """
    source = dataset.source
    series, label = source.series_column, source.label_column
    return Layout(
        time=_find(path, headers, dataset, "time", source.time_column),
        series=_find(path, headers, dataset, "series_id", series) if series else None,
        values=find_values(path, headers, dataset),
        label=_find(path, headers, dataset, "label", label) if label else None,
    )


def find_values(path: Path, headers: Sequence[str], dataset: DatasetConfig) -> dict[str, str]:
    """Return the header of each value column, ours to theirs, in storage order.

    Raises:
        SourceError: A column is missing, or `source.columns` names one that nobody asked for.
    """
    return {ours: _find(path, headers, dataset, ours, ours) for ours in dataset.columns}


def _find(path: Path, headers: Sequence[str], dataset: DatasetConfig, ours: str, named: str) -> str:
    """Return the header of what we call `ours`: mapped to it, equal to `named`, or known."""
    names = [*_read_mapping(dataset).get(ours, ()), named]
    known = KNOWN.get(ours, ())
    if slug(named) in known:
        names.extend(known)
    found = _first_match(headers, names)
    if found is None:
        raise SourceError(_missing(path, ours, named, headers))
    return found


def _read_mapping(dataset: DatasetConfig) -> dict[str, list[str]]:
    """Return what `source.columns` maps to each of our names."""
    mapped: dict[str, list[str]] = {}
    wanted = ("time", "series_id", *dataset.columns)
    for entry in dataset.source.columns:
        theirs, _, ours = entry.partition("=")
        if ours.strip() not in wanted:
            raise SourceError(
                f"source.columns maps to {ours.strip()!r}, which is none of {', '.join(wanted)}: "
                "correct it"
            )
        mapped.setdefault(ours.strip(), []).append(theirs)
    return mapped


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
    if ours == "label":
        return sentence + "correct source.label_column, or empty it where no step is labelled"
    return sentence + f"map one with source.columns, as `theirs={ours}`"
