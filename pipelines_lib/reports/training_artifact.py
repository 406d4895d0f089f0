"""The end of a training on Prefect's page: what the model is worth, what became of it, and why."""

from collections.abc import Mapping, Sequence

from pipelines_lib.reports.artifact import picture_lines, problem_lines, run_sentence
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.model_lines import ModelLine, model_sentence
from pipelines_lib.reports.text import one_line, three_figures

SHOWN = (
    "forecast_1",
    "error_by_horizon",
    "scores_1",
    "detection_rates",
    "confusion",
    "reliability",
    "losses",
)
"""Pictures of a training that its artifact holds, as far as there are any."""

METHODS = {
    "forecast": {
        "model": ("", ""),
        "last value": ("last_value_", ""),
        "drift": ("drift_", ""),
        "seasonal naive": ("seasonal_naive_", ""),
    },
    "detect": {
        "model": ("", ""),
        "windowed PCA": ("pca_", ""),
        "robust z": ("robust_z_", ""),
    },
    "classify": {
        "model": ("", ""),
        "TF-IDF + logistic regression": ("", "_baseline"),
        "the commonest class": ("", "_majority"),
    },
}
"""By task, the methods beside each other, and what stands around a metric's name for each."""
MEASURES = {
    "forecast": {"mase": "MASE", "mae": "MAE", "rmse": "RMSE"},
    "detect": {"average_precision": "average precision"},
    "classify": {"accuracy": "accuracy", "macro_f1": "macro F1"},
}


def training_markdown(
    line: ModelLine,
    *,
    alias: str,
    metrics: Mapping[str, float],
    experiment: str,
    run_page: str,
    pictures: Sequence[Picture],
    left_out: Mapping[str, str],
    seconds: float,
) -> str:
    """Return a training as markdown, for the Prefect artifact.

    Args:
        line: The model beside its baseline; its note is the reason of the decision.
        alias: What it became: champion or challenger.
        metrics: Of its run, those of the baselines among them.
        experiment: Name of its MLflow experiment.
        run_page: Address of its run; empty: no server is known.
        pictures: Held-out rows, errors, losses.
        left_out: Series that it could not learn from, with the reason.
        seconds: That it took.
    """
    lines = [
        f"# {line.name} v{line.version} is {alias}",
        "",
        f"- **Why**: {one_line(line.note)}",
        f"- **Held-out rows**: {model_sentence(line)} ({line.verdict})",
        f"- **MLflow run**: {run_sentence(line.run_id, run_page, experiment)}",
        f"- **Seconds**: {seconds:.1f}",
        "",
        *_table(line.task, metrics),
        *picture_lines(pictures),
        *problem_lines(left_out),
    ]
    return "\n".join(lines)


def _table(task: str, metrics: Mapping[str, float]) -> list[str]:
    """Return the measures of all methods on the same rows; a measure that none has is left out."""
    found = {
        measure: {
            method: metrics[before + measure + after]
            for method, (before, after) in METHODS[task].items()
            if before + measure + after in metrics
        }
        for measure in MEASURES[task]
    }
    measures = [measure for measure, values in found.items() if values]
    if not measures:
        return []
    titles = [MEASURES[task][measure] for measure in measures]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(measures)]
    for method in METHODS[task]:
        values = [found[measure].get(method) for measure in measures]
        if any(value is not None for value in values):
            cells = ["" if value is None else three_figures(value) for value in values]
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return [*lines, ""]
