"""Raw rows by hand, and the rules asked about them."""

import pandas as pd

from pipelines_lib.config import DatasetConfig
from pipelines_lib.series.calendar import Calendar
from pipelines_lib.series.quality import check_rows

BARS = DatasetConfig(name="prices", calendar="fixed")
VALUES = DatasetConfig(
    name="sensors", kind="values", value_columns=["value"], target="value", calendar="fixed"
)
DAYS = Calendar("fixed", 1440)
GOOD = (100.0, 110.0, 90.0, 105.0, 1000.0)


def bars(*rows: tuple, series_id: str = "A") -> pd.DataFrame:
    """Return raw bars: (time, open, high, low, close, volume) each."""
    columns = ["time", "open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(list(rows), columns=columns).assign(series_id=series_id)
    times = pd.to_datetime(frame["time"], utc=True, format="ISO8601", errors="coerce")
    return frame.assign(time=times.astype("datetime64[us, UTC]"))


def values(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["series_id", "time", "value"])
    times = pd.to_datetime(frame["time"], utc=True, format="ISO8601", errors="coerce")
    return frame.assign(time=times.astype("datetime64[us, UTC]"))


def check(frame: pd.DataFrame, dataset: DatasetConfig = BARS):
    return check_rows(frame, dataset=dataset, calendar=DAYS)


def prices(checked) -> list[list[float]]:
    return checked.good[["open", "high", "low", "close", "volume"]].to_numpy().tolist()


def flat(time: str, close: float) -> tuple:
    return (time, close, close, close, close, 1.0)


def judge(frame, at, calendar, **fields):
    dataset = DatasetConfig(name="d", **fields)
    return check_rows(frame, dataset=dataset, calendar=calendar, at=pd.Timestamp(at, tz="UTC"))
