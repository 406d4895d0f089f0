"""Search a forecaster's best config: each trial a child run, the best one a job."""

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import task
from prefect.logging import get_run_logger

from pipelines_lib.config import ForecasterConfig, SearchConfig
from tasks.context import Context, may_pass, open_context
from tasks.pages import leave_page
from tasks.progress import series_progress
from tasks.training_run import sentiment_version
from tasks.turns import takes_gpu

if TYPE_CHECKING:
    from pipelines_lib.config import DatasetConfig
    from pipelines_lib.forecasting.search import TrialOutcome, Verdict
    from pipelines_lib.forecasting.selection import Selection
    from pipelines_lib.forecasting.study import Study
    from pipelines_lib.tracking import Run

TASK = "search"
KEY_TAG = "tidewatch.study_key"


@dataclass(frozen=True)
class Searched:
    """What a search found, and what it is worth on rows that no trial saw.

    `trials`: how many are complete, pruned and failed. `selection_mase`: of the best trial and of
    the last value, on the rows that trials competed on. `test_mase`: of the best trial, of the
    forecaster that the search started from and of the baselines, on the held-out rows.
    """

    dataset: str
    study: str
    wished: int
    trials: dict[str, int]
    best_trial: int
    best_values: dict[str, str]
    selection_mase: dict[str, float]
    test_mase: dict[str, float]
    test_windows: int
    job: str
    stored: str
    notes: list[str]
    run_id: str
    seconds: float


@task(
    task_run_name="search forecaster of {dataset}",
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
@takes_gpu
def search_forecaster(dataset: str, config: ForecasterConfig, search: SearchConfig) -> Searched:
    """Try forecasters, judge the best one on the held-out rows, and store it as a job."""
    from pipelines_lib.config.space import configure, parse_space
    from pipelines_lib.forecasting.search import find_best, judge_best
    from pipelines_lib.forecasting.selection import make_selection
    from pipelines_lib.forecasting.study import open_study, why_unpruned
    from pipelines_lib.series.read import panel_digest, read_panel

    context, began = open_context(), perf_counter()
    dimensions = parse_space(search.space, config)
    declared = context.dataset(dataset)
    panel, version = read_panel(context.lake, declared)
    unpruned = why_unpruned(search, config, dimensions)
    name = search.name or dataset
    with open_study(
        context.settings.studies_dir,
        name,
        search=search,
        dimensions=dimensions,
        pruned=search.pruner == "median" and not unpruned,
    ) as study:
        selection = make_selection(
            panel,
            dataset=declared,
            base=config,
            dimensions=dimensions,
            device=context.device,
            until=study.until,
        )
        study.claim(
            {
                "dataset": dataset,
                "space": "; ".join(map(str, dimensions)),
                "forecaster": config.model_dump_json(),
                "until": selection.until,
                "history": panel_digest(selection.panel),
            }
        )
        _tell_start(context, study, dataset, unpruned)
        study.begin_with(config)
        with context.tracker.run(dataset, TASK, name=name, tags=_tags(study)) as run:
            run.log_config(config)
            run.log_config(search, prefix="search.")
            run.log_config(declared, prefix="dataset.")
            run.log_data(
                dataset,
                digest=panel_digest(panel),
                version=version,
                place=context.settings.lake_location,
            )
            run.set_tags(sentiment_version(context, declared))
            _try_all(context, run, study, config, selection, declared)
            number, values, mase = find_best(study)
            best = configure(config, values)
            verdict = judge_best(
                panel, dataset=declared, base=config, best=best, device=context.device
            )
            job, stored = _store_job(context, study, best, verdict)
            searched = Searched(
                dataset,
                name,
                search.n_trials,
                _log_trials(run, study, selection),
                number,
                {path: _shown(value) for path, value in values.items()},
                {"best": mase, "last_value": selection.last_value_mase},
                verdict.mase,
                verdict.windows,
                job,
                stored,
                _notes(study, unpruned),
                run.run_id,
                perf_counter() - began,
            )
            _log_result(run, searched)
            _leave_artifact(run, searched)
            return searched


def _tell_start(context: Context, study: "Study", dataset: str, unpruned: str) -> None:
    """Say whether a study goes on, and end the runs that its dead process left open."""
    from pipelines_lib.tracking.leftovers import end_killed_runs

    logger = get_run_logger()
    killed = end_killed_runs(context.tracker, dataset, TASK, tags={KEY_TAG: study.key})
    if killed or study.ended:
        logger.info("study %s goes on after %d trials", study.name, len(study.ended))
    if unpruned:
        logger.warning("%s", unpruned)


def _try_all(
    context: Context,
    run: "Run",
    study: "Study",
    base: ForecasterConfig,
    selection: "Selection",
    declared: "DatasetConfig",
) -> None:
    """Run the trials that the study still lacks, each as a child of the run."""
    from pipelines_lib.forecasting.search import run_trial, trials_to_run

    with series_progress(f"trials of {study.name}") as on_trial:
        for trial in trials_to_run(study):
            with context.tracker.run(
                declared.name,
                TASK,
                name=f"{study.name} trial {trial.number}",
                tags=_tags(study) | {"trial": str(trial.number)},
                parent=run,
            ) as child:
                outcome = run_trial(
                    study,
                    trial,
                    base=base,
                    selection=selection,
                    dataset=declared,
                    device=context.device,
                )
                _log_trial(child, outcome)
            on_trial(len(study.ended), study.search.n_trials)


def _log_trial(run: "Run", outcome: "TrialOutcome") -> None:
    logger = get_run_logger()
    if outcome.config is not None:
        run.log_config(outcome.config)
    for epoch in outcome.epochs:
        losses = {"train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss}
        run.log_metrics(losses, step=epoch.epoch)
    measured = outcome.metrics | {"seconds": outcome.seconds}
    if outcome.state == "complete":
        measured["mase"] = outcome.mase  # on the rows that all trials share
    run.log_metrics(measured)
    run.set_tags(
        {"state": outcome.state, "reason": outcome.reason}
        | {f"value.{path}": str(value) for path, value in outcome.values.items()}
    )
    values = ", ".join(f"{path} {_shown(value)}" for path, value in outcome.values.items())
    result = f"MASE {outcome.mase:.4f}" if outcome.state == "complete" else outcome.reason
    logger.info("trial %d %s, %s: %s", outcome.number, outcome.state, result, values)


def _log_trials(run: "Run", study: "Study", selection: "Selection") -> dict[str, int]:
    """Log the table and the pictures of all trials; return how many are in which state."""
    from pipelines_lib.forecasting.search import count_states, tabulate_trials, weigh_values
    from pipelines_lib.reports.search import draw_search

    table, weights = tabulate_trials(study), weigh_values(study)
    run.log_text("space.txt", "\n".join(map(str, study.dimensions)) + "\n")
    run.log_text("trials.csv", table.to_csv(index=False))
    run.log_metrics({f"weight.{path}": weight for path, weight in weights.items()})
    figures = draw_search(
        table, study.dimensions, last_value_mase=selection.last_value_mase, weights=weights
    )
    for name, figure in figures.items():
        run.log_figure(name, figure)
    return count_states(table)


def _log_result(run: "Run", searched: Searched) -> None:
    """Log what the search found as metrics and tags of its run."""
    run.log_metrics(
        {f"selection_{name}_mase": mase for name, mase in searched.selection_mase.items()}
        | {f"test_{name}_mase": mase for name, mase in searched.test_mase.items()}
        | {f"trials_{state}": count for state, count in searched.trials.items()}
    )
    tags = {"best.trial": str(searched.best_trial), "job": searched.job}
    run.set_tags(tags | {f"best.{path}": value for path, value in searched.best_values.items()})


def _leave_artifact(run: "Run", searched: Searched) -> None:
    from pipelines_lib.reports.artifact import first_pictures, run_sentence
    from pipelines_lib.reports.search_artifact import SHOWN, search_markdown
    from pipelines_lib.tracking import read_figures

    leave_page(
        search_markdown(
            study=searched.study,
            trials=searched.trials,
            wished=searched.wished,
            best=searched.best_values,
            selection_mase=searched.selection_mase,
            test_mase=searched.test_mase,
            test_windows=searched.test_windows,
            job=searched.job,
            notes=searched.notes,
            run=run_sentence(run.run_id, run.page, f"{searched.dataset}/{TASK}"),
            pictures=first_pictures(read_figures(run.tracker, run.run_id), SHOWN),
        ),
        key=f"search-{searched.study}",
        description=f"{searched.dataset}: search of study {searched.study}",
    )


def _notes(study: "Study", unpruned: str) -> list[str]:
    notes = [unpruned] if unpruned else []
    if len(study.ended) < study.search.n_trials:
        notes.append(
            f"search.timeout_minutes ended it after {len(study.ended)} of "
            f"{study.search.n_trials} trials: run it again, and it goes on"
        )
    return notes


def _store_job(
    context: Context, study: "Study", best: ForecasterConfig, verdict: "Verdict"
) -> tuple[str, str]:
    """Store the best config as a job that trains it; return the job's name and file."""
    from pipelines_lib.config.stored_jobs import write_job

    name, dataset = f"{study.name}-best", verdict.best.forecaster.dataset.name
    mase, baseline = verdict.mase, verdict.best_baseline
    path = write_job(
        context.settings.jobs_dir,
        name=name,
        entrypoint="flows/train_forecaster.py:train_forecaster",
        description=(
            f"Train the best of {len(study.ended)} trials of study {study.name}. On "
            f"{verdict.windows:,} held-out windows that no trial saw: MASE {mase['best']:.4f}, "
            f"{mase['base']:.4f} of what the search started from, {mase[baseline]:.4f} of the best "
            f"baseline ({baseline.replace('_', ' ')})."
        ),
        parameters={"dataset": dataset, "forecaster": best.model_dump(mode="json")},
        tags=["search"],
    )
    return name, str(path)


def _tags(study: "Study") -> dict[str, str]:
    """Return the tags of a study's runs; the key tells homes apart that share an MLflow server."""
    return {"tidewatch.study": study.name, KEY_TAG: study.key}


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
