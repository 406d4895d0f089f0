"""How fast and how long a source is asked: a turn for each request, pauses, giving up on a host.

Turns and pauses are shared by all threads and source objects of this process.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

LONGEST_WAIT_S = 30.0
"""A server that asks for a longer pause (Retry-After) is asked again after this one."""
TOO_MANY_WAIT_S = 5.0
"""Pause after a 429 that names none, doubled each time: asking sooner makes it worse."""

_next_turn: dict[str, float] = defaultdict(float)
_taking_turns = Lock()


def local_limiter(source: str, per_second: float) -> Callable[[], None]:
    """Return what waits for a turn, `per_second` of them for all users of `source` together."""
    return partial(_wait_turn, source, 1 / per_second)


def _wait_turn(source: str, gap_s: float) -> None:
    with _taking_turns:
        now = time.monotonic()
        turn = max(now, _next_turn[source])
        _next_turn[source] = turn + gap_s
    time.sleep(turn - now)


class Pause:
    """A time during which nobody asks a source, since it answered one of us with 429."""

    def __init__(self) -> None:
        self._until = 0.0
        self._in_a_row = 0
        self._lock = Lock()

    def begin(self, asked_s: float | None) -> None:
        """Pause for the seconds that the server asked for, at most LONGEST_WAIT_S.

        Without them it is TOO_MANY_WAIT_S, doubled for each pause in a row; answers to requests
        that were under way when the pause began do not lengthen it.
        """
        with self._lock:
            now = time.monotonic()
            if asked_s is None:
                if now < self._until:
                    return
                asked_s = TOO_MANY_WAIT_S * 2**self._in_a_row
                self._in_a_row += 1
            self._until = max(self._until, now + min(asked_s, LONGEST_WAIT_S))

    def end_row(self) -> None:
        """Start over with short pauses: the source has answered."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row = 0

    def wait(self) -> bool:
        """Wait until no pause is left; tell whether there was one."""
        waited = False
        while (left := self._until - time.monotonic()) > 0:
            time.sleep(left)
            waited = True
        return waited


_pauses: dict[str, Pause] = {}


def shared_pause(source: str) -> Pause:
    """Return the pause that all users of `source` in this process share."""
    return _pauses.setdefault(source, Pause())


@dataclass
class Breaker:
    """Which hosts are given up: those that failed too many series in a row."""

    _row: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _open: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fail(self, host: str, why: str, *, limit: int) -> None:
        """Count a series that a host failed; give the host up at `limit` of them in a row."""
        with self._lock:
            self._row[host] += 1
            if self._row[host] >= limit:
                self._open.setdefault(host, f"{why}, {self._row[host]} times in a row")

    def succeed(self, host: str) -> None:
        """Take a host up again: it has answered."""
        if self._row.get(host):
            with self._lock:
                self._row[host] = 0
                self._open.pop(host, None)

    def reason(self, host: str) -> str | None:
        """Return why a host was given up, None if it was not."""
        return self._open.get(host)
