"""The end of a search on Prefect's page."""

from collections.abc import Mapping, Sequence

from pipelines_lib.reports.artifact import picture_lines
from pipelines_lib.reports.html import Picture
from pipelines_lib.reports.text import one_line

NAMES = {"best": "**best trial**", "base": "what the search started from"}
SHOWN = ("history", "fields", "weights")


def search_markdown(
    *,
    study: str,
    trials: Mapping[str, int],
    wished: int,
    best: Mapping[str, str],
    selection_mase: Mapping[str, float],
    test_mase: Mapping[str, float],
    test_windows: int,
    job: str,
    notes: Sequence[str],
    run: str,
    pictures: Sequence[Picture],
) -> str:
    """Return a search as markdown, for the Prefect artifact.

    Args:
        study: Its name.
        trials: How many are complete, pruned and failed.
        wished: How many there should be.
        best: What the best trial chose, by field.
        selection_mase: `best` and `last_value`, on the rows that trials competed on.
        test_mase: `best`, `base` and the baselines, on rows that no trial saw.
        test_windows: How many windows these have.
        job: The job that the best config became.
        notes: Sentences on what to know.
        run: Where MLflow shows it, as `run_sentence` says it.
        pictures: How it went on, what each field did.
    """
    counts = ", ".join(f"{count} {state}" for state, count in trials.items() if count)
    chosen = ", ".join(f"{path}={value}" for path, value in best.items())
    ranked = sorted(test_mase.items(), key=lambda item: item[1])
    lines = [
        f"# {study}: search of a forecaster",
        "",
        f"- **Trials**: {counts}; {wished} wished",
        f"- **Best**: {one_line(chosen)}",
        f"- **Selection**: MASE {selection_mase['best']:.4f} on the rows that trials competed on, "
        f"{selection_mase['last_value']:.4f} of the last value",
        *[f"- **Note**: {one_line(note)}" for note in notes],
        f"- **Job**: the best config is the job {job}: `tidewatch run {job}`",
        f"- **MLflow run**: {run}",
        "",
        f"| MASE on {test_windows:,} held-out windows that no trial saw | |",
        "|---|---:|",
        *[f"| {NAMES.get(name, name.replace('_', ' '))} | {mase:.4f} |" for name, mase in ranked],
        "",
        *picture_lines(pictures),
    ]
    return "\n".join(lines)
