"""A server on this machine that answers as FinanceDataReader's hosts do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from pipelines_lib.settings import Settings

Answer = tuple[int, str, str]
"""Status, content type, body."""


@dataclass
class Mirror:
    """What the server answers, by the last part of the question; `asked` keeps every request."""

    url: str = ""
    answers: dict[str, Callable[[], Answer] | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def settings(self, **more: object) -> Settings:
        return Settings(fdr_mirror=self.url, read_timeout_s=5, **more)


@contextmanager
def open_mirror() -> Iterator[Mirror]:
    mirror = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror.asked.append(self.path)
            found = next((a for key, a in mirror.answers.items() if key in self.path), None)
            found = found or (404, "text/plain", "unknown")
            status, kind, body = found() if callable(found) else found
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in mirror.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mirror
    server.shutdown()
    thread.join()
    server.server_close()
