"""Nights in processes of their own, to be killed, starved of disk, or set off at the same moment.

`python -m tests.crash_ingest` reads one order a line and answers it with a line, both JSON. It has
imported everything, and forks a child for each ingest, so that a kill falls into the ingest and not
into an import. It never touches a lake itself: threads of the engine would not survive the fork.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines_lib.errors import TidewatchError
from pipelines_lib.ingestion import ingest as ingest_module
from pipelines_lib.ingestion import ingest_dataset
from pipelines_lib.lake import Lake
from tests.market import Market

ROOT = Path(__file__).parents[1]
SERIES_PER_BATCH = 4


@dataclass(frozen=True)
class Outcome:
    """How one ingest ended: killed, with an error (its name, its text), or well."""

    killed: bool = False
    error: str = ""
    text: str = ""
    transient: bool = False
    seconds: float = 0.0


class Ingests:
    """The process that forks ingests; use it in a `with`."""

    def __enter__(self) -> "Ingests":
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash_ingest"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=60)

    def run(
        self,
        uri: str,
        seed: int,
        night: int,
        *ingest_ids: str,
        kill_after: float | None = None,
        file_limit: int | None = None,
    ) -> list[Outcome]:
        """Ingest a night at once under each of these ids, and wait until all have ended.

        Args:
            uri: Where the lake lies.
            seed: Of the market.
            night: Its number.
            ingest_ids: One process each; they start together.
            kill_after: Seconds after which they are killed; None: they run to the end.
            file_limit: Largest file that they can write, in bytes; None: no limit.
        """
        order = [uri, seed, night, ingest_ids, kill_after, file_limit]
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return [Outcome(**told) for told in json.loads(self._server.stdout.readline())]


def ingest_night(lake: Lake, market: Market, night: int, ingest_id: str) -> None:
    """Ingest a night of a market."""
    ingest_dataset(
        lake, market.dataset, market.source(night), ingest_id=ingest_id, at=market.at(night)
    )


def _serve() -> None:
    ingest_module.SERIES_PER_BATCH[False] = SERIES_PER_BATCH
    for line in sys.stdin:
        uri, seed, night, ingest_ids, kill_after, file_limit = json.loads(line)
        told_start, start = os.pipe()
        children = [_fork(uri, seed, night, name, file_limit, told_start) for name in ingest_ids]
        for _, answers in children:
            assert os.read(answers, 1) == b"r"  # ready
        os.close(told_start)
        begin = time.monotonic()
        os.write(start, b"g" * len(children))
        if kill_after is not None:
            time.sleep(kill_after)
            for child, _ in children:
                os.kill(child, signal.SIGKILL)  # one that has ended waits for waitpid, unharmed
        outcomes = [_wait(child, answers, begin) for child, answers in children]
        os.close(start)
        print(json.dumps([asdict(outcome) for outcome in outcomes]), flush=True)


def _fork(
    uri: str, seed: int, night: int, ingest_id: str, file_limit: int | None, told_start: int
) -> tuple[int, int]:
    """Fork a child that ingests once it is told to, and return its id and where it answers."""
    answers, answer = os.pipe()
    child = os.fork()
    if child:
        os.close(answer)
        return child, answers
    try:
        market = Market(seed)
        if file_limit is not None:  # the limit's signal would end the process before it could tell
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        os.write(answer, b"r")
        os.read(told_start, 1)
        began = time.monotonic()
        told = _try(Lake(uri), market, night, ingest_id) | {"seconds": time.monotonic() - began}
        os.write(answer, json.dumps(told).encode())
    finally:
        os._exit(0)


def _try(lake: Lake, market: Market, night: int, ingest_id: str) -> dict[str, object]:
    try:
        ingest_night(lake, market, night, ingest_id)
    except Exception as error:
        transient = isinstance(error, TidewatchError) and bool(getattr(error, "transient", False))
        return {"error": type(error).__name__, "text": str(error)[:2000], "transient": transient}
    return {}


def _wait(child: int, answers: int, begin: float) -> Outcome:
    os.waitpid(child, 0)
    with os.fdopen(answers, "rb") as file:
        told = file.read()
    if not told:
        return Outcome(killed=True, seconds=time.monotonic() - begin)
    return Outcome(**json.loads(told))


if __name__ == "__main__":
    _serve()
