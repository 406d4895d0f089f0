"""What befalls the made-up shares: halts, a split, a late listing, anomalies with labels."""

from dataclasses import dataclass, field

import numpy as np

from pipelines_lib.config import SourceConfig

MAX_MOVE = 0.295
"""Largest move of a session, as a fraction: inside the exchange's 30 %, room for rounding left."""
KINDS = ("jump", "volume_burst", "range_burst")
SPLIT_FACTOR = 5
SPLIT_SERIES, LATE_SERIES, BROKEN_SERIES = 1, 3, 0
HALT_EVERY, HALT_OFFSET = 3, 2
"""Of every three series the third is halted."""
MIN_STEPS = 60
"""A shorter history is left in peace."""


@dataclass(frozen=True)
class Script:
    """The events of one series, all by step."""

    halted: np.ndarray
    """Steps without trading, a mask (n_steps,)."""
    volume_factor: np.ndarray
    """What a split multiplies the volume by, (n_steps,)."""
    listed_at: int = 0
    broken_at: int | None = None
    anomalies: dict[int, str] = field(default_factory=dict)
    """Step to kind, in order."""
    sizes: dict[int, float] = field(default_factory=dict)
    """Step of an anomaly to a number in [-1, 1) that sets its size and sign."""


def make_script(number: int, source: SourceConfig) -> Script:
    """Decide what befalls series `number`: halts, split and listing early, anomalies later."""
    n = source.n_steps
    halted, volume_factor = np.zeros(n, dtype=bool), np.ones(n)
    if n < MIN_STEPS:
        return Script(halted, volume_factor)
    rng = np.random.default_rng(np.random.SeedSequence([source.seed, number + 1, 2]))
    if number % HALT_EVERY == HALT_OFFSET:
        for place in (0.2, 0.32, 0.95):
            first = int(place * n)
            halted[first : first + rng.integers(1, 4)] = True
    if number == SPLIT_SERIES:
        halted[int(0.4 * n) - 3 : int(0.4 * n)] = True
        volume_factor[int(0.4 * n) :] = SPLIT_FACTOR
    listed_at = n // 4 if number == LATE_SERIES else 0
    if not source.anomalies:
        return Script(halted, volume_factor, listed_at)
    half, until = n // 2, int(0.93 * n)
    slot = min(100, (until - half) // len(KINDS))
    steps = [
        int(start + rng.integers(slot // 4, slot)) for start in range(half, until - slot + 1, slot)
    ]
    return Script(
        halted,
        volume_factor,
        listed_at,
        broken_at=int(0.3 * n) if number == BROKEN_SERIES else None,
        anomalies={step: KINDS[(i + number) % len(KINDS)] for i, step in enumerate(steps)},
        sizes={step: rng.uniform(-1, 1) for step in steps},
    )


def jump_returns(returns: np.ndarray, volatility: np.ndarray, script: Script) -> np.ndarray:
    """Put the jumps: 9 to 11 times the day's volatility, at most MAX_MOVE."""
    returns = returns.copy()
    for step, size in _sizes(script, "jump"):
        move = min((10 + size) * volatility[step], MAX_MOVE - 0.005)
        returns[step] = np.log1p(np.sign(size) * move)
    return returns


def burst_volumes(volume: np.ndarray, script: Script) -> np.ndarray:
    """Put the volume bursts: 15 to 25 times the volume, and at least of the usual one."""
    volume = volume.copy()
    for step, size in _sizes(script, "volume_burst"):
        usual = np.median(volume[max(0, step - 20) : step])
        volume[step] = np.ceil(max(volume[step], usual) * (20 + 5 * size))
    return volume


def burst_ranges(bars: dict[str, np.ndarray], script: Script) -> None:
    """Put the range bursts: high and low 11 to 15 % away, open and close unmoved."""
    for step, size in _sizes(script, "range_burst"):
        bars["high"][step] = np.ceil(bars["high"][step] * (1.13 + 0.02 * size))
        bars["low"][step] = np.floor(bars["low"][step] * (0.87 - 0.02 * size))


def halt_bars(bars: dict[str, np.ndarray], script: Script) -> None:
    """Write halted steps as the Korean feed does: only the close, carried."""
    for name in ("open", "high", "low", "volume"):
        bars[name][script.halted] = 0


def break_one_row(bars: dict[str, np.ndarray], script: Script) -> None:
    """Make one row plainly wrong, its low above its high, for the quality rules to find."""
    if script.broken_at is not None:
        bars["low"][script.broken_at] = np.ceil(1.1 * bars["high"][script.broken_at])


def _sizes(script: Script, kind: str) -> list[tuple[int, float]]:
    return [(step, script.sizes[step]) for step, found in script.anomalies.items() if found == kind]
