"""Alarms judged event by event.

The overlap rule: a predicted event is right if it shares at least one step with a true range that
is widened by `slack` steps on either side; a true range is found if a right event touches it so.
Every predicted event counts by itself: three in one true range are three right ones, one before it
that only touches its slack is right as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipelines_lib.anomaly.judging.flags import as_ranges, harmonic_mean, overlapping, ratio
from pipelines_lib.errors import SeriesError


@dataclass(frozen=True)
class EventJudgement:
    """Counts of events, of one series or pooled over many; a ratio over nothing is 0."""

    n_predicted: int
    n_right: int
    """Predicted events that touch a true range."""
    n_true: int
    n_found: int
    """True ranges that a predicted event touches."""
    n_steps: int
    delays: tuple[int, ...]
    """Of each true range found: steps from its start to the first alarm, 0 for one before it."""

    @property
    def precision(self) -> float:
        """Return the share of predicted events that are right."""
        return ratio(self.n_right, self.n_predicted)

    @property
    def recall(self) -> float:
        """Return the share of true ranges that are found."""
        return ratio(self.n_found, self.n_true)

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return harmonic_mean(self.precision, self.recall)

    @property
    def false_alarms_per_1000(self) -> float:
        """Return predicted events that touch no true range, per 1,000 steps."""
        return ratio(1000 * (self.n_predicted - self.n_right), self.n_steps)

    @property
    def delay_mean(self) -> float:
        """Return the mean delay over found ranges in steps, NaN where none is found."""
        return float(np.mean(self.delays)) if self.delays else np.nan

    @property
    def delay_median(self) -> float:
        """Return the median delay over found ranges in steps, NaN where none is found."""
        return float(np.median(self.delays)) if self.delays else np.nan


def judge_events(
    predicted: np.ndarray, true: np.ndarray, *, n_steps: int, slack: int = 0
) -> EventJudgement:
    """Judge predicted events beside true ranges, by the overlap rule of this module.

    Args:
        predicted: Flags (n_steps,), of which every run is an event, or ranges (k, 2), inclusive.
        true: The same of the truth.
        n_steps: Length of the series.
        slack: Steps by which true ranges are widened on either side.

    Raises:
        SeriesError: Ranges are out of order or beyond the series, or the slack is negative.
    """
    if slack < 0:
        raise SeriesError(f"slack {slack} is negative; pass a number of steps, 0 for none")
    events = as_ranges(predicted, "predicted events", n_steps=n_steps)
    ranges = as_ranges(true, "true ranges", n_steps=n_steps)
    widened = ranges + np.array([-slack, slack])
    row, event = overlapping(widened, events)
    found, first = np.unique(row, return_index=True)
    delay = np.maximum(events[event[first], 0] - ranges[found, 0], 0)
    return EventJudgement(
        n_predicted=len(events),
        n_right=len(np.unique(event)),
        n_true=len(ranges),
        n_found=len(found),
        n_steps=n_steps,
        delays=tuple(delay.tolist()),
    )


def pool_events(judgements: Iterable[EventJudgement]) -> EventJudgement:
    """Return the counts of many series as if they were one, so that every event weighs the same."""
    every = list(judgements)
    return EventJudgement(
        n_predicted=sum(one.n_predicted for one in every),
        n_right=sum(one.n_right for one in every),
        n_true=sum(one.n_true for one in every),
        n_found=sum(one.n_found for one in every),
        n_steps=sum(one.n_steps for one in every),
        delays=tuple(delay for one in every for delay in one.delays),
    )
