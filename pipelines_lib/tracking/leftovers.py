"""Runs that a killed process left open."""

from collections.abc import Mapping

from pipelines_lib.tracking.tracker import Tracker


def end_killed_runs(tracker: Tracker, dataset: str, task: str, *, tags: Mapping[str, str]) -> int:
    """End the open runs of a dataset and task that carry these tags as KILLED; return how many.

    Only for a caller who knows that no living process works on them, e.g. who holds its lock.
    """
    carried = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
    left = tracker.client.search_runs(
        [tracker.experiment_id(dataset, task)],
        filter_string=" and ".join(["attributes.status = 'RUNNING'", *carried]),
        max_results=1000,
    )
    for run in left:
        tracker.client.set_tag(run.info.run_id, "error", "its process was killed")
        tracker.client.set_terminated(run.info.run_id, "KILLED")
    return len(left)
