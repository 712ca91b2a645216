"""A loopback Sentry that keeps what the real sentry-sdk sends."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Sentry(ThreadingHTTPServer):
    """The items of all envelopes, by type."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.raw = b""
        self.items: list[tuple[str, Any]] = []

    @property
    def dsn(self) -> str:
        """Return where the SDK sends to."""
        return f"http://key@127.0.0.1:{self.server_address[1]}/1"

    def of_type(self, kind: str) -> list[Any]:
        """Return the items of one type."""
        return [item for found, item in self.items if found == kind]

    def logs(self) -> list[tuple[str, dict[str, Any]]]:
        """Return body and attributes of each structured log."""
        found = [each for item in self.of_type("log") for each in item["items"]]
        return [(each["body"], {name: a["value"] for name, a in each["attributes"].items()}) for each in found]


class _Receiver(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        self.server.raw += data
        self.server.items.extend(_items(data))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Be silent."""


def _items(data: bytes) -> Iterator[tuple[str, Any]]:
    _, _, rest = data.partition(b"\n")
    while rest.strip():
        header, _, rest = rest.partition(b"\n")
        described = json.loads(header)
        length = described.get("length", rest.find(b"\n"))
        yield described["type"], json.loads(rest[:length])
        rest = rest[length:].lstrip(b"\n")


@contextmanager
def sentry() -> Iterator[Sentry]:
    """Run a Sentry."""
    server = Sentry()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
