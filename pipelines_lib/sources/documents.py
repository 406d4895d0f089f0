"""Files of documents as a source: one file, a folder that grows, or a glob pattern."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from pipelines_lib.config.documents import DocumentsConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.sources.document_readers import FIELD_OF_ROLE, FORMATS, read_chunks

ROLES = tuple(FIELD_OF_ROLE)


@dataclass(frozen=True)
class RawDocuments:
    """Some documents as they came, nothing judged.

    `rows` has the columns ROLES, text as object (empty: not there; `time` may be times), and
    `row`, the number in the file. `malformed` has what could not be made out as a row.
    """

    file: str
    rows: pd.DataFrame
    malformed: list[dict[str, object]] = field(default_factory=list)


class DocumentSource(Protocol):
    """A place that documents come from, part by part, each part as a stream.

    `ids` says what an id is: `given` by the source, made of the `content`, or of the `row`, so
    that equal texts of a corpus all count. `unique`: no id can come twice.
    """

    ids: Literal["given", "content", "row"]
    unique: bool

    def describe(self) -> str:
        """Return kind and place in a few words."""
        ...

    def list_parts(self) -> list[str]:
        """Return the names of the parts, in the order in which they are read.

        Raises:
            SourceError: There is none.
        """
        ...

    def read_part(self, part: str) -> Iterator[RawDocuments]:
        """Yield the documents of a part, a bounded number at a time.

        Raises:
            SourceError: The part cannot be read.
        """
        ...


class DocumentFiles:
    """Documents of files, read in the order of their names."""

    def __init__(self, config: DocumentsConfig) -> None:
        named = {role: getattr(config, name) for role, name in FIELD_OF_ROLE.items()}
        self._headers = {role: header for role, header in named.items() if header}
        if config.file_format != "lines" and not self._headers.keys() & {"title", "text"}:
            raise SourceError(
                "documents.text_column and documents.title_column are both empty: name one"
            )
        self._config = config
        self._base, self._paths = _find_files(config.path, config.file_format)
        self._formats = {path: self._format_of(path) for path in self._paths}
        kinds = set(self._formats.values())
        if "lines" in kinds and len(kinds) > 1:
            raise SourceError(
                f"documents.path {config.path!r} holds .txt beside other files: set "
                "documents.file_format, or keep them in folders of their own"
            )
        if kinds == {"lines"}:
            self._headers = {}
        self.ids: Literal["given", "content", "row"] = "given"
        if "document_id" not in self._headers:
            self.ids = "content" if "time" in self._headers else "row"
        self.unique = self.ids == "row"

    def describe(self) -> str:
        """Return kind and place in a few words."""
        return f"files: {self._config.path}"

    def list_parts(self) -> list[str]:
        """Return the names of the files, relative to the folder."""
        return [path.relative_to(self._base).as_posix() for path in self._paths]

    def read_part(self, part: str) -> Iterator[RawDocuments]:
        """Yield the documents of a file, a bounded number at a time.

        Raises:
            SourceError: It cannot be read, or lacks a column.
        """
        config, path = self._config, self._base / part
        file_format = self._formats[path]
        missing = {"document_id": "", "series_ids": "", "title": "", "text": "", "source": part}
        missing |= {"time": config.default_moment.isoformat(), "language": config.language}
        missing["label"] = path.stem if config.label_from_file else ""
        for chunk in read_chunks(path, self._headers, file_format):
            absent = {role: value for role, value in missing.items() if role not in chunk.rows}
            made = {
                role: pd.Series([value] * len(chunk.rows), dtype=object)
                for role, value in absent.items()
            }
            rows = chunk.rows.assign(**made)
            if "language" not in absent and config.language:
                rows["language"] = rows["language"].where(rows["language"] != "", config.language)
            yield RawDocuments(part, rows[[*ROLES, "row"]], chunk.malformed)

    def _format_of(self, path: Path) -> str:
        if self._config.file_format != "auto":
            return self._config.file_format
        if path.suffix.lower() not in FORMATS:
            raise SourceError(
                f"{path} has an ending that says nothing of its form: set documents.file_format"
            )
        return FORMATS[path.suffix.lower()]


def _find_files(given: str, file_format: str) -> tuple[Path, list[Path]]:
    """Return the files, sorted, and the folder that their names are relative to.

    Of several, those are taken whose ending is the format's; where there is none, all that end as
    any format does.

    Raises:
        SourceError: There is none.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        base, found = path, sorted(path.iterdir())
    elif glob.has_magic(given):
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    else:
        raise SourceError(
            f"documents.path {given!r} does not exist (asked from {Path.cwd()}): "
            "name a file, a folder of them or a pattern, e.g. news/*.csv"
        )
    files = [
        file
        for file in found
        if file.suffix.lower() in FORMATS and file.is_file() and file.name[0] != "."
    ]
    if not files:
        others = f"; it has {shown([file.name for file in found])}" if found else ""
        raise SourceError(
            f"documents.path {given!r} holds no {', '.join(FORMATS)} file{others}: "
            "name the folder that does, or a pattern such as news/**/*.csv"
        )
    own = [file for file in files if FORMATS[file.suffix.lower()] == file_format]
    return base, own or files
