"""A folder, a cache and a small web server of the test's own; never the user's, never the net."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no data folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ROBUSTCORE_DATA", "")
    monkeypatch.setenv("ROBUSTCORE_CACHE", str(folder))
    return folder


@pytest.fixture
def full_data():
    """The user's data folder, or a skip."""
    from robustcore.datasets.files import data_folder

    folder = data_folder()
    if folder is None:
        pytest.skip("the full data sets are not on this machine (set ROBUSTCORE_DATA)")
    return folder


@dataclass
class Site:
    """What the server holds and how it misbehaves; it notes each request."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)  # bytes sent, one entry for each request
    stall: float = 0.0  # seconds of silence after the first half
    ignores_range: bool = False
    ranges: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


def _handler(get_site: Callable[[], Site]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            site = get_site()
            asked = self.headers.get("Range", "")
            site.ranges.append(asked)
            body = site.files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
            start = 0 if site.ignores_range else start
            if start >= len(body) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            sent = body[start:][: site.cut_after.pop(0)] if site.cut_after else body[start:]
            half = len(sent) // 2 if site.stall else len(sent)
            self.wfile.write(sent[:half])
            self.wfile.flush()
            if site.stall:
                site.release.wait(site.stall)

    return Handler


@pytest.fixture
def site():
    """A server on loopback."""
    holder: list[Site] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: holder[0]))
    holder.append(Site(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield holder[0]
    holder[0].release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stopwatch():
    """Seconds since the fixture began."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
