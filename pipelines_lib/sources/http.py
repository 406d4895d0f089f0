"""Send requests with manners: deadlines, a pace, repeats of what may pass, an end to trying.

Nothing here knows FinanceDataReader; `patches` makes it send through a client.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential, wait_random
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from pipelines_lib.settings import Settings
from pipelines_lib.sources.answers import CutShort, NotData, check_answer, read_body
from pipelines_lib.sources.pace import (
    LONGEST_WAIT_S,
    Breaker,
    Pause,
    local_limiter,
    shared_pause,
)

BASE_WAIT_S = 1.0
"""Wait before the first repeat, doubled for each further one; as much again by chance."""
BUSY = (429, 500, 502, 503, 504)
"""Statuses that may pass."""
REFUSED = (401, 403)
GIVE_UP_AFTER = 3
"""Series in a row that a host left without an answer, or told to ask less, until it is given up."""
GIVE_UP_AFTER_ERRORS = 10
"""The same for hosts that answer with errors: some codes alone can cause those."""

_log = logging.getLogger(__name__)


class GivenUp(requests.ConnectionError):
    """The host was not asked: it has failed too many series before."""


@dataclass(frozen=True)
class Manners:
    """How a source's hosts are asked; shared by all clients of one source object."""

    timeout: tuple[float, float]
    """Seconds to connect, and to wait for the next bytes."""
    answer_timeout: float
    attempts: int
    limiter: Callable[[], None]
    """Called before each request, repeats too; returns when it may be sent."""
    pause: Pause
    mirror: str = ""
    breaker: Breaker = field(default_factory=Breaker)


def make_manners(settings: Settings, limiter: Callable[[], None] | None = None) -> Manners:
    """Read the manners from the settings; without a limiter, this process keeps to their pace."""
    source = f"fdr {settings.fdr_mirror}"
    return Manners(
        timeout=(settings.connect_timeout_s, settings.read_timeout_s),
        answer_timeout=settings.answer_timeout_s,
        attempts=settings.attempts,
        limiter=limiter or local_limiter(source, settings.requests_per_second),
        pause=shared_pause(source),
        mirror=settings.fdr_mirror.rstrip("/"),
    )


@dataclass
class Client:
    """One session, and what its last series met: `answer`, `faults`. For one thread at a time."""

    session: requests.Session
    manners: Manners
    answer: requests.Response | None = None
    """The last answer, whatever its status."""
    faults: list[requests.RequestException] = field(default_factory=list)
    """Every request that failed, also those whose exception FinanceDataReader swallowed."""

    def forget(self) -> None:
        """Start over for the next series."""
        self.answer, self.faults = None, []

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send one request, to the mirror where one is set; again where its fault may pass.

        Raises:
            requests.RequestException: No whole answer in time, one with an error status, or one
                that is not data; the same again at once where the host failed this series
                before; GivenUp where it failed too many series.
        """
        host = urlsplit(url).netloc
        for fault in self.faults:
            if is_of_host(fault) and self.host_of(fault) == host:
                raise fault
        if self.manners.mirror:
            url = f"{self.manners.mirror}/{url.split('://', 1)[-1]}"
        try:
            self._refuse_given_up(host, method, url)
            again = Retrying(
                retry=retry_if_exception(may_pass),
                stop=lambda state: self._is_enough(state, host),
                wait=_wait_before_repeat,
                before_sleep=_log_repeat,
                reraise=True,
            )
            answer = again(self._send_once, method, url, options)
        except requests.RequestException as fault:
            self.faults.append(fault)
            self._count_failure(host, fault)
            raise
        self.manners.breaker.succeed(host)
        return answer

    def host_of(self, fault: requests.RequestException) -> str:
        """Return the host that a failed request was for, also where a mirror stood in for it."""
        request = fault.request if fault.response is None else fault.response.request
        return self.asked_host(request.url if request is not None else None)

    def asked_host(self, url: str | None) -> str:
        """Return the host of an address, also where a mirror stands before it."""
        if not url:
            return "FinanceDataReader"
        plain = url.removeprefix(self.manners.mirror + "/") if self.manners.mirror else url
        return plain.split("://", 1)[-1].split("/")[0].split("?")[0]

    def _send_once(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        manners = self.manners
        manners.limiter()
        while manners.pause.wait():
            manners.limiter()  # all wait for the end of a pause: let them not ask at once
        deadline = time.monotonic() + manners.answer_timeout
        options = options | {"timeout": manners.timeout, "stream": True}
        answer = self.session.request(method, url, **options)
        read_body(answer, deadline)
        self.answer = answer
        if answer.status_code == 429 or _asked_pause(answer) is not None:
            manners.pause.begin(_asked_pause(answer))
        answer.raise_for_status()
        check_answer(answer)
        manners.pause.end_row()
        return answer

    def _refuse_given_up(self, host: str, method: str, url: str) -> None:
        reason = self.manners.breaker.reason(host)
        if reason is not None:
            request = requests.Request(method, url).prepare()
            raise GivenUp(reason, request=request)

    def _is_enough(self, state: RetryCallState, host: str) -> bool:
        given_up = self.manners.breaker.reason(host) is not None
        return given_up or state.attempt_number >= self.manners.attempts

    def _count_failure(self, host: str, fault: requests.RequestException) -> None:
        breaker = self.manners.breaker
        if not is_of_host(fault):
            breaker.succeed(host)
        elif not isinstance(fault, GivenUp):
            overrun = fault.response is None or _status(fault) == 429
            limit = GIVE_UP_AFTER if overrun else GIVE_UP_AFTER_ERRORS
            breaker.fail(host, _in_words(fault), limit=limit)


@contextmanager
def open_client(manners: Manners) -> Iterator[Client]:
    """Give a client with a session of its own."""
    with requests.Session() as session:
        yield Client(session, manners)


def may_pass(fault: BaseException) -> bool:
    """Tell whether the same request may be answered well when it is sent again soon."""
    if isinstance(fault, GivenUp | requests.exceptions.SSLError):
        return False
    if isinstance(fault, requests.HTTPError):
        return _status(fault) in BUSY
    return isinstance(fault, requests.Timeout | requests.ConnectionError | CutShort)


def is_of_host(fault: requests.RequestException) -> bool:
    """Tell whether a fault is the host's, so that its next request is as likely to fail."""
    refused = isinstance(fault, NotData) or _status(fault) in REFUSED
    return refused or fault.response is None or may_pass(fault)


def _wait_before_repeat(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome else None
    if isinstance(fault, requests.HTTPError) and (
        _status(fault) == 429 or _asked_pause(fault.response) is not None
    ):
        return 0  # the pause of all is waited for before the request
    doubled = wait_exponential(multiplier=BASE_WAIT_S, max=LONGEST_WAIT_S)
    return doubled(state) + wait_random(0, BASE_WAIT_S)(state)


def _asked_pause(answer: requests.Response | None) -> float | None:
    """Return the seconds that a busy server asks us to wait, None if it names none."""
    header = answer.headers.get("Retry-After") if answer is not None else None
    if answer is None or header is None or answer.status_code not in (429, 503):
        return None
    try:
        return float(Retry().parse_retry_after(header))
    except InvalidHeader:
        return None


def _log_repeat(state: RetryCallState) -> None:
    fault = state.outcome.exception() if state.outcome else None
    _log.debug("attempt %d failed, once more: %s", state.attempt_number, fault)


def _status(fault: requests.RequestException) -> int:
    """Return the status of the answer, 0 if there was none."""
    return 0 if fault.response is None else fault.response.status_code


def _in_words(fault: requests.RequestException) -> str:
    if fault.response is None:
        return f"no answer ({type(fault).__name__})"
    if isinstance(fault, CutShort):
        return "an answer that breaks off"
    return "a web page" if isinstance(fault, NotData) else f"status {_status(fault)}"
