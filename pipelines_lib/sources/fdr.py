"""FinanceDataReader as a source: one call a code, every silent fault made a sentence."""

import logging
from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import requests

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.settings import Settings
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.faults import explain_fault, has_hole
from pipelines_lib.sources.http import Client, open_client
from pipelines_lib.sources.rows import join_rows, parse_numbers, parse_times, slug, within

GIVE_UP_AFTER = 3
"""Series in a row that nobody answered, after which the rest of a call is not asked for."""
MARGIN = timedelta(days=2)
"""Asked for beyond both ends, then cut: Yahoo leaves out the end and shifts dates by the zone."""

_log = logging.getLogger(__name__)


class FdrSource:
    """Daily prices by code: KRX shares from Naver, its indices from a cache, others from Yahoo."""

    def __init__(self, dataset: DatasetConfig, settings: Settings) -> None:
        self._dataset = dataset
        self._settings = settings

    def describe(self) -> str:
        """Return kind and place in a few words."""
        return "fdr: FinanceDataReader" + (" by a mirror" if self._settings.fdr_mirror else "")

    def list_series(self) -> list[str]:
        """Refuse: the codes are the user's to name.

        Raises:
            SourceError: Always.
        """
        raise SourceError(
            f"dataset {self._dataset.name} names no series, and FinanceDataReader's market "
            "listings are not supported: list the codes in series_ids, e.g. 005930"
        )

    def fetch_rows(
        self, series_ids: Sequence[str], *, start: date | None, end: date | None
    ) -> Fetched:
        """Fetch the daily rows of these codes from `start` to `end`, both inclusive.

        A code without a row in the range is a failure.
        """
        frames: list[pd.DataFrame] = []
        failures: dict[str, str] = {}
        unanswered = 0
        with open_client(self._settings) as client:
            for series_id in series_ids:
                if unanswered >= GIVE_UP_AFTER:
                    failures[series_id] = (
                        f"{series_id} was not asked for: no answer to the {unanswered} before it; "
                        "check the network and run again"
                    )
                    continue
                client.forget()
                try:
                    frames.append(self._fetch_series(client, series_id, start, end))
                except SourceError as error:
                    _log.debug("%s failed", series_id, exc_info=True)
                    failures[series_id] = str(error)
                unanswered = unanswered + 1 if client.faults and client.answer is None else 0
        return Fetched(join_rows(frames, self._dataset.columns), failures=failures)

    def _fetch_series(
        self, client: Client, series_id: str, start: date | None, end: date | None
    ) -> pd.DataFrame:
        import FinanceDataReader  # 1 s to import

        try:
            frame = FinanceDataReader.DataReader(
                series_id,
                (start - MARGIN).isoformat() if start else None,
                (end + MARGIN).isoformat() if end else None,
            )
        except Exception as error:  # of many kinds: it indexes into whatever came
            raise SourceError(explain_fault(client, series_id, error)) from error
        if frame is None or frame.columns.empty or has_hole(client, frame):
            raise SourceError(explain_fault(client, series_id, None))
        rows = self._make_rows(client, series_id, frame)
        rows = rows[within(rows["time"], start=start, end=end)]
        if rows.empty:
            raise SourceError(
                f"{series_id} has no rows from {start or 'the beginning'} to {end or 'now'}: "
                "widen start and end, or drop the code if it is no longer listed"
            )
        return rows

    def _make_rows(self, client: Client, series_id: str, frame: pd.DataFrame) -> pd.DataFrame:
        theirs = {slug(name): name for name in frame.columns}
        missing = [name for name in self._dataset.columns if name not in theirs]
        if missing:
            raise SourceError(
                f"{series_id} has no column {', '.join(missing)}; it has {shown(theirs, 12)}: "
                "declare kind=values with value_columns among these"
            )
        dates = _yahoo_dates(client.answer, len(frame))
        times = parse_times(pd.Series(frame.index if dates is None else dates)).dt.normalize()
        rows = {"series_id": series_id, "time": times}
        plain = frame.reset_index(drop=True)
        return pd.DataFrame(
            rows | {ours: parse_numbers(plain[theirs[ours]]) for ours in self._dataset.columns}
        )


def _yahoo_dates(answer: requests.Response | None, n_rows: int) -> pd.DatetimeIndex | None:
    """Return the session dates of a Yahoo chart, None if the answer is no such chart.

    FinanceDataReader takes the UTC date of the stamp, which is the day before for bars that are
    stamped at a midnight east of Greenwich, as exchange rates are in summer.
    """
    if answer is None or "/v8/finance/chart/" not in answer.url:
        return None
    chart = answer.json()["chart"]["result"][0]
    zone = chart.get("meta", {}).get("exchangeTimezoneName")
    if zone is None or len(chart["timestamp"]) != n_rows:
        return None
    stamps = pd.to_datetime(chart["timestamp"], unit="s", utc=True)
    return stamps.tz_convert(zone).tz_localize(None)
