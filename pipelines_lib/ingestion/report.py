"""What an ingest did, in plain values."""

from dataclasses import dataclass, field
from datetime import datetime

from pipelines_lib.errors import SourceError, shown
from pipelines_lib.lake import MergeCounts


@dataclass(frozen=True)
class Restatement:
    """A history that the source has changed: which stored rows, and by what factor."""

    series_id: str
    first_time: datetime
    last_time: datetime
    rows: int
    factor: float
    """Median of new over old, of the target."""
    factor_low: float
    factor_high: float

    @property
    def sentence(self) -> str:
        """Return the restatement in words."""
        factor = f"{self.factor:.6g}"
        if self.factor_high - self.factor_low > 1e-3 * abs(self.factor):
            factor += f" ({self.factor_low:.6g} to {self.factor_high:.6g})"
        return (
            f"{self.series_id}: {self.rows:,} stored rows from {self.first_time:%Y-%m-%d} to "
            f"{self.last_time:%Y-%m-%d} changed by a factor of {factor}"
        )


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did. `rules` counts the rows of this fetch by the rule that they broke."""

    dataset: str
    n_series: int = 0
    """Series that the dataset wants."""
    asked: int = 0
    """Series that the source was asked for; the others were up to date."""
    fetched: int = 0
    observations: MergeCounts = field(default_factory=MergeCounts)
    quarantined: int = 0
    """Rows that are new in quarantine."""
    rules: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    """The newest row that broke a rule, as `SERIES TIME`, by rule."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a series, or a file of the source, gave nothing; series known to be dead left out."""
    transient: frozenset[str] = frozenset()
    """The failures that may pass by themselves."""
    restated: tuple[Restatement, ...] = ()
    stale: int = 0
    """Forecasts and scores that were made on a history restated since."""
    died: dict[str, str] = field(default_factory=dict)
    """Series that count as dead from tonight on, with the reason."""
    revived: tuple[str, ...] = ()
    """Series that move again."""
    n_dead: int = 0
    warnings: tuple[str, ...] = ()
    last_time: str = ""
    version: int | None = None

    @property
    def complete(self) -> bool:
        """Tell whether every series answered."""
        return not self.failures

    @property
    def metrics(self) -> dict[str, float]:
        """Return the counts under the names they have in MLflow."""
        done = self.observations
        counts: dict[str, float] = {
            "rows_fetched": self.fetched,
            "rows_new": done.inserted,
            "rows_changed": done.updated,
            "rows_quarantined": self.quarantined,
            "rows_stale": self.stale,
            "series_asked": self.asked,
            "series_failed": len(self.failures),
            "series_restated": len(self.restated),
            "series_dead": self.n_dead,
        }
        return counts | {f"rules.{name}": count for name, count in self.rules.items()}

    @property
    def sentence(self) -> str:
        """Return in one sentence what came in and what failed."""
        done = self.observations
        said = (
            f"{self.fetched:,} rows of {self.asked:,} series fetched: {done.inserted:,} new, "
            f"{done.updated:,} changed, {self.quarantined:,} new in quarantine"
        )
        if self.asked < self.n_series:
            said += f"; {self.n_series - self.asked:,} series were up to date"
        if self.restated:
            n = len(self.restated)
            said += f"; {n} {'history' if n == 1 else 'histories'} restated"
        if self.failures:
            why = next(iter(self.failures.values()))
            said += f"; {len(self.failures)} of {self.n_series:,} failed: {shown(self.failures)}"
            said += f" ({why})"
        return said


class IncompleteIngest(SourceError):
    """Too many series failed. What was good is stored; `report` says what."""

    def __init__(self, report: IngestReport, max_failed_share: float) -> None:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(report.failures.items())[:3])
        super().__init__(
            f"{len(report.failures)} of {report.n_series} series of dataset {report.dataset} "
            f"failed, more than max_failed_share={max_failed_share:g} allows: "
            f"{shown(report.failures)} ({reasons}). What was good is stored; correct series_ids "
            "or the source, run again",
            transient=2 * len(report.transient) > len(report.failures),
        )
        self.report = report
