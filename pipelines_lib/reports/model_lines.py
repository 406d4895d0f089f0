"""A champion beside its baseline, as a line of text."""

from dataclasses import dataclass

from pipelines_lib.comparison import SIGNIFICANT
from pipelines_lib.reports.text import number


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
    p: float | None = None
    """Of the paired test against the baseline; None: there was none."""

    @property
    def verdict(self) -> str:
        """Return the skill in words that promise nothing: a test decides where there was one."""
        if self.p is not None and self.p >= SIGNIFICANT:
            return f"cannot be told from {self.baseline}"
        if self.p is None and abs(self.skill_pct) < 0.5:
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
    """Make the line of a `forecast`, `detect` or `classify` champion from its run's metrics.

    Several series are compared by MASE, the error in units of each series' own daily change: a mean
    of prices would only speak of the dearest.
    """
    measure, baseline, baseline_name, shown_unit = "MAE", "last_value_mae", "last value", unit
    if task == "classify":
        return ModelLine(
            task,
            name,
            version,
            run_id,
            f"accuracy ({metrics['test_documents']:,.0f} documents)",
            "",
            metrics["accuracy"],
            "TF-IDF + logistic regression",
            metrics["accuracy_baseline"],
            metrics["skill_pct"],
            note,
            metrics["mcnemar_p_vs_baseline"],
        )
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
        metrics.get("dm_p_vs_last_value") if task == "forecast" else None,
    )


def model_sentence(line: ModelLine) -> str:
    """Return one sentence on a model beside its baseline."""
    unit = f" {line.unit}" if line.unit else ""
    return (
        f"{line.measure} {number(line.value)}{unit}, {line.baseline} "
        f"{number(line.baseline_value)}{unit}: skill {line.skill_pct:+.1f} %"
    )
