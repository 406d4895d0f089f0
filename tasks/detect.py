"""Score what is new with the champion, and find the events in it."""

from dataclasses import dataclass, field
from time import perf_counter

from prefect import task
from prefect.logging import get_run_logger

from tasks.context import may_pass, open_context


@dataclass(frozen=True)
class Detection:
    """What was scored and found, or why not."""

    model: str
    version: str
    mode: str
    scored: int = 0
    new_events: list[tuple[str, str]] = field(default_factory=list)
    """Series and start (ISO) of the events that were not there before."""
    skipped: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@task(
    task_run_name="detect {dataset}",
    tags=["detect"],
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def detect_events(dataset: str) -> Detection:
    """Score the steps since the last scored ones, merge them, and bring the events up to date."""
    from pipelines_lib.anomaly.detector import Detector
    from pipelines_lib.anomaly.nightly import first_due_positions, update_events
    from pipelines_lib.errors import BundleError
    from pipelines_lib.series.calendar import make_calendar
    from pipelines_lib.series.read import read_panel
    from pipelines_lib.tables import SCORES, observations_table
    from pipelines_lib.tracking import detector_name, load_champion

    context, began = open_context(), perf_counter()
    name = detector_name(dataset)
    champion = load_champion(context.tracker, name, Detector.load_bundle)
    if champion is None:
        raise BundleError(f"{name} has no champion: run train_detector on {dataset} first")
    model, detector = champion
    mode = detector.config.mode
    declared = context.dataset(dataset)
    version = context.lake.table_version(dataset, observations_table(declared.columns))
    made_on = {"scorer": name, "model_version": model.version, "data_version": str(version)}
    if context.lake.count_rows(dataset, SCORES, equal=made_on).sum():
        skipped = f"scores by {name} v{model.version} on data version {version} are there already"
        get_run_logger().info("skipped: %s", skipped)
        # A night killed after its scores has not brought the events up to date.
        new = update_events(context.lake, dataset, detector, make_calendar(declared), scorer=name)
        return Detection(
            name,
            model.version,
            mode,
            new_events=new,
            skipped=skipped,
            seconds=perf_counter() - began,
        )
    panel, version = read_panel(context.lake, declared)
    since = first_due_positions(context.lake, dataset, detector, panel, scorer=name)
    rows, left_out = detector.score_panel(panel, since=since, device=context.device)
    rows = rows.assign(
        scorer=name,
        stale=None,
        data_version=version,
        run_id=model.run_id,
        model_version=model.version,
    )
    counts = context.lake.merge_rows(dataset, SCORES, rows)
    new = update_events(context.lake, dataset, detector, panel.calendar, scorer=name)
    get_run_logger().info(
        "%s v%s scored %d steps, %d new events, %d series left out",
        name,
        model.version,
        len(rows),
        len(new),
        len(left_out),
    )
    return Detection(
        name, model.version, mode, counts.written, new, "", left_out, perf_counter() - began
    )
