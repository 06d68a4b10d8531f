"""A loopback export endpoint: day files, spliced into one gzip body by the kernel."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

_ME = b'{"status":"ok","results":{"projects":{"1":{"name":"Benchmark","timezone":"UTC"}}}}'
_ANSWERS = {
    "/api/app/me": _ME,
    # What other tools ask before they export.
    "/api/2.0/engage": b"{}",
    "/api/2.0/engage/properties": b"{}",
    "/api/2.0/events/properties/top": b"{}",
    "/api/query/events/properties/top": b"{}",
    "/api/query/engage/properties": b'{"results":{"$browser":{"count":1,"type":"string"}}}',
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class _Export(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    days: dict[date, Path]

    def do_GET(self) -> None:
        if (asked_for := urlsplit(self.path).path) in _ANSWERS:
            self._answer(_ANSWERS[asked_for])
            return
        asked = parse_qs(urlsplit(self.path).query)
        first, last = (date.fromisoformat(asked[name][0]) for name in ("from_date", "to_date"))
        files = [path for day, path in sorted(self.days.items()) if first <= day <= last]
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(sum(path.stat().st_size for path in files)))
        self.end_headers()
        for path in files:
            with path.open("rb") as day:
                at, size = 0, path.stat().st_size
                while at < size:
                    at += os.sendfile(self.connection.fileno(), day.fileno(), at, size - at)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it)
        pass


@contextmanager
def serving(files: list[Path]) -> Iterator[str]:
    """Serve day files (named `YYYY-MM-DD…`) and give the address to ask."""
    days = {date.fromisoformat(found[0]): path for path in files if (found := _DAY.match(path.name))}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Days", (_Export,), {"days": days}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
