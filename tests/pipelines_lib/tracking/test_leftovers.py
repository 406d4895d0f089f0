from pipelines_lib.tracking.leftovers import end_killed_runs


def test_end_killed_runs_ends_open_runs_with_these_tags_only(tracker):
    client = tracker.client
    place = tracker.experiment_id("left", "search")
    left, other = (client.create_run(place, tags={"key": key}).info.run_id for key in ("a", "b"))
    with tracker.run("left", "search", name="done", tags={"key": "a"}) as done:
        pass
    assert end_killed_runs(tracker, "left", "search", tags={"key": "a"}) == 1
    states = [client.get_run(run_id).info.status for run_id in (left, other, done.run_id)]
    assert states == ["KILLED", "RUNNING", "FINISHED"]
    assert client.get_run(left).data.tags["error"] == "its process was killed"
    assert end_killed_runs(tracker, "left", "search", tags={"key": "a"}) == 0
