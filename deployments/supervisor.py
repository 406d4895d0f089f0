"""Processes that belong together: started in order, shown under names, ended without survivors."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines_lib.errors import TidewatchError

KEPT_LINES = 15
"""Newest lines of a process that are told where it ends unasked."""
LONGEST_WAIT_S = 30.0
"""Seconds between two starts of a process that keeps ending, at most."""
STEADY_S = 60.0
"""A process that lived so long is started again at once when it ends."""
PATIENCE_S = 15.0
"""Seconds that a process has to end by itself before it is killed."""
COLOURS = ("cyan", "magenta", "green", "yellow")

Tell = Callable[[str, str], None]
"""Shows a line under a name."""


@dataclass
class Child:
    """One process: how it is started, and how it goes."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    shown: bool = True
    """Whether what it prints is shown; it is kept for the case that it ends, anyhow."""
    gentle: signal.Signals = signal.SIGTERM
    """What asks it to end by itself."""
    process: "subprocess.Popen[str] | None" = None
    newest: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    started: float = 0.0
    starts: int = 0
    """Starts since it last ran steadily."""
    due: float = 0.0
    """When it is started again, of the monotonic clock."""

    @property
    def running(self) -> bool:
        """Return whether the process lives."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Holds processes together.

    Each has a session of its own, so that Ctrl-C comes here alone, and ends when this process does.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell, self._children = tell, list[Child]()

    def start(self, child: Child) -> Child:
        """Start a process and show what it prints."""
        self._children.append(child)
        self._launch(child)
        return child

    def wait_until(self, ready: Callable[[], bool], child: Child, *, seconds: float) -> None:
        """Wait until a process is ready, and show from then on what it prints.

        Raises:
            TidewatchError: It ended, or is not ready in time; the message has its newest lines.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not child.running:
                code = child.process.returncode if child.process else None
                raise TidewatchError(
                    f"{child.name} ended at its start (exit code {code}); the last it said:\n"
                    + "\n".join(child.newest)
                )
            if time.monotonic() > deadline:
                raise TidewatchError(
                    f"{child.name} is not ready after {seconds:.0f} s; the last it said:\n"
                    + "\n".join(child.newest)
                )
            time.sleep(0.2)
        child.shown = True

    def mind(self) -> None:
        """Start again what has ended: at once the first time, later after growing waits."""
        now = time.monotonic()
        for child in self._children:
            if child.running or child.process is None:
                continue
            if not child.due:
                steady = now - child.started > STEADY_S
                child.starts = 0 if steady else child.starts
                wait = min(LONGEST_WAIT_S, 2.0**child.starts - 1)
                child.due = now + wait
                code = child.process.returncode
                self._tell(child.name, f"ended ({_how(code)}); started again in {wait:.0f} s")
            if now >= child.due:
                self._launch(child)

    def stop(self, child: Child) -> None:
        """End a process and all that it started; kill what does not go by itself."""
        if child.process is None:
            return
        child.shown = False  # what programs say when they are ended helps nobody
        if child.running:
            child.process.send_signal(child.gentle)
            try:
                child.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._tell(child.name, f"is killed: it has not ended within {PATIENCE_S:.0f} s")
        _kill_session(child.process.pid)
        child.process.wait()
        child.process = None

    def stop_all(self) -> None:
        """End all, the last started first."""
        for child in reversed(self._children):
            self.stop(child)

    def _launch(self, child: Child) -> None:
        if child.process is not None:  # a server that was killed may leave workers on its port
            _kill_session(child.process.pid)
        child.process = subprocess.Popen(
            [sys.executable, "-m", "deployments.tether", *child.command],
            env=dict(child.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        child.started, child.due = time.monotonic(), 0.0
        child.starts += 1
        threading.Thread(target=self._read, args=(child, child.process), daemon=True).start()

    def _read(self, child: Child, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.rstrip()
            if text:
                child.newest.append(text)
                if child.shown:
                    self._tell(child.name, text)


def name_lines(names: Sequence[str], *, secrets: Sequence[str] = ()) -> Tell:
    """Return what prints a line under a name, in its colour where this is a terminal.

    Secrets in a line are shown as ***: a program may tell an address that it could not reach.
    """
    import typer

    width, lock = max(map(len, names)), threading.Lock()
    colours = dict(zip(names, COLOURS, strict=False))

    def tell(name: str, text: str) -> None:
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        label = typer.style(f"{name:<{width}} |", fg=colours.get(name))
        with lock:
            typer.echo(f"{label} {text}")
            sys.stdout.flush()

    return tell


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _kill_session(leader: int) -> None:
    """Kill all processes of a session, also those whose parents are gone."""
    import psutil

    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                process.kill()
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
