"""Features and targets of a panel: every value at step t is known at step t."""

import numpy as np
import pandas as pd

from pipelines_lib.errors import ConfigError
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.cross_section import subtract_median
from pipelines_lib.series.panel import Panel
from pipelines_lib.series.sentiment import COVARIATES

VOLATILITY_STEPS = 20
RANK_STEPS = 20
RETURNS = {f"{name}_return": name for name in ("open", "high", "low", "close")}
CALENDAR = "calendar"
CALENDAR_COLUMNS = frozenset(
    f"at_{turn}_{wave}" for turn in ("weekday", "year", "day") for wave in ("sin", "cos")
)


def feature_names(features: list[str], panel: Panel) -> list[str]:
    """Return the columns that `make_features` makes, `calendar` spelled out.

    Raises:
        ConfigError: A feature is neither a value column nor a derived one that it allows, or is of
            documents, and none were scored.
    """
    known = [*panel.columns, *_derived(panel), *panel.covariates, CALENDAR]
    for name in features:
        if name in COVARIATES and name not in known:
            raise ConfigError(
                f"feature {name!r} needs the sentiment of documents, and the data has none: "
                "declare the dataset's documents and score them, or leave it out of features"
            )
        if name not in known:
            raise ConfigError(f"feature {name!r} is none of {', '.join(known)}: correct features")
    if len(set(features)) < len(features):
        raise ConfigError("features names a column twice")
    spelled = [name for name in features if name != CALENDAR]
    return spelled + (_calendar_names(panel.calendar) if CALENDAR in features else [])


def make_features(panel: Panel, features: list[str]) -> np.ndarray:
    """Compute feature columns (N, F), NaN where a needed step was not observed.

    Derived columns of bars: `open_return`, `high_return`, `low_return`, `close_return` are log
    returns against the previous close; `volume_change` is the change of the log volume, 0 where
    either volume is 0, as in a halt; `volume_rank` is the share of the 20 steps before whose volume
    was below this one's, a tie counting half: it has no unit, and 20 steps after a split that the
    volumes are not adjusted for it has forgotten it; `volatility` is the standard deviation of the
    last 20 close returns; `calendar` is sine and cosine of weekday, time of year and, below a day,
    time of day.

    Beside the panel's other series: `relative_return` is `close_return` less its median over all
    series at the same step, so that a day on which the market moves is not each share's own;
    `relative_volume` is `volume_change` less its median. Where fewer than 5 series have such a
    value, 0 is subtracted: a panel of one series has its own returns. A step without trading, as
    in a halt, has no part in the median and is 0, whatever the others did. They change with the
    series in the panel, so that a model needs the market it has learned from.

    Of the documents that count for a step: `sentiment` is their mean polarity, `sentiment_count`
    log(1 + their number), `sentiment_dispersion` the standard deviation of their polarity, each 0
    where there are none; `sentiment_mood` is the sum of the polarity of all documents so far, each
    halved by age. They are known of every row of a panel that was read from the lake.
    """
    names = feature_names(features, panel)
    made = {}
    if CALENDAR in features:
        waves = make_calendar_features(panel.calendar, panel.position)
        made = dict(zip(_calendar_names(panel.calendar), waves.T, strict=True))
    for name in names:
        if name in panel.columns:
            made[name] = panel.column(name)
        elif name in panel.covariates:
            made[name] = panel.covariates[name]
        elif name in RETURNS:
            made[name] = _log_return(panel, RETURNS[name])
        elif name == "volume_change":
            made[name] = _volume_change(panel)
        elif name == "relative_return":
            made[name] = _relative_return(panel)
        elif name == "relative_volume":
            made[name] = _relative_volume(panel)
        elif name == "volatility":
            made[name] = _volatility(panel)
        elif name == "volume_rank":
            made[name] = _volume_rank(panel)
    if not names:
        return np.empty((len(panel.position), 0))
    stacked = np.stack([made[name] for name in names], axis=1)
    return np.where(np.isfinite(stacked), stacked, np.nan)  # the log of a price of 0, say


def make_calendar_features(calendar: Calendar, positions: np.ndarray) -> np.ndarray:
    """Compute sine and cosine of weekday, time of year and, below a day, time of day (P, K).

    They depend on the calendar alone, so that they are known of steps that are still to come.
    """
    times = calendar.times(positions)
    day = times.astype("datetime64[D]")
    turns = [
        (day.astype("int64") + 3) % 7 / 7,  # 1970-01-01 was a Thursday
        (day - day.astype("datetime64[Y]")).astype("int64") / 365.25,
    ]
    if calendar.step_minutes < 1440:
        turns.append((times - day).astype("int64") / 86_400e6)
    waves = [wave(2 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1)


def _derived(panel: Panel) -> list[str]:
    """Return the derived columns whose value columns the panel has."""
    have = set(panel.columns)
    names = [name for name, price in RETURNS.items() if {price, "close"} <= have]
    names += ["volume_change", "volume_rank", "relative_volume"] if "volume" in have else []
    return names + (["volatility", "relative_return"] if "close" in have else [])


def is_scaled(names: list[str]) -> np.ndarray:
    """Return True for the columns that a scaler should touch: all but the calendar's (F,)."""
    return np.array([name not in CALENDAR_COLUMNS for name in names], dtype=bool)


def make_target(panel: Panel, target: str, *, target_kind: str, steps: int = 1) -> np.ndarray:
    """Compute what the network learns (N,): the level, or its log return over `steps` steps.

    Raises:
        ConfigError: log_return is asked for, and every series has values that are not positive;
            where only some have, those steps are unknown.
    """
    level = panel.column(target)
    if target_kind == "level":
        return level
    without_log = level <= 0
    affected = np.unique(panel.row_series[without_log])
    if len(affected) == len(panel.series_ids):  # else the others go on, these steps are unknown
        series = panel.series_ids[affected[0]]
        raise ConfigError(
            f"target {target!r} of series {series} has values <= 0, which have no log return: "
            "set target_kind=level"
        )
    log = np.log(np.where(without_log, np.nan, level))
    return log - previous_values(panel, log, steps)


def previous_values(panel: Panel, values: np.ndarray, steps: int = 1) -> np.ndarray:
    """Return the value `steps` steps before, NaN where that lies before the series."""
    shifted = np.full_like(values, np.nan)
    shifted[steps:] = values[:-steps]
    shifted[panel.row_in_series < steps] = np.nan
    return shifted


def _log_return(panel: Panel, price: str) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        now, close = np.log(panel.column(price)), np.log(panel.column("close"))
        return now - previous_values(panel, close)


def _relative_return(panel: Panel) -> np.ndarray:
    halted = np.zeros(len(panel.position), dtype=bool)
    if "volume" in panel.columns:
        halted = panel.column("volume") == 0
    return subtract_median(panel, _log_return(panel, "close"), counted=~halted)


def _relative_volume(panel: Panel) -> np.ndarray:
    return subtract_median(panel, _volume_change(panel), counted=_traded_twice(panel))


def _traded_twice(panel: Panel) -> np.ndarray:
    """Return the rows that were traded at their step and at the one before (N,)."""
    volume = panel.column("volume")
    return (volume > 0) & (previous_values(panel, volume) > 0)


def _volume_change(panel: Panel) -> np.ndarray:
    volume = panel.column("volume")
    before = previous_values(panel, volume)
    traded = _traded_twice(panel)
    change = np.where(np.isnan(volume) | np.isnan(before), np.nan, 0.0)
    change[traded] = np.log(volume[traded] / before[traded])
    return change


def _volatility(panel: Panel) -> np.ndarray:
    returns = pd.Series(_log_return(panel, "close"))
    rolled = returns.groupby(panel.row_series).rolling(VOLATILITY_STEPS).std()
    return rolled.to_numpy()


def _volume_rank(panel: Panel) -> np.ndarray:
    volume = panel.column("volume")
    beaten, known = np.zeros(len(volume)), np.isfinite(volume)
    for lag in range(1, RANK_STEPS + 1):
        before = previous_values(panel, volume, lag)
        beaten += (before < volume) + 0.5 * (before == volume)
        known &= np.isfinite(before)
    return np.where(known, beaten / RANK_STEPS, np.nan)


def _calendar_names(calendar: Calendar) -> list[str]:
    turns = ["weekday", "year"] + (["day"] if calendar.step_minutes < 1440 else [])
    return [f"at_{turn}_{wave}" for turn in turns for wave in ("sin", "cos")]
