"""A copy of the home folder that is whole, whatever is written meanwhile."""

import sqlite3
import threading

import pytest

from deployments.backup import back_up
from pipelines_lib.errors import ConfigError
from pipelines_lib.lake import Lake
from pipelines_lib.settings import Settings
from pipelines_lib.tables import observations_table

BARS = observations_table(("open", "high", "low", "close", "volume"))


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def lake(settings):
    return Lake(settings.lake_location)


def test_back_up_while_rows_and_runs_are_written_gives_a_copy_that_is_whole(
    settings, lake, make_bars, tmp_path
):
    bars = make_bars(["A"], 200)
    lake.merge_rows("prices", BARS, bars.iloc[:1])
    (settings.home_dir / "mlflow").mkdir()
    database = settings.home_dir / "mlflow" / "mlflow.db"
    with sqlite3.connect(database) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    stop, written = threading.Event(), []

    def write():
        connection = sqlite3.connect(database)
        for n in range(1, 200):
            lake.merge_rows("prices", BARS, bars.iloc[n : n + 1])
            with connection:
                connection.execute("INSERT INTO pairs VALUES (?, ?)", (n, -n))
            written.append(n)
            if stop.is_set():
                break
        connection.close()

    writing = threading.Thread(target=write)
    writing.start()
    while len(written) < 3:
        pass
    copies = [tmp_path / f"copy-{number}" for number in range(3)]
    for copy in copies:
        assert back_up(settings, copy).files > 3
    stop.set()
    writing.join()
    lengths = []
    for copy in copies:
        rows = Lake(str(copy / "lake")).read_rows("prices", BARS)
        assert rows["close"].tolist() == bars["close"].iloc[: len(rows)].tolist()
        lengths.append(len(rows))
        with sqlite3.connect(copy / "mlflow" / "mlflow.db") as held:
            assert held.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert held.execute("SELECT count(*) FROM pairs WHERE a != -b").fetchone() == (0,)
    assert 3 <= lengths[0] <= lengths[1] <= lengths[2] <= 200


def test_back_up_leaves_out_locks_and_unfinished_trainings(settings, lake, make_bars, tmp_path):
    lake.merge_rows("prices", BARS, make_bars(["A"], 3))
    for name in ("turns/gpu.lock", "checkpoints/a.safetensors", "up.json", "jobs/best.yaml"):
        place = settings.home_dir / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("x")
    back_up(settings, tmp_path / "copy")
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["jobs", "lake"]


def test_back_up_names_what_lies_elsewhere(tmp_path):
    settings = Settings(home=tmp_path / "home", lake_uri="s3://bucket/lake")
    settings.home_dir.mkdir()
    assert back_up(settings, tmp_path / "copy").elsewhere == ("the lake at s3://bucket/lake",)


def test_back_up_refuses_what_would_not_be_a_backup(settings, tmp_path):
    with pytest.raises(ConfigError, match="there is nothing at"):
        back_up(settings, tmp_path / "copy")
    settings.home_dir.mkdir()
    with pytest.raises(ConfigError, match="lies within"):
        back_up(settings, settings.home_dir / "copy")
    full = tmp_path / "full"
    full.mkdir()
    (full / "old").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        back_up(settings, full)


def test_backup_says_how_to_restore(run_tidewatch, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.yaml").touch()
    ended = run_tidewatch("backup", str(tmp_path.with_name("copy")))
    assert ended.returncode == 0, ended.stderr
    assert "1 files, 0.0 MB copied to" in ended.stdout
    assert f"{tmp_path.with_name('copy')}/. {tmp_path}/" in ended.stdout
