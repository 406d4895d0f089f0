"""A night in plain values: what the terminal, the artifact and the HTML page all show."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelLine:
    """A champion and what it was worth on held-out rows, beside its baseline."""

    task: str
    name: str
    version: str
    run_id: str
    measure: str
    unit: str
    value: float
    baseline: str
    baseline_value: float
    skill_pct: float
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return the skill in words that promise nothing."""
        if abs(self.skill_pct) < 0.5:
            return f"no better or worse than {self.baseline}"
        return f"{'better' if self.skill_pct > 0 else 'worse'} than {self.baseline}"


def make_model_line(
    task: str,
    name: str,
    version: str,
    run_id: str,
    *,
    metrics: dict[str, float],
    unit: str,
    note: str,
) -> ModelLine:
    """Make the line of a `forecast` or `detect` champion from its run's metrics.

    Several series are compared by MASE, the error in units of each series' own daily change: a mean
    of prices would only speak of the dearest.
    """
    measure, baseline, baseline_name, shown_unit = "MAE", "last_value_mae", "last value", unit
    if task == "detect":
        steps = f"{metrics['anomalous_steps']:.0f} of {metrics['test_steps']:,.0f} steps anomalous"
        measure, shown_unit = f"average precision ({steps})", ""
        baseline, baseline_name = "pca_average_precision", "windowed PCA"
    elif metrics["test_series"] > 1:
        measure, baseline, shown_unit = "MASE", "last_value_mase", ""
    value = metrics[baseline.replace("last_value_", "").replace("pca_", "")]
    return ModelLine(
        task,
        name,
        version,
        run_id,
        measure,
        shown_unit,
        value,
        baseline_name,
        metrics[baseline],
        metrics["skill_pct"],
        note,
    )


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
class EventLine:
    """An event; times as text."""

    series_id: str
    start: str
    end: str
    n_steps: int
    severity: float
    features: str
    new: bool
    """Found tonight."""


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
    realised: Realised | None = None
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    report: str = ""
    run_id: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def rule_counts(counts: dict[str, int]) -> str:
    """Return `rule 12, other 3`, or `none`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def number(value: float) -> str:
    """Return a value with as many digits as a reader wants: about four."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if size >= 100 else f"{value:,.2f}" if size >= 10 else f"{value:.3g}"


def model_sentence(line: ModelLine) -> str:
    """Return one sentence on a model beside its baseline."""
    unit = f" {line.unit}" if line.unit else ""
    return (
        f"{line.measure} {number(line.value)}{unit}, {line.baseline} "
        f"{number(line.baseline_value)}{unit}: skill {line.skill_pct:+.1f} %"
    )


def _cell(text: str) -> str:
    """Return a text that cannot break out of a cell of a markdown table."""
    return " ".join(text.replace("|", "/").split())


def to_markdown(night: NightSummary) -> str:
    """Return the night as markdown, for the Prefect artifact."""
    lines = [
        f"# {night.dataset}: night of {night.newest}",
        "",
        f"- **Ingest**: {night.fetched:,} rows fetched, {night.inserted:,} new, "
        f"{night.updated:,} changed, {night.unchanged:,} unchanged; "
        f"{night.quarantined_new:,} new in quarantine",
        f"- **Lake**: {night.total_rows:,} rows of {night.n_series:,} series; "
        f"repaired: {rule_counts(night.repaired)}; quarantined: {rule_counts(night.quarantined)}",
        *[f"- **{m.name} v{m.version}**: {model_sentence(m)}" for m in night.models],
        f"- **Forecasts**: {night.n_forecast_series:,} series",
        f"- **Events**: {night.n_events:,}, of them new tonight {night.n_new_events:,}",
        *[f"- **Skipped**: {text}" for text in night.skipped],
        f"- **Report**: `{night.report}`",
        "",
    ]
    if night.realised:
        r = night.realised
        lines += [
            f"Earlier forecasts that came true since: {r.n:,}; MAE {number(r.mae)} against "
            f"{number(r.last_value_mae)} of the last value (skill {r.skill_pct:+.1f} %); "
            f"{r.coverage_pct:.0f} % within the {r.interval_pct:.0f} % interval.",
            "",
        ]
    if night.forecasts:
        lines += [
            f"| series | last {night.target} | next | {night.interval_pct:.0f} % interval "
            f"| in {len(night.forecasts[0].values)} steps |",
            "|---|---:|---:|---|---:|",
        ]
        lines += [
            f"| {f.series_id} | {number(f.last_value)} | {number(f.values[0])} "
            f"| {number(f.lower[0])} to {number(f.upper[0])} | {f.change_pct:+.2f} % |"
            for f in night.forecasts[:20]
        ]
        lines.append("")
    if night.events:
        lines += ["| event | from | to | severity | features |", "|---|---|---|---:|---|"]
        lines += [
            f"| {e.series_id}{' (new)' if e.new else ''} | {e.start} | {e.end} "
            f"| {e.severity:.1f} | {e.features} |"
            for e in night.events[:20]
        ]
        lines.append("")
    problems = {**night.failures, **night.left_out}
    if problems:
        lines += ["| series without a result | why |", "|---|---|"]
        lines += [f"| {_cell(name)} | {_cell(why)} |" for name, why in list(problems.items())[:50]]
    return "\n".join(lines)
