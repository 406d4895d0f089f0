"""Figures of the anomaly benchmark: one method on one file, and one method over all files."""

from dataclasses import dataclass

import numpy as np

from benchmarks.anomaly_data import LabelledFile
from pipelines_lib.anomaly.judging import (
    EventJudgement,
    NabFile,
    Volumes,
    find_width,
    judge_events,
    nab_scores,
    paired_bootstrap,
    pool_events,
    vus,
)

PER = 10_000


@dataclass(frozen=True)
class MethodOnFile:
    """What one method did on one file; `cpu_s` is NaN where it was not measured by itself."""

    file: str
    method: str
    n_steps: int
    width: int
    volumes: Volumes
    events: EventJudgement
    nab: NabFile
    cpu_s: float
    cpu_s_score: float

    def row(self) -> dict[str, object]:
        """Return the columns of the CSV."""
        return {
            "file": self.file,
            "method": self.method,
            "n_steps": self.n_steps,
            "n_judged": self.events.n_steps,
            "width": self.width,
            "vus_pr": self.volumes.vus_pr,
            "vus_roc": self.volumes.vus_roc,
            "n_true": self.events.n_true,
            "n_found": self.events.n_found,
            "n_predicted": self.events.n_predicted,
            "n_right": self.events.n_right,
            "false_alarms_per_1000": self.events.false_alarms_per_1000,
            "delay_median": self.events.delay_median,
            "cpu_s": self.cpu_s,
            "cpu_s_score": self.cpu_s_score,
        }


def judge_file(
    file: LabelledFile,
    method: str,
    *,
    score: np.ndarray,
    alarm: np.ndarray,
    max_gap: int,
    cpu_s: float = np.nan,
    cpu_s_score: float = np.nan,
) -> MethodOnFile:
    """Judge the scores and alarms (n,) of one method from `file.judged_from` on.

    A step without a score (NaN) counts as 0 and raises no alarm. Alarms with at most `max_gap`
    steps between them are one event. NAB is given the first alarm of each event, as a person is
    who is told of it once. The width of the volumes is the dominant period of the whole first
    feature, as in TSB-AD.
    """
    judged = slice(file.judged_from, None)
    alarm = alarm & ~np.isnan(score) & (np.arange(len(score)) >= file.judged_from)
    step = np.flatnonzero(alarm)
    opens = np.diff(step, prepend=-max_gap - 2) > max_gap + 1
    closes = np.diff(step, append=len(score) + max_gap + 1) > max_gap + 1
    events = np.stack([step[opens], step[closes]], axis=1) - file.judged_from
    told = np.zeros(len(score), dtype=bool)
    told[step[opens]] = True
    labels = file.labels[judged]
    width = find_width(file.values[:, 0])
    return MethodOnFile(
        file=file.name,
        method=method,
        n_steps=len(file.values),
        width=width,
        volumes=vus(np.nan_to_num(score[judged], nan=0.0), labels, width=width),
        events=judge_events(events, labels, n_steps=len(labels)),
        nab=NabFile(told, file.windows),
        cpu_s=cpu_s,
        cpu_s_score=cpu_s_score,
    )


def summarise(results: list[MethodOnFile], *, kind: str) -> dict[str, float]:
    """Return the figures of one method over all files.

    Volumes are averaged over files with labels; events are pooled, so that each weighs the same.
    """
    volumes = np.array([[one.volumes.vus_pr, one.volumes.vus_roc] for one in results])
    labelled = volumes[~np.isnan(volumes[:, 0])]
    events = pool_events(one.events for one in results)
    steps = sum(one.n_steps for one in results)
    figures = {
        "vus_pr_mean": labelled[:, 0].mean() if len(labelled) else np.nan,
        "vus_pr_median": np.median(labelled[:, 0]) if len(labelled) else np.nan,
        "vus_roc_mean": labelled[:, 1].mean() if len(labelled) else np.nan,
        "event_f1": events.f1,
        "event_precision": events.precision,
        "event_recall": events.recall,
        "false_alarms_per_1000": events.false_alarms_per_1000,
        "delay_median": events.delay_median,
        "cpu_s_per_10k": PER * sum(one.cpu_s for one in results) / steps,
        "cpu_s_score_per_10k": PER * sum(one.cpu_s_score for one in results) / steps,
    }
    if kind == "nab" and any(len(one.nab.windows) for one in results):
        scores = nab_scores(one.nab for one in results)
        figures |= {f"nab_{profile}": score for profile, score in scores.items()}
    return figures


def compare(
    ours: list[MethodOnFile], theirs: list[MethodOnFile], *, seed: int
) -> dict[str, float] | None:
    """Return the paired bootstrap of VUS-PR over the files of both, None below two with labels."""
    by_file = {one.file: one.volumes.vus_pr for one in ours}
    pairs = np.array([(by_file[one.file], one.volumes.vus_pr) for one in theirs])
    if (~np.isnan(pairs).any(axis=1)).sum() < 2:
        return None
    difference = paired_bootstrap(*pairs.T, seed=seed)
    return {
        "mean": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
    }
