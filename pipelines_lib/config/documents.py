"""Where a dataset's documents come from, and which classifier scores them."""

from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import DATASET_PATTERN, LARGEST_SEED, TIME_PATTERN, Config
from pipelines_lib.errors import ConfigError


class DocumentsConfig(Config):
    """The documents of a dataset: news, reviews, any texts. Only the chosen kind's fields count."""

    kind: Literal["none", "files", "synthetic"] = Field(
        "none",
        description="none: the dataset has no documents; files: CSV, Parquet, JSON lines or plain "
        "lines; synthetic: Korean and English headlines of known polarity about the dataset's "
        "series, the same for the same seed.",
    )
    path: str = Field(
        "",
        description="files: one file, or a folder of them, which may grow. Relative to the working "
        "directory.",
    )
    file_format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "lines"] = Field(
        "auto",
        description="files: auto goes by the ending; tsv: tab separated, quotes are text like any "
        "other; lines: a text on each line.",
    )
    id_column: str = Field(
        "id",
        description="files: the column of ids; empty: an id is made of time, source, title and "
        "text.",
    )
    time_column: str = Field(
        "time",
        description="files: the column of the time of publication, UTC if it names no zone; empty: "
        "the texts have none, are dated default_time, and serve for training alone.",
    )
    default_time: str = Field(
        "2000-01-01",
        json_schema_extra={"pattern": TIME_PATTERN},
        description="files: time of texts without one, ISO, UTC if it names no zone.",
    )
    text_column: str = Field("text", description="files: the column of the text.")
    title_column: str = Field("", description="files: the column of the title; empty: none.")
    series_column: str = Field(
        "",
        description="files: the column of the series a document speaks of, split at commas, "
        "semicolons, tabs and line ends, for an id may have blanks; empty: of none.",
    )
    source_column: str = Field("", description="files: who published it; empty: the file's name.")
    language_column: str = Field("", description="files: the column of the language; empty: none.")
    language: str = Field(
        "", max_length=16, description="Language where no column names it, e.g. ko."
    )
    label_column: str = Field(
        "",
        description="files: the column of the class that a person gave; empty: none.",
    )
    label_from_file: bool = Field(
        False, description="files: the name of the file, without ending, is the class."
    )
    n_documents: int = Field(3000, ge=1, le=1_000_000, description="synthetic: headlines.")
    seed: int = Field(7, ge=0, le=LARGEST_SEED, description="synthetic: seed of the generator.")
    classifier: str = Field(
        "",
        pattern=f"^$|{DATASET_PATTERN}",
        description="Dataset whose champion classifier scores these documents; empty: this "
        "dataset's own.",
    )
    halflife_steps: float = Field(
        5.0, gt=0, le=1000, description="Steps after which a document's polarity counts half."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "files" and not self.path:
            raise ValueError("documents.path is empty: name the file or folder to read")
        if self.label_from_file and self.label_column:
            raise ValueError(
                f"documents.label_column is {self.label_column!r} and label_from_file is set: "
                "keep one of them"
            )
        try:
            datetime.fromisoformat(self.default_time)
        except ValueError as error:
            raise ValueError(
                f"documents.default_time {self.default_time!r} is no ISO time: write it as "
                "2000-01-01 or 2000-01-01T06:00"
            ) from error
        return self

    @property
    def default_moment(self) -> datetime:
        """Return `default_time` with its zone, UTC where it names none."""
        moment = datetime.fromisoformat(self.default_time)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def require_documents(dataset: str, documents: DocumentsConfig) -> None:
    """Refuse a dataset without documents, for what is nothing without them.

    Raises:
        ConfigError: It has none.
    """
    if documents.kind == "none":
        raise ConfigError(
            f"dataset {dataset} has documents.kind=none: name where its texts are "
            "(documents.kind=files and documents.path)"
        )
