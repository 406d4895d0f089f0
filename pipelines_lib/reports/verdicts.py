"""A backtest in plain values and sentences: what is real, and what cannot be told from nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines_lib.comparison import SIGNIFICANT, PairedTest, skill_pct
from pipelines_lib.config.backtest import BASE
from pipelines_lib.forecasting.backtest import BacktestResult
from pipelines_lib.forecasting.evaluation import name_model
from pipelines_lib.reports.artifact import picture_lines, problem_lines, run_sentence
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.text import three_figures

WORDS = {
    "last_value": "the last value",
    "drift": "the drift",
    "seasonal_naive": "the seasonal naive",
}


@dataclass(frozen=True)
class Verdict:
    """A sentence on one claim, and whether it is told from nothing."""

    sentence: str
    real: bool


@dataclass(frozen=True)
class MethodLine:
    """A variant, or a baseline, over all folds; None where a figure is undefined."""

    name: str
    model: str
    """What people call its model; `baseline` of one."""
    metrics: dict[str, float]
    seconds: float | None = None
    p: PairedTest | None = None
    """Against the last value; None of a baseline."""

    def cells(self) -> list[str]:
        """Return the line as text, in the order of COLUMNS."""
        shares = ("skill_pct", "coverage_pct", "direction_pct")
        values = [self.metrics.get(name) for name in ("mase", "mae", "rmse")]
        written = ["" if value is None else three_figures(value) for value in values]
        for name in shares:
            value = self.metrics.get(name)
            sign = "+" if name == "skill_pct" else ""
            written.append("" if value is None else f"{value:{sign}.1f} %")
        rank = self.metrics.get("rank_correlation")
        written.append("" if rank is None else f"{rank:+.3f}")
        written.append("" if self.p is None else self.p.words.removeprefix("p ").removeprefix("= "))
        written.append("" if self.seconds is None else f"{self.seconds:.1f}")
        return [self.name, self.model, *written]


COLUMNS = ("", "model", "MASE", "MAE", "RMSE", "skill", "coverage", "direction", "rank",
           "DM p", "seconds")  # fmt: skip
"""Skill and p-value are against the last value; rank: the rank correlation across series."""


@dataclass(frozen=True)
class BacktestSummary:
    """What a person wants to know of a backtest; times as text."""

    dataset: str
    target: str
    unit: str
    n_folds: int
    folds: str
    """How they walked, in words."""
    windows: int
    n_series: int
    origins: int
    horizon: int
    first: str
    last: str
    lines: list[MethodLine]
    verdicts: list[Verdict]
    run_id: str = ""
    final: str = ""
    """What became of the final fit; empty: there was none."""
    seconds: float = 0.0
    left_out: dict[str, str] = field(default_factory=dict)
    """Series that the newest fit could not learn from, with the reason."""
    versus_base: dict[str, PairedTest] = field(default_factory=dict)
    """The test of each variant against the base."""
    conclusion: str = ""
    """The answer to the question that the backtest was run for; empty: it was run for none."""

    @property
    def headline(self) -> str:
        """Return how the base does beside the last value, and beside a better baseline, if any."""
        best = next(line.name for line in self.lines if line.model == "baseline")
        shown = self.verdicts[: 1 if best == "last value" else 2]
        return "; ".join(verdict.sentence for verdict in shown)


def summarise_backtest(
    result: BacktestResult, *, dataset: str, target: str, unit: str, folds: str
) -> BacktestSummary:
    """Put a backtest into plain values."""
    base = result.overall[BASE]
    times = base.judged.time
    minutes = (times.astype("datetime64[m]") != times.astype("datetime64[D]")).any()
    resolution = "datetime64[m]" if minutes else "datetime64[D]"
    lines = [
        MethodLine(
            name,
            name_model(result.configs[name]),
            evaluation.metrics,
            result.seconds(name),
            result.versus[name]["last_value"],
        )
        for name, evaluation in result.overall.items()
    ]
    for baseline in result.baselines:
        prefix = f"{baseline}_"
        theirs = {
            name.removeprefix(prefix): value
            for name, value in base.metrics.items()
            if name.startswith(prefix)
        }
        lines.append(MethodLine(baseline.replace("_", " "), "baseline", theirs))
    return BacktestSummary(
        dataset,
        target,
        unit,
        len(result.folds),
        folds,
        int(base.metrics["test_windows"]),
        int(base.metrics["test_series"]),
        result.versus[BASE]["last_value"].origins,
        len(base.judged.ahead),
        str(times.min().astype(resolution)).replace("T", " "),
        str(times.max().astype(resolution)).replace("T", " "),
        lines,
        [verdict for name in result.configs for verdict in make_verdicts(result, name)],
        left_out=result.folds[-1].left_out,
        versus_base={name: tests[BASE] for name, tests in result.versus.items() if BASE in tests},
    )


def conclude(summary: BacktestSummary, variant: str, what: str) -> str:
    """Say plainly whether what a variant has more than the base helped: the paired test decides."""
    lines = {line.name: line.metrics for line in summary.lines}
    measure = "mase" if "mase" in lines[BASE] else "mae"
    gain = skill_pct(lines[variant][measure], lines[BASE][measure])
    test = summary.versus_base[variant]
    found = f"{abs(gain):.1f} % {'less' if gain >= 0 else 'more'} error, DM {test.words}"
    if not test.significant:
        return f"{what} cannot be shown to help ({found})"
    return f"{what} {'helps' if test.better else 'makes it worse'} ({found})"


def make_verdicts(result: BacktestResult, variant: str) -> list[Verdict]:
    """Say of a variant what is real and what is not, a verdict for each claim.

    The base stands beside every baseline; a variant beside the last value, the best baseline and
    the base, which is enough to choose among many.
    """
    metrics = result.overall[variant].metrics
    headline = "mase" if "mase" in metrics else "mae"
    verdicts = []
    opponents = sorted(result.baselines, key=lambda name: name != "last_value")
    if variant != BASE:
        opponents = list(dict.fromkeys(["last_value", result.baselines[0], BASE]))
    for other in opponents:
        test = result.versus[variant][other]
        if other == BASE:
            theirs, words = result.overall[other].metrics[headline], BASE
        else:
            theirs, words = metrics[f"{other}_{headline}"], WORDS.get(other, other)
        gain = skill_pct(metrics[headline], theirs)
        verdicts.append(_versus(variant, words, gain, test))
    verdicts += _direction(variant, metrics, result.directions[variant])
    return verdicts + _order(variant, metrics)


def _versus(name: str, other: str, gain_pct: float, test: PairedTest) -> Verdict:
    told = f"DM {test.words}"
    if not test.significant:
        more = "more" if gain_pct < 0 else "less"
        sentence = (
            f"{name} cannot be told from {other} ({abs(gain_pct):.1f} % {more} error, {told})"
        )
    elif test.difference < 0:
        sentence = f"{name} beats {other} by {gain_pct:.1f} % ({told})"
    else:
        sentence = f"{name} is worse than {other} by {-gain_pct:.1f} % ({told})"
    return Verdict(sentence, test.significant)


def _direction(name: str, metrics: dict[str, float], test: PairedTest | None) -> list[Verdict]:
    if test is None:
        return []
    verdict = "cannot be told from"
    if test.significant:
        verdict = "more than" if test.difference < 0 else "less than"
    sentence = (
        f"{name} names {metrics['direction_pct']:.1f} % of directions right: {verdict} the "
        f"{metrics['direction_majority_pct']:.1f} % of always naming the commoner one "
        f"({test.words})"
    )
    return [Verdict(sentence, test.significant)]


def _order(name: str, metrics: dict[str, float]) -> list[Verdict]:
    statistic, p = metrics.get("rank_correlation_t"), metrics.get("rank_correlation_p")
    if statistic is None or p is None:
        return []
    found = (
        f"rank correlation {metrics['rank_correlation']:+.3f}, t = {statistic:.1f} over "
        f"{metrics['rank_origins']:,.0f} origins"
    )
    if p >= SIGNIFICANT:
        sentence = f"{name}'s order of the series cannot be told from chance ({found})"
    else:
        how = "better" if statistic > 0 else "worse"
        sentence = f"{name} orders the series {how} than chance ({found})"
    return [Verdict(sentence, p < SIGNIFICANT)]


def to_markdown(
    summary: BacktestSummary, *, run_page: str = "", pictures: Sequence[Picture] = ()
) -> str:
    """Return a backtest as markdown, for MLflow and, with pictures, for the Prefect artifact.

    `run_page` is the run's address on MLflow's page; empty: no server is known.
    """
    run = run_sentence(summary.run_id, run_page, f"{summary.dataset}/backtest")
    lines = [
        f"# {summary.dataset}: backtest of {summary.target}",
        "",
        backtest_sentence(summary),
        "",
        *([f"**{summary.conclusion}**", ""] if summary.conclusion else []),
        "| " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *["| " + " | ".join(line.cells()) + " |" for line in summary.lines],
        "",
        *[f"- **{told(v)}**: {v.sentence}" for v in summary.verdicts],
        *([f"- **Final fit**: {summary.final}"] if summary.final else []),
        f"- **MLflow run**: {run}",
        "",
        *picture_lines(pictures),
        *problem_lines(summary.left_out),
    ]
    return "\n".join(lines)


def told(verdict: Verdict) -> str:
    """Return the title of a verdict."""
    return "Real" if verdict.real else "Unproven"


def backtest_sentence(summary: BacktestSummary) -> str:
    """Return in one sentence what was judged on what."""
    return (
        f"{summary.windows:,} windows of {summary.n_series:,} series and {summary.horizon} steps "
        f"ahead, {summary.origins:,} origins from {summary.first} to {summary.last}; "
        f"{summary.folds}"
    )
