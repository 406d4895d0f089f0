"""A night in plain values: what the terminal, the artifact and the HTML page all show."""

from dataclasses import dataclass, field

from pipelines_lib.reports.event_lines import EventLine
from pipelines_lib.reports.model_lines import ModelLine
from pipelines_lib.reports.sentiment_lines import (
    TextNews,
)

OUTCOMES = {
    "repair": "repaired",
    "quarantine": "in quarantine",
    "postpone": "put off",
    "warn": "warned of",
}
"""What became of rows, by their rule's action; repaired and warned of they are stored."""


@dataclass(frozen=True)
class ForecastLine:
    """The next steps of a series; times as text."""

    series_id: str
    last_time: str
    last_value: float
    times: list[str]
    values: list[float]
    lower: list[float]
    upper: list[float]

    @property
    def change_pct(self) -> float:
        """Return the forecast change to the last step, in percent of the last value."""
        if self.last_value == 0:
            return 0.0
        return 100 * (self.values[-1] / self.last_value - 1)


@dataclass(frozen=True)
class Realised:
    """How earlier forecasts turned out, over those whose step has been observed since."""

    n: int
    mae: float
    last_value_mae: float
    coverage_pct: float
    interval_pct: float

    @property
    def skill_pct(self) -> float:
        """Return 1 - error / last value's error, in percent."""
        return 100 * (1 - self.mae / self.last_value_mae) if self.last_value_mae else 0.0


@dataclass(frozen=True)
class RuleLine:
    """A rule that tonight's fetch broke; `rows` counts steps where the rule counts missing ones."""

    rule: str
    action: str
    rows: int
    reason: str
    example: str
    """The newest row that broke it, as `SERIES TIME`."""

    @property
    def outcome(self) -> str:
        """Return what happened to the rows."""
        return OUTCOMES[self.action]


@dataclass(frozen=True)
class NightSummary:
    """Everything a night has to say. Lists of lines are the first of what the lake holds."""

    dataset: str
    newest: str
    unit: str
    target: str
    n_series: int
    fetched: int
    inserted: int
    updated: int
    unchanged: int
    quarantined_new: int
    total_rows: int
    repaired: dict[str, int]
    """Stored rows by the rule that repaired them."""
    quarantined: dict[str, int]
    """Rows in quarantine by rule."""
    models: list[ModelLine]
    n_forecast_series: int
    interval_pct: float
    forecasts: list[ForecastLine]
    n_events: int
    n_new_events: int
    events: list[EventLine]
    n_alerts: int = 0
    """Events that are new tonight and not quiet."""
    alert_budget: float = 0.0
    """False alarms a night that are put up with; 0: there is no budget."""
    words: dict[str, str] = field(default_factory=dict)
    """A line of words on each event that has a picture, by its id."""
    realised: Realised | None = None
    skipped: list[str] = field(default_factory=list)
    rules: list[RuleLine] = field(default_factory=list)
    """Rules that tonight's fetch broke, in their order."""
    asked: int = 0
    """Series that the source was asked for."""
    up_to_date: int = 0
    """Series that it was not asked for, since their newest final step is stored."""
    restated: list[str] = field(default_factory=list)
    """A sentence for each of the first restated histories."""
    n_restated: int = 0
    n_stale: int = 0
    """Forecasts and scores that were made on a history restated tonight."""
    died: dict[str, str] = field(default_factory=dict)
    """Series that count as dead from tonight on, with the reason."""
    revived: list[str] = field(default_factory=list)
    n_dead: int = 0
    warnings: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    has_series: bool = True
    """Whether there is anything beside documents."""
    texts: TextNews | None = None
    """Of a dataset with documents."""
    report: str = ""
    run_id: str = ""
    run_page: str = ""
    """The run's address on MLflow's page; empty: no server is known."""
    seconds: dict[str, float] = field(default_factory=dict)


def rule_counts(counts: dict[str, int]) -> str:
    """Return `rule 12, other 3`, or `none`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def acted_counts(night: NightSummary, action: str) -> dict[str, int]:
    """Return the counts of tonight's rules with this action."""
    return {line.rule: line.rows for line in night.rules if line.action == action}


def ingest_sentence(night: NightSummary) -> str:
    """Return in one sentence what came in."""
    said = (
        f"{night.fetched:,} rows fetched: {night.inserted:,} new, {night.updated:,} changed, "
        f"{night.unchanged:,} unchanged, {night.quarantined_new:,} new in quarantine"
    )
    if night.up_to_date:
        said += f"; {night.up_to_date:,} series were up to date and not asked for"
    return said


def series_news(night: NightSummary, *, limit: int) -> list[tuple[str, str]]:
    """Return what happened to whole series, as titled sentences that name at most `limit` each."""
    shown = night.restated[:limit]
    told = [("Restated", text) for text in shown]
    if len(shown) < night.n_restated:
        told.append(("Restated", f"and {night.n_restated - len(shown):,} more histories"))
    if night.n_stale:
        told.append(
            ("Stale", f"{night.n_stale:,} forecasts and scores, made on a history restated tonight")
        )
    if night.died:
        why = [f"{name}: {reason}" for name, reason in night.died.items()]
        told.append(("Died", _first(why, limit)))
    if night.revived:
        told.append(("Came back", _first(night.revived, limit)))
    if night.n_dead:
        told.append(("Dead", f"{night.n_dead:,} series, {len(night.died):,} of them since tonight"))
    return told + [("Warning", text) for text in night.warnings]


def _first(texts: list[str], limit: int) -> str:
    rest = len(texts) - limit
    return "; ".join(texts[:limit]) + (f"; and {rest:,} more" if rest > 0 else "")
