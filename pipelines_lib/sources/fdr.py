"""FinanceDataReader as a source: one call a code, every silent fault made a sentence."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from queue import SimpleQueue

import pandas as pd
import requests

from pipelines_lib.config import DatasetConfig
from pipelines_lib.errors import SourceError, shown
from pipelines_lib.settings import Settings
from pipelines_lib.sources.answers import find_other_code
from pipelines_lib.sources.base import Fetched
from pipelines_lib.sources.faults import explain_fault, has_hole
from pipelines_lib.sources.http import Client, make_manners, open_client
from pipelines_lib.sources.listing import list_market
from pipelines_lib.sources.patches import activate, patch_reader
from pipelines_lib.sources.rows import join_rows, parse_numbers, parse_times, slug, within

MARGIN = timedelta(days=2)
"""Asked for beyond both ends, then cut: Yahoo leaves out the end and shifts dates by the zone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Question:
    series_id: str
    start: date | None
    end: date | None


class FdrSource:
    """Daily prices by code: KRX shares from Naver, its indices from a cache, others from Yahoo.

    A host that fails several series in a row is not asked again by the same object.
    """

    whole = False

    def __init__(
        self,
        dataset: DatasetConfig,
        settings: Settings,
        *,
        limiter: Callable[[], None] | None = None,
    ) -> None:
        self._dataset = dataset
        self._settings = settings
        self._manners = make_manners(settings, limiter)

    def describe(self) -> str:
        """Return kind and place in a few words."""
        return "fdr: FinanceDataReader" + (" by a mirror" if self._settings.fdr_mirror else "")

    def list_series(self) -> list[str]:
        """Return the codes in the listing of `source.market`, sorted.

        Raises:
            SourceError: No market is named, or its listing cannot be had.
        """
        market = self._dataset.source.market
        if not market:
            raise SourceError(
                f"dataset {self._dataset.name} names no series: list codes in series_ids, "
                "e.g. 005930, or name a market in source.market, e.g. KOSPI"
            )
        patch_reader()
        with open_client(self._manners) as client:
            return list_market(client, market)

    def fetch_rows(self, starts: Mapping[str, date | None], *, end: date | None) -> Fetched:
        """Fetch the daily rows of each code from its start to `end`, both inclusive.

        As many codes are under way at a time as `parallel_requests` says. A code without a row in
        its range is a failure.
        """
        patch_reader()
        questions = [_Question(series_id, start, end) for series_id, start in starts.items()]
        n_workers = max(1, min(self._settings.parallel_requests, len(questions)))
        clients: SimpleQueue[Client] = SimpleQueue()

        def ask(question: _Question) -> pd.DataFrame | SourceError:
            client = clients.get()
            try:
                return self._fetch_series(client, question)
            except SourceError as error:
                _log.debug("%s failed", question.series_id, exc_info=True)
                return error
            finally:
                clients.put(client)

        with ExitStack() as sessions:
            for _ in range(n_workers):
                clients.put(sessions.enter_context(open_client(self._manners)))
            workers = ThreadPoolExecutor(n_workers, thread_name_prefix="fdr")
            try:
                answers = dict(zip(starts, workers.map(ask, questions), strict=True))
            finally:  # an interrupted fetch does not ask for the rest
                workers.shutdown(cancel_futures=True)
        failed = {name: told for name, told in answers.items() if isinstance(told, SourceError)}
        frames = [rows for rows in answers.values() if isinstance(rows, pd.DataFrame)]
        return Fetched(
            join_rows(frames, self._dataset.columns),
            failures={name: str(error) for name, error in failed.items()},
            transient=frozenset(name for name, error in failed.items() if error.transient),
        )

    def _fetch_series(self, client: Client, question: _Question) -> pd.DataFrame:
        import FinanceDataReader  # 1 s to import

        series_id, start, end = question.series_id, question.start, question.end
        client.forget()
        try:
            with activate(client):
                frame = FinanceDataReader.DataReader(
                    series_id,
                    (start - MARGIN).isoformat() if start else None,
                    (end + MARGIN).isoformat() if end else None,
                )
        except Exception as error:  # of many kinds: it indexes into whatever came
            raise explain_fault(client, series_id, error) from error
        other = find_other_code(client.answer) if client.answer is not None else None
        if other is not None:
            host = client.asked_host(client.answer.url if client.answer is not None else None)
            raise SourceError(
                f"{series_id}: {host} answered with prices of {other!r}: they are not stored; "
                "check the code, update finance-datareader if it is right"
            )
        if frame is None or frame.columns.empty or has_hole(client, frame):
            raise explain_fault(client, series_id, None)
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
