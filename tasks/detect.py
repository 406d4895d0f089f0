"""Score what is new with the champion, and find the events in it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from prefect import task
from prefect.logging import get_run_logger

from tasks.alerts import note_alerts
from tasks.context import may_pass, open_context


@dataclass(frozen=True)
class Detection:
    """What was scored and found, or why not."""

    model: str
    version: str
    mode: str
    scored: int = 0
    new_events: list[str] = field(default_factory=list)
    """Ids of the events that were not there before."""
    quiet: list[str] = field(default_factory=list)
    """Those of them that give no alert: within a cool-down, or ignored."""
    skipped: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    alert_budget: float = 0.0
    """False alarms a night that are put up with; 0: there is no budget."""
    seconds: float = 0.0


@task(
    task_run_name="detect {dataset}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def detect_events(dataset: str) -> Detection:
    """Score the steps since the last scored ones, merge them, and bring the events up to date.

    Events that are not quiet and reach what is new are told of.
    """
    from pipelines_lib.anomaly.detector import Detector
    from pipelines_lib.anomaly.event_alerts import find_event_alerts, note_watched
    from pipelines_lib.anomaly.event_table import update_events
    from pipelines_lib.anomaly.nightly import score_night
    from pipelines_lib.errors import BundleError
    from pipelines_lib.series.calendar import make_calendar
    from pipelines_lib.series.read import read_panel
    from pipelines_lib.tables import SCORE_STATES, SCORES, observations_table
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
    skipped, scored, left_out = "", 0, {}
    if context.lake.count_rows(dataset, SCORES, equal=made_on).sum():
        skipped = f"scores by {name} v{model.version} on data version {version} are there already"
        get_run_logger().info("skipped: %s", skipped)
    else:
        panel, version = read_panel(context.lake, declared)
        night = score_night(
            context.lake,
            dataset,
            detector,
            panel,
            scorer=name,
            version=model.version,
            device=context.device,
        )
        rows = night.scores.assign(
            scorer=name,
            stale=None,
            data_version=version,
            run_id=model.run_id,
            model_version=model.version,
        )
        # Scores first: a night killed between the two scores the same steps again.
        scored = context.lake.merge_rows(dataset, SCORES, rows).written
        context.lake.merge_rows(dataset, SCORE_STATES, night.states.assign(run_id=model.run_id))
        left_out = night.left_out
    # After a skipped night too: the one before may have been killed before its events.
    events = update_events(
        context.lake,
        dataset,
        calendar=make_calendar(declared),
        config=detector.event_config,
        scorer=name,
        mode=mode,
    )
    alerts, watched = find_event_alerts(context.lake, dataset, scorer=name, mode=mode)
    note_alerts(context.lake, dataset, alerts, at=datetime.now(UTC))
    note_watched(context.lake, dataset, watched)
    get_run_logger().info(
        "%s v%s scored %d steps, %d new events, %d series left out",
        name,
        model.version,
        scored,
        len(events.new),
        len(left_out),
    )
    return Detection(
        name,
        model.version,
        mode,
        scored,
        events.new,
        events.quiet,
        skipped,
        left_out,
        detector.config.threshold.alert_budget,
        perf_counter() - began,
    )
