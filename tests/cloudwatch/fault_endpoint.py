"""A CloudWatch Logs on loopback that can be made to fail in every way, and counts each event by its id."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from free_port import free_port

ERRORS = {
    "500": (500, "InternalFailure"),
    "503": (503, "ServiceUnavailableException"),
    "throttled": (400, "ThrottlingException"),
    "expired": (400, "ExpiredTokenException"),
    "denied": (400, "AccessDeniedException"),
    "missing": (400, "ResourceNotFoundException"),
    "invalid": (400, "InvalidParameterException"),
}
SLOW_SECONDS = 0.2


class FaultEndpoint:
    """
    The endpoint; `mode` may be changed at any time.

    Modes: ok, hang, reset, slow, and the keys of `ERRORS`; "denied PutLogEvents" concerns that action alone.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        """Listen on a free port; with a certificate and its key over TLS."""
        self.mode = "ok"
        self.events: Counter[str] = Counter()
        self.messages: list[dict[str, Any]] = []  # as they came, with their stream; not kept when `keep` is off
        self.keep = True
        self.keys = ""  # the access key that is valid, any other has expired; "": each is valid
        self.calls: Counter[str] = Counter()
        self.streams: set[tuple[str, str]] = set()
        self.batches: list[int] = []
        self.rejected: dict[str, int] = {}  # what the answer says about the next batches
        self.released = threading.Event()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.endpoint = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and release every connection that hangs."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def received(self, stream_end: str = "") -> list[Any]:
        """Return the documents that arrived in the streams with that end, without heartbeats."""
        found = [item for item in self.messages if item["stream"].endswith(stream_end)]
        return [document for item in found if not _is_heartbeat(document := json.loads(item["message"]))]

    def take(self, stream: str, events: list[dict[str, Any]]) -> None:
        """Count the events that a put brought."""
        with self.lock:
            self.batches.append(len(events))
            for event in events:
                self.events[_id(event["message"])] += 1
                if self.keep:
                    self.messages.append({"stream": stream, **event})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: FaultEndpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what we are here for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault, _, only = endpoint.mode.partition(" ")
        with endpoint.lock:
            endpoint.calls[action] += 1
        if only not in ("", action):
            fault = "ok"
        if endpoint.keys and f"Credential={endpoint.keys}/" not in self.headers["Authorization"]:
            fault = "expired"
        if fault == "hang":
            endpoint.released.wait(120)
            fault = "reset"
        if fault == "reset":
            self._reset()
        elif fault in ERRORS:
            status, code = ERRORS[fault]
            self._answer(status, {"__type": code, "message": "as the test wants it"})
        else:
            time.sleep(SLOW_SECONDS if fault == "slow" else 0)
            self._serve(action, body)

    def _serve(self, action: str, body: dict[str, Any]) -> None:
        endpoint = self.server.endpoint
        key = (body.get("logGroupName", ""), body.get("logStreamName", ""))
        if action == "CreateLogStream":
            known = key in endpoint.streams
            endpoint.streams.add(key)
            self._answer(400 if known else 200, {"__type": "ResourceAlreadyExistsException"} if known else {})
        elif action != "PutLogEvents":
            self._answer(200, {"logGroups": [], "logStreams": []})
        elif key not in endpoint.streams:
            self._answer(400, {"__type": "ResourceNotFoundException", "message": "no such stream"})
        else:
            endpoint.take(key[1], body["logEvents"])
            self._answer(200, {"rejectedLogEventsInfo": endpoint.rejected} if endpoint.rejected else {})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def fault_endpoint(mode: str = "ok", certificate: tuple[Path, Path] | None = None) -> Iterator[FaultEndpoint]:
    """Run an endpoint."""
    endpoint = FaultEndpoint(certificate)
    endpoint.mode = mode
    try:
        yield endpoint
    finally:
        endpoint.close()


def refusing_url() -> str:
    """Return a URL on loopback where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Return a new certificate for 127.0.0.1 and its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def _id(message: str) -> str:
    try:
        document = json.loads(message)
        return str(document["event"]["id"])
    except (ValueError, KeyError, TypeError):
        return message


def _is_heartbeat(document: Any) -> bool:
    return bool(document.get("event", {}).get("action") == "heartbeat")
