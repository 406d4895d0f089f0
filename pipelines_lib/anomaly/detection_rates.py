"""How often a detector finds what was put into the series, by kind and size of anomaly.

Shapes: N rows of the sample, K injections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines_lib.anomaly.evaluation import column_seen
from pipelines_lib.anomaly.fit import FittedDetector
from pipelines_lib.anomaly.injection import SIZES, Injected, inject_anomalies, take_sample
from pipelines_lib.anomaly.tampering import KINDS, Kind
from pipelines_lib.errors import SeriesError
from pipelines_lib.series.calendar import naive_times
from pipelines_lib.series.panel import Panel

WAY_BACK = 1
"""Steps behind an anomaly in which an alarm is not false: the way back is often as sudden."""
COLUMNS = (
    "kind",
    "size",
    "n",
    "detected_pct",
    "chance_pct",
    "false_alarms_per_1000",
    "median_delay",
    "echo_steps",
)


@dataclass(frozen=True)
class _Round:
    """What became of one round of injections."""

    each: pd.DataFrame
    """`found`, `chance`, `delay` of each injection."""
    steps: int
    """Scored steps elsewhere."""
    false_alarms: int
    """Alarms on them that stand there with nothing injected, too."""
    echo: int
    """Alarms on them that do not."""


def measure_rates(fitted: FittedDetector, panel: Panel) -> pd.DataFrame:
    """Inject anomalies into the test rows of a fitted detector's series, as `detection_rates`."""
    detector, since = fitted.detector, fitted.split.test.first

    def score(judged: Panel) -> pd.DataFrame:
        first = np.full(len(judged.series_ids), since)
        return detector.score_panel(judged, since=first)[0]

    return detection_rates(
        panel,
        score=score,
        column=column_seen(detector),
        since=since,
        seed=detector.config.training.seed,
        period=detector.window.period or None,
    )


def detection_rates(
    panel: Panel,
    *,
    score: Callable[[Panel], pd.DataFrame],
    column: str,
    since: int,
    seed: int,
    sizes: Mapping[str, float] = SIZES,
    kinds: Sequence[Kind] = KINDS,
    repeats: int = 1,
    period: int | None = None,
    slack: int = 0,
) -> pd.DataFrame:
    """Inject anomalies of every kind and size, and count which of them give an alarm.

    An anomaly is detected if an alarm stands on one of its steps, or at most `slack` steps behind
    it. An alarm on the first step behind it counts for nothing: there a ramp or a flat line ends in
    a jump, which is no merit of the detector. Other alarms that the same series does not give with
    nothing injected are the anomaly's echo, as a score that is averaged over a window has it; those
    that it gives are false alarms. A missing stretch cannot be scored; it is
    detected if the detector tells it from data, that is, if it gives none of its steps a score (so
    that the night names the series as left out), or alarms on the step behind it. It has no delay.

    Args:
        panel: The series; it is not changed.
        score: Scores a panel: `series_id`, `time`, `anomalous`, one row for each scored step.
        column: The column that is tampered with.
        since: First calendar position that may change and that is judged.
        seed: Of the places; repeat r takes `seed` + r.
        sizes: Names of sizes, in the units of `inject_anomalies`.
        kinds: What is injected.
        repeats: Rounds, each at other places.
        period: Steps after which the series repeat; None: unknown.
        slack: Steps behind an anomaly in which an alarm still counts for it.

    Returns:
        A row for each kind and size: `kind`, `size`, `n` (injections), `detected_pct`,
        `chance_pct` (the same stretches with nothing injected), `false_alarms_per_1000` (per
        1,000 scored steps elsewhere since `since`), `median_delay` (steps from the start of a
        detected anomaly to its first alarm), `echo_steps` (alarms of the echo per injection). NaN
        where nothing could be injected or found.

    Raises:
        SeriesError: A score speaks of a series or step that the panel does not have.
    """
    clean = take_sample(panel)
    clean_alarm, _ = _alarms(clean, score(clean))
    rows = []
    for kind in kinds:
        for name, size in sizes.items():
            rounds = [
                inject_anomalies(
                    panel,
                    column=column,
                    since=since,
                    kind=kind,
                    size=size,
                    seed=seed + number,
                    period=period,
                )
                for number in range(repeats)
            ]
            judged = [_judge(r, kind, score(r.panel), clean_alarm, since, slack) for r in rounds]
            rows.append({"kind": kind, "size": name, **_summarise(judged)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _judge(
    injected: Injected,
    kind: Kind,
    scores: pd.DataFrame,
    clean_alarm: np.ndarray,
    since: int,
    slack: int,
) -> _Round:
    panel = injected.panel
    alarm, scored = _alarms(panel, scores)
    start, last = injected.start, injected.end
    final = panel.offsets[injected.series + 1] - 1
    behind = np.minimum(last + max(slack, WAY_BACK), final)
    end = behind if kind == "missing" else np.minimum(last + slack, final)
    first = _first_true(alarm, start)
    found, delay = first <= end, (first - start).astype(float)
    if kind == "missing":
        silent = np.concatenate([[0], np.cumsum(scored)])
        found |= silent[last + 1] == silent[start]
        delay = np.full(len(start), np.nan)
    each = pd.DataFrame(
        {"found": found, "chance": _first_true(clean_alarm, start) <= end, "delay": delay}
    )
    near = np.zeros(len(alarm) + 1, dtype=int)
    np.add.at(near, start, 1)
    np.subtract.at(near, behind + 1, 1)
    elsewhere = (panel.position >= since) & scored & (np.cumsum(near[:-1]) == 0)
    alarm, clean = alarm & elsewhere, clean_alarm & elsewhere
    return _Round(each, int(elsewhere.sum()), int(clean.sum()), int((alarm & ~clean).sum()))


def _summarise(rounds: list[_Round]) -> dict[str, float]:
    each = pd.concat([one.each for one in rounds])
    false_alarms, steps = sum(one.false_alarms for one in rounds), sum(one.steps for one in rounds)
    return {
        "n": len(each),
        "detected_pct": 100 * float(each["found"].mean()),
        "chance_pct": 100 * float(each["chance"].mean()),
        "false_alarms_per_1000": 1000 * false_alarms / steps if steps else float("nan"),
        "median_delay": float(each.loc[each["found"], "delay"].median()),
        "echo_steps": sum(one.echo for one in rounds) / len(each) if len(each) else float("nan"),
    }


def _alarms(panel: Panel, scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of the panel have an alarm, and which have a score (N,)."""
    number = pd.Series(np.arange(len(panel.series_ids)), index=panel.series_ids)
    series = number.reindex(scores["series_id"]).to_numpy()
    position = panel.calendar.positions(naive_times(scores["time"]))
    known = np.isfinite(series)
    series = np.where(known, series, 0).astype(int)
    first = panel.offsets[series]
    row = first + position - panel.position[first]
    known &= (row >= first) & (row < panel.offsets[series + 1])
    if not known.all():
        wrong = scores.iloc[int(np.argmin(known))]
        raise SeriesError(
            f"series {wrong['series_id']} has a score at {wrong['time']}, which the panel does not "
            "have: score the panel that is given"
        )
    alarm, scored = np.zeros(len(panel.position), dtype=bool), np.zeros(len(panel.position), bool)
    scored[row] = True
    alarm[row] = scores["anomalous"].to_numpy(dtype=bool)
    return alarm, scored


def _first_true(flags: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the first row from each start on whose flag is set, the number of rows: none."""
    places = np.append(np.flatnonzero(flags), len(flags))
    return places[np.searchsorted(places, start)]
