"""What an event was, for a person: the series around it, and a line of words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines_lib.errors import SeriesError

PART_WORDS = {
    "forecast": "the forecast",
    "autoencoder": "the autoencoder",
    "shift": "the shift",
    "pca": "the PCA",
    "energy": "the energy",
    "robust_z": "the robust z-score",
}
WORDS_AT_MOST = 3
"""Parts and features that a line names at most."""
LEAST_PCT = 5.0
"""A part that contributed less is not worth a word."""
LEAST_P = 1e-4


@dataclass(frozen=True)
class Explanation:
    """One event of one series, and the steps around it (n,); NaN where there is no number."""

    series_id: str
    column: str
    """The column or feature that is shown."""
    unit: str
    time: np.ndarray
    """UTC, datetime64[us], rising."""
    value: np.ndarray
    forecast: np.ndarray
    lower: np.ndarray
    """Lower end of the forecast's interval; all of these five in the data's units."""
    upper: np.ndarray
    reconstruction: np.ndarray
    score: np.ndarray
    threshold: np.ndarray
    start: np.datetime64
    """First alarm."""
    end: np.datetime64
    """Last alarm, inclusive."""
    peak: np.datetime64
    """Step of the highest score."""
    parts: dict[str, float]
    """Share of each part in the peak's score, in percent."""
    features: dict[str, float]
    """Share of each feature in the peak's score, in percent."""

    def __post_init__(self) -> None:
        if not np.isin([self.start, self.peak, self.end], self.time).all():
            raise SeriesError(
                f"the event of series {self.series_id} from {self.start} to {self.end} does not "
                "lie within the steps that explain it: give steps around it"
            )

    @property
    def n_steps(self) -> int:
        """Return the steps from start to end."""
        return int(((self.time >= self.start) & (self.time <= self.end)).sum())

    @property
    def step(self) -> np.timedelta64:
        """Return the usual time from one step to the next; a day where there is one step only."""
        if len(self.time) < 2:
            return np.timedelta64(1, "D").astype("m8[us]")
        return np.median(np.diff(self.time).astype("int64")).astype("int64").astype("m8[us]")


def describe_event(
    explanation: Explanation, *, event_id: str, severity: float, p_value: float, state: str
) -> str:
    """Return one line that tells a person what happened, how strange it is, and why.

    Args:
        explanation: The event and the steps around it.
        event_id: The event, by which it can be judged.
        severity: Highest score over its threshold.
        p_value: Share of clean steps that score as high; NaN: unknown.
        state: open or closed.
    """
    when = _span(explanation)
    said = [
        f"{explanation.series_id} {when}: {_what(explanation)}, {_how_much(severity, p_value)}",
        _list_shares(explanation.parts, PART_WORDS, lead=True),
        _features(explanation.features),
        "still open" if state == "open" else state,
        event_id,
    ]
    return "; ".join(text for text in said if text)


def p_text(p_value: float) -> str:
    """Return a p-value with the one or two digits that say something, never as 1e-05."""
    if p_value < LEAST_P:
        return f"< {LEAST_P:.4f}"
    return f"{p_value:.{max(2, -int(np.floor(np.log10(p_value))))}f}"


def _span(e: Explanation) -> str:
    first = _time_text(e.start, e.step)
    if e.end == e.start:
        return first
    last = _time_text(e.end, e.step)
    if last[:10] == first[:10] and len(last) > 10:
        last = last[11:]
    return f"{first} to {last} ({e.n_steps:,} steps)"


def _what(e: Explanation) -> str:
    """Return what the column did at the peak beside what was expected."""
    at = int(np.flatnonzero(e.time == e.peak)[0])
    peak = _time_text(e.peak, e.step)
    on = "" if e.end == e.start else f" on {peak}" if len(peak) == 10 else f" at {peak}"
    value = e.value[at]
    if not np.isfinite(value):
        return f"{e.column} was not observed{on}"
    before = e.value[(e.time < e.start) & np.isfinite(e.value)]
    earlier = before[-1] if len(before) else np.nan
    expected, word = e.forecast[at], "expected"
    if not np.isfinite(expected):
        expected, word = e.reconstruction[at], "reconstructed"
    numbers = [value, expected if np.isfinite(expected) else earlier, e.lower[at], e.upper[at]]
    shown = _numbers([float(number) for number in numbers])
    said = f"{e.column} {_verb(value, earlier, expected)} {shown[0]}{_unit(e.unit)}{on}"
    if np.isfinite(expected):
        band = np.isfinite([e.lower[at], e.upper[at]]).all() and word == "expected"
        within = f" ({shown[2]} to {shown[3]})" if band else ""
        return f"{said} where {shown[1]} was {word}{within}"
    return f"{said} from {shown[1]}" if np.isfinite(earlier) else said


def _verb(value: float, earlier: float, expected: float) -> str:
    """Return how the value got there from before the event.

    It neither rose nor fell where that is its ordinary part.
    """
    moved = np.sign(value - earlier) if np.isfinite(earlier) else 0.0
    if moved == 0:
        return "stayed at" if np.isfinite(earlier) else "stood at"
    if np.isfinite(expected) and np.sign(value - expected) != moved:
        return "stood at"
    return "rose to" if moved > 0 else "fell to"


def _how_much(severity: float, p_value: float) -> str:
    if not np.isfinite(severity):
        said = "far above the threshold"
    elif severity < 1.05:
        said = "just above the threshold"
    else:
        said = f"{severity:,.0f}" if severity >= 10 else f"{severity:.1f}"
        said += " times the threshold"
    if not np.isfinite(p_value):
        return said
    return f"{said} (p {p_text(p_value)})"


def _list_shares(shares: Mapping[str, float], words: Mapping[str, str], *, lead: bool) -> str:
    """Return `mostly the forecast (71 %), then the shift (29 %)`; empty where nothing is known."""
    known = [(name, share) for name, share in shares.items() if np.isfinite(share)]
    known.sort(key=lambda pair: -pair[1])
    known = [pair for number, pair in enumerate(known) if number == 0 or pair[1] >= LEAST_PCT]
    if not known:
        return ""
    first, share = known[0]
    named = [f"{words.get(name, name)} ({share:.0f} %)" for name, share in known[:WORDS_AT_MOST]]
    if not lead:
        return ", ".join(named)
    if len(known) == 1:
        return f"only {words.get(first, first)}" if share >= 99.5 else f"mostly {named[0]}"
    opening = "mostly" if share > 50 else "first"
    return f"{opening} {', then '.join(named)}"


def _features(shares: Mapping[str, float]) -> str:
    return f"seen in {_list_shares(shares, {}, lead=False)}" if len(shares) > 1 else ""


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _time_text(time: np.datetime64, step: np.timedelta64) -> str:
    """Return a step's time as people write it: no finer than the steps are apart."""
    if step >= np.timedelta64(1, "D"):
        return str(time.astype("datetime64[D]"))
    fine = (
        "m" if step >= np.timedelta64(1, "m") else "s" if step >= np.timedelta64(1, "s") else "ms"
    )
    return str(time.astype(f"datetime64[{fine}]")).replace("T", " ")


def _numbers(values: list[float]) -> list[str]:
    """Return numbers that are read beside each other, with digits enough to tell them apart.

    Two digits of the smallest distance from the first to another, and no decimals where the first
    is a whole number above 100 (a price in won, a count); an empty text for what is not finite.
    """
    first, *others = values
    distance = [abs(other - first) for other in others if np.isfinite(other) and other != first]
    size = min(distance) if distance else abs(first)
    largest = max(abs(value) for value in values if np.isfinite(value))
    decimals = 0 if size == 0 else max(0, 1 - int(np.floor(np.log10(size))))
    if first == round(first) and abs(first) >= 100:
        decimals = 0
    if decimals > 6 or largest >= 1e15:
        return [f"{value:.4g}" if np.isfinite(value) else "" for value in values]
    return [f"{value:,.{decimals}f}" if np.isfinite(value) else "" for value in values]
