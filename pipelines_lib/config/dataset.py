"""What a dataset is: where its rows come from, on which calendar, in which columns and units."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import (
    LARGEST_SEED,
    TIME_PATTERN,
    ColumnName,
    Config,
    DatasetName,
    SeriesId,
    shaped,
)
from pipelines_lib.config.documents import DocumentsConfig

BAR_COLUMNS = ("open", "high", "low", "close", "volume")
"""Value columns of a dataset of bars, in storage order: prices, then shares traded."""

RESERVED_COLUMNS = ("series_id", "time", "year", "repair", "ingest_id", "calendar")
"""Names that a value column cannot have: the lake's own columns, and the feature `calendar`."""


WrittenDate = Annotated[date, shaped(pattern=r"^\d{4}-\d{2}-\d{2}$")]
"""Prefect's server does not look at the format of a schema, only at its pattern."""


class SourceConfig(Config):
    """Where the rows come from. Only the fields of the chosen kind are used."""

    kind: Literal["fdr", "files", "synthetic-market", "synthetic-sine"] = Field(
        "synthetic-market",
        description="fdr: FinanceDataReader over the network; files: CSV, Parquet or npz; "
        "synthetic-market, synthetic-sine: made here, the same for the same seed.",
    )
    market: Literal[
        "", "KRX", "KOSPI", "KOSDAQ", "KONEX", "ETF/KR", "NASDAQ", "NYSE", "AMEX", "S&P500"
    ] = Field(
        "",
        description="fdr: every share in the listing of this market, besides series_ids; empty: "
        "only series_ids.",
    )
    path: str = Field(
        "",
        description="files: one CSV, Parquet or npz file, or a folder of them. "
        "Relative to the working directory.",
    )
    time_column: str = Field(
        "Date",
        description="files: the column that holds the time of a row, UTC if it names no zone.",
    )
    time_format: str = Field(
        "", description="files: strptime format of the time column, e.g. %d.%m.%Y; empty: ISO."
    )
    series_column: str = Field(
        "", description="files: the column that names the series; empty: the file name does."
    )
    label_column: str = Field(
        "",
        description="files: the column of 0 and 1 that marks anomalous steps, kept as labels; "
        "empty: none. The array test_label of an npz file needs no name.",
    )
    columns: list[Annotated[str, shaped(pattern="^.+=.+$")]] = Field(
        default_factory=list,
        description="files: header mapping, one `theirs=ours` each, e.g. `시가=open`. "
        "English and Korean OHLCV headers need none. The columns of an npz file are c01, c02, ...",
    )
    first_time: str = Field(
        "2000-01-01",
        json_schema_extra={"pattern": TIME_PATTERN},
        description="files: time of the first step of an npz file, ISO, UTC if it names no zone; "
        "the others follow at the steps of the fixed calendar, train before test.",
    )
    n_series: int = Field(8, ge=1, le=10_000, description="synthetic: number of series.")
    n_steps: int = Field(600, ge=10, le=1_000_000, description="synthetic: steps per series.")
    seed: int = Field(7, ge=0, le=LARGEST_SEED, description="synthetic: seed of the generator.")
    noise: float = Field(
        0.1,
        ge=0,
        le=1000,
        description="synthetic-sine: standard deviation of the noise; amplitude is 1.",
    )
    trend: float = Field(
        0.0, ge=-1000, le=1000, description="synthetic-sine: rise per 1,000 steps."
    )
    period: int = Field(50, ge=2, le=100_000, description="synthetic-sine: steps per period.")
    anomalies: bool = Field(
        True, description="synthetic: put anomalies at known places and keep their labels."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.market and self.kind != "fdr":
            raise ValueError(f"source.market is {self.market!r}: only kind=fdr lists a market")
        if self.kind == "files" and not self.path:
            raise ValueError("source.path is empty: name the file or folder to read")
        for entry in self.columns:
            theirs, _, ours = entry.partition("=")
            if not theirs or not ours:
                raise ValueError(f"source.columns has {entry!r}: write it as theirs=ours")
        try:
            first = self.first_moment
        except ValueError as error:
            raise ValueError(
                f"source.first_time {self.first_time!r} is no ISO time: write it as 2000-01-01 "
                "or 2000-01-01T06:00"
            ) from error
        if first < datetime(1970, 1, 1, tzinfo=UTC):
            raise ValueError(
                f"source.first_time {self.first_time!r} lies before the fixed calendar: "
                "1970-01-01 is the first it can be"
            )
        return self

    @property
    def first_moment(self) -> datetime:
        """Return `first_time` with its zone, UTC where it names none."""
        moment = datetime.fromisoformat(self.first_time)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class DatasetConfig(Config):
    """One dataset, declared by the job that ingests it; every other flow only names it."""

    name: DatasetName
    source: SourceConfig = Field(
        default_factory=SourceConfig, description="Where the rows come from."
    )
    series_ids: list[SeriesId] = Field(
        default_factory=list, description="Series to ingest; empty: all that the source has."
    )
    kind: Literal["bars", "values", "documents"] = Field(
        "bars",
        description="bars: open, high, low, close, volume; values: the columns named below; "
        "documents: texts alone, no series.",
    )
    documents: DocumentsConfig = Field(
        default_factory=DocumentsConfig,
        description="Texts that speak of the series, or stand for themselves.",
    )
    value_columns: list[ColumnName] = Field(
        default_factory=list, description="values: the columns to keep; bars: leave empty."
    )
    target: ColumnName = Field("close", description="The column that is forecast.")
    unit: str = Field("KRW", max_length=20, description="Unit of the target, for axes and tables.")
    calendar: Literal["XKRX", "XNYS", "XTKS", "XHKG", "XSHG", "XLON", "24/5", "fixed"] = Field(
        "XKRX",
        description="Exchange whose sessions are the steps; 24/5: Monday to Friday, for exchange "
        "rates; fixed: round the clock.",
    )
    step_minutes: int = Field(
        1440, ge=1, le=10_080, description="Minutes between steps of the fixed calendar."
    )
    offset_minutes: int = Field(
        0,
        ge=0,
        le=10_079,
        description="Minutes by which the fixed calendar's steps lie after a multiple of "
        "step_minutes since 1970-01-01 00:00 UTC, e.g. 7 for steps at hh:07, 5760 for Mondays.",
    )
    start: WrittenDate | None = Field(
        None, description="First date to ingest, inclusive; empty: all."
    )
    end: WrittenDate | None = Field(
        None, description="Last date to ingest, inclusive; empty: newest."
    )
    price_limit: float = Field(
        0.31,
        ge=0,
        le=100,
        description="bars: largest believable move of the close between sessions, as a fraction; "
        "a larger one is quarantined; 0: not checked.",
    )
    close_margin_minutes: int = Field(
        120,
        ge=0,
        le=2880,
        description="bars: minutes after the close of a session before its bar is final; until "
        "then it is not stored.",
    )
    overlap_steps: int = Field(
        10,
        ge=1,
        le=1000,
        description="Stored steps that are asked for again, to notice a changed history. Files "
        "are compared whole.",
    )
    dead_after_steps: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="Steps without a new row, without trading or on one value after which a "
        "series counts as dead; 0: never; empty: 60, and never where steps are shorter than a day.",
    )

    max_failed_share: float = Field(
        0.1, ge=0, le=1, description="Share of series that may fail before the ingest fails."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind != "values" and self.value_columns:
            raise ValueError(
                f"value_columns is for kind=values, and kind is {self.kind}: leave it empty"
            )
        if not self.has_series and not self.has_documents:
            raise ValueError("kind=documents and documents.kind=none: name where the texts are")
        if self.kind == "values" and not self.value_columns:
            raise ValueError("kind=values needs value_columns: name the columns to keep")
        if len(set(self.value_columns)) < len(self.value_columns):
            raise ValueError("value_columns names a column twice")
        reserved = sorted(set(self.value_columns) & set(RESERVED_COLUMNS))
        if reserved:
            raise ValueError(f"value_columns has {', '.join(reserved)}: reserved, rename it")
        if self.has_series and self.target not in self.columns:
            raise ValueError(f"target {self.target!r} is none of {', '.join(self.columns)}")
        if self.start and self.end and self.start > self.end:
            raise ValueError(f"start {self.start} lies after end {self.end}: swap them")
        return self

    @property
    def dead_after(self) -> int:
        """Return the steps at rest after which a series counts as dead; 0: never."""
        if self.dead_after_steps is not None:
            return self.dead_after_steps
        daily = self.calendar != "fixed" or self.step_minutes >= 1440
        return 60 if daily else 0

    @property
    def has_series(self) -> bool:
        """Return whether there is anything beside documents."""
        return self.kind != "documents"

    @property
    def has_documents(self) -> bool:
        """Return whether there are documents."""
        return self.documents.kind != "none"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the stored value columns, in storage order; of documents alone there are none."""
        return BAR_COLUMNS if self.kind == "bars" else tuple(self.value_columns)
