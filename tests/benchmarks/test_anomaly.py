"""The anomaly benchmark: files of every form, what is judged, and figures by hand."""

import csv
import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from benchmarks.anomaly import as_json, collect, main, make_report, run_benchmark
from benchmarks.anomaly_baselines import score_isolation_forest
from benchmarks.anomaly_data import choose_sources, find_sources, read_file
from benchmarks.anomaly_figures import judge_file, summarise
from pipelines_lib.anomaly.judging import ranges_of
from pipelines_lib.errors import ConfigError, SeriesError

N, PERIOD = 1000, 20


@dataclass(frozen=True)
class HandStudy:
    score: np.ndarray
    alone: dict[str, np.ndarray] = field(default_factory=dict)
    cpu_s_train: float = 3.0
    cpu_s_score: float = 1.0
    max_gap: int = 0


def wave(n=N, bump=None):
    values = np.sin(2 * np.pi * np.arange(n) / PERIOD)
    if bump:
        values[bump[0] : bump[1] + 1] += 5
    return values


def score_by_size(values, *, n_train, mode, seed):
    """Score a step by its size; everything above 2 is an alarm."""
    if len(values) < 100:
        raise SeriesError("too short")
    score = np.abs(values).max(axis=1)
    return HandStudy(score, {"pca": np.ones(len(score)), "forecast": score})


def alarm_above_two(score, *, n_train):
    return score > 2


def rate_as_it_is(errors, *, mode):
    return errors


def run(files, mode="retrospective", skipped=None):
    skipped = {} if skipped is None else skipped
    return run_benchmark(
        files,
        score=score_by_size,
        alarm=alarm_above_two,
        rate=rate_as_it_is,
        mode=mode,
        seed=0,
        skipped=skipped,
    )


@pytest.fixture
def nab(tmp_path):
    """Return a folder of the NAB form: one file with a window, one without, one too short."""
    (tmp_path / "real").mkdir()
    times = pd.date_range("2014-04-01", periods=N, freq="5min")
    for name, values in (("bump", wave(bump=(500, 509))), ("calm", wave()), ("short", wave(40))):
        frame = pd.DataFrame({"timestamp": times[: len(values)], "value": values})
        frame.to_csv(tmp_path / "real" / f"{name}.csv", index=False)
    window = [f"{times[495]}.000000", f"{times[520]}.000000"]
    windows = {"real/bump.csv": [window], "real/calm.csv": []}
    (tmp_path / "combined_windows.json").write_text(json.dumps(windows))
    return tmp_path


def read_all(folder, kind, mode):
    return [read_file(one, kind=kind, mode=mode) for one in find_sources(folder, kind)]


def test_read_file_nab_labels_rows_inside_the_windows_inclusive(nab):
    bump, calm, short = read_all(nab, "nab", "retrospective")
    assert [one.name for one in (bump, calm, short)] == [
        "real/bump.csv",
        "real/calm.csv",
        "real/short.csv",
    ]
    assert bump.windows.tolist() == [[495, 520]]
    assert np.flatnonzero(bump.labels).tolist() == list(range(495, 521))
    assert not calm.labels.any()
    assert short.windows.shape == (0, 2)
    assert (bump.n_train, bump.judged_from) == (150, 0)
    assert read_all(nab, "nab", "causal")[0].judged_from == 150


@pytest.mark.parametrize(("kind", "shape"), [("ucr", ()), ("smd", (3,))])
def test_read_file_npz_judges_the_test_part(tmp_path, kind, shape):
    labels = np.zeros(200, dtype=np.uint8)
    labels[50:60] = 1
    arrays = {"train": np.zeros((300, *shape)), "test": np.ones((200, *shape))}
    np.savez(tmp_path / "one.npz", **arrays, test_label=labels)
    (file,) = read_all(tmp_path, kind, "retrospective")
    assert file.values.shape == (500, *(shape or (1,)))
    assert (file.n_train, file.judged_from) == (300, 300)
    assert np.flatnonzero(file.labels).tolist() == list(range(350, 360))


def test_read_file_refuses_arrays_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "one.npz", train=np.zeros(3), test=np.zeros(4), test_label=np.zeros(5))
    with pytest.raises(ConfigError, match="do not fit"):
        read_all(tmp_path, "ucr", "causal")
    np.savez(tmp_path / "one.npz", train=np.zeros(3), test=np.zeros(4))
    with pytest.raises(ConfigError, match="no array test_label"):
        read_all(tmp_path, "ucr", "causal")


def test_choose_sources_by_name_or_number(nab):
    sources = find_sources(nab, "nab")
    assert choose_sources(sources, only=["calm"], limit=None) == sources[1:2]
    assert choose_sources(sources, only=["real/calm.csv", "bump"], limit=None) == sources[:2]
    assert choose_sources(sources, only=[], limit=1) == sources[:1]
    with pytest.raises(ConfigError, match="storm"):
        choose_sources(sources, only=["storm"], limit=None)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: folder / "nowhere", "is no folder"),
        (lambda folder: folder, "holds no category"),
        (lambda folder: (folder / "a").mkdir() or (folder / "a/b.csv").touch() or folder, "NAB's"),
    ],
)
def test_main_tells_a_wrong_folder_in_a_sentence(tmp_path, capsys, prepare, message):
    with pytest.raises(SystemExit) as stopped:
        main(["--data", str(prepare(tmp_path)), "--kind", "nab"])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


def test_run_benchmark_reports_ours_parts_and_baselines(nab, tmp_path):
    skipped = {}
    results = run(read_all(nab, "nab", "retrospective"), skipped=skipped)
    by_method = collect(results, tmp_path / "out.csv")
    assert skipped == {"real/short.csv": "too short"}
    report = make_report(by_method, kind="nab", seed=0)
    # The one event, rows 500..509, lies in the one window, rows 495..520.
    assert (report["event_precision"], report["event_recall"]) == (1, 1)
    assert report["false_alarms_per_1000"] == 0
    assert report["delay_median"] == 5
    assert 70 < report["nab_standard"] < 100
    assert report["cpu_s_per_10k"] == pytest.approx(40)
    assert set(report["baselines"]) == {"pca", "isolation_forest"}
    assert set(report["alone"]) == {"forecast"}
    assert report["alone"]["forecast"]["vus_pr_mean"] == report["vus_pr_mean"]
    assert report["vus_pr_mean"] > report["baselines"]["pca"]["vus_pr_mean"]
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [(row["file"], row["method"]) for row in rows[:2]] == [
        ("real/bump.csv", "fusion"),
        ("real/bump.csv", "pca"),
    ]
    assert len(rows) == 2 * 4


def test_run_benchmark_compares_over_files(nab, tmp_path):
    (nab / "real/late.csv").write_text((nab / "real/bump.csv").read_text())
    windows = json.loads((nab / "combined_windows.json").read_text())
    windows["real/late.csv"] = windows["real/bump.csv"]
    (nab / "combined_windows.json").write_text(json.dumps(windows))
    by_method = collect(run(read_all(nab, "nab", "causal"), "causal"), tmp_path / "out.csv")
    report = make_report(by_method, kind="nab", seed=0)
    difference = report["baselines"]["pca"]["ours_minus_theirs"]
    lead = report["vus_pr_mean"] - report["baselines"]["pca"]["vus_pr_mean"]
    assert difference["mean"] == pytest.approx(lead)
    assert report["alone"]["forecast"]["ours_minus_theirs"]["p"] == 1


def test_collect_refuses_to_report_on_nothing(nab, tmp_path):
    only_short = read_all(nab, "nab", "causal")[2:]
    with pytest.raises(SeriesError, match="none of the files"):
        collect(run(only_short), tmp_path / "out.csv")


def test_judge_file_takes_a_step_without_a_score_for_no_alarm(nab):
    bump = read_all(nab, "nab", "causal")[0]
    score = np.full(N, np.nan)
    score[150:160] = 1.0
    got = judge_file(bump, "any", score=score, alarm=np.ones(N, bool), max_gap=0)
    assert (got.events.n_steps, got.events.n_predicted, got.events.n_right) == (850, 1, 0)
    assert np.flatnonzero(got.nab.alarms).tolist() == [150]
    assert np.isnan(got.cpu_s)


def test_summarise_has_no_volume_where_nothing_is_labelled(nab):
    calm = read_all(nab, "nab", "causal")[1]
    one = judge_file(calm, "any", score=np.zeros(N), alarm=np.arange(N) == 500, max_gap=0)
    figures = as_json(summarise([one], kind="nab"))
    assert figures["vus_pr_mean"] is None
    assert figures["false_alarms_per_1000"] == round(1000 / 850, 5)
    assert "nab_standard" not in figures


def test_score_isolation_forest_finds_the_bump():
    values = wave(bump=(500, 509))[:, None]
    score = score_isolation_forest(values, n_train=150, mode="retrospective", seed=0)
    assert score.shape == (N,)
    assert 490 <= score.argmax() <= 520


def test_score_isolation_forest_causal_does_not_know_the_future():
    values = wave(bump=(500, 509))[:, None]
    score = score_isolation_forest(values, n_train=150, mode="causal", seed=0)
    assert np.isnan(score[:150]).all()
    assert 500 <= np.nanargmax(score) < 510 + PERIOD
    values[600:] = 9
    again = score_isolation_forest(values, n_train=150, mode="causal", seed=0)
    assert np.array_equal(score[150:600], again[150:600])


def test_read_file_takes_the_shared_files_as_they_are(shared_data):
    nab = read_all(shared_data / "nab", "nab", "causal")
    sources = find_sources(shared_data / "nab", "nab")
    assert [len(one.windows) for one in nab] == [len(source.windows) for source in sources]
    assert sum(one.labels.any() for one in nab) == 26
    for source in find_sources(shared_data / "ucr", "ucr")[:5]:
        file = read_file(source, kind="ucr", mode="causal")
        assert len(ranges_of(file.labels)) == 1
        assert np.isfinite(file.values).all()


def test_judge_file_takes_alarms_with_small_gaps_for_one_event_told_once(nab):
    bump, *_ = read_all(nab, "nab", "retrospective")
    alarm = np.isin(np.arange(N), [500, 503, 700, 704])
    one = judge_file(bump, "any", score=np.ones(N), alarm=alarm, max_gap=2)
    assert (one.events.n_predicted, one.events.n_right) == (3, 1)
    assert np.flatnonzero(one.nab.alarms).tolist() == [500, 700, 704]
