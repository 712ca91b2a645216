"""The other ends of all profiles on loopback, and what has arrived there: each record's stream and mark."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import native_journal
import rfc5424
from cloudwatch.fault_endpoint import FaultEndpoint
from security_logging.events.ecs import parse_json
from security_logging.events.line import parse

Found = Counter[tuple[str, str]]  # stream and mark
MARK = re.compile(r"user-\d+|order-\d+|Not Found: /missing-\d+|GET /speak/\d+|GET /healthz")
VERBOSE = re.compile(r"[A-Z]+ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 [\w.]+ \d+ \d+ (?:\[[^\]]*\] )?.*|    \| .*")
CONSOLE = re.compile(r"\d\d:\d\d:\d\d (?:[A-Z]+ +[\w.]+: .*|[a-z_]+ +\S+ .*)|    \| .*|")


def _found(stream: str, text: str) -> Found:
    """Return the marks in a text; in one line each counts once, since JSON names a user twice."""
    return Counter((stream, mark) for line in text.splitlines() for mark in set(MARK.findall(line)))


class Sinks:
    """All of them, in a directory."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack = stack
        self.datagrams: list[bytes] = []
        self.journal: list[bytes] = []
        self.stream = b""
        self.cloudwatch = FaultEndpoint()
        stack.callback(self.cloudwatch.close)
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.udp_url = f"udp://127.0.0.1:{udp.getsockname()[1]}"
        self.tcp_url = f"tcp://127.0.0.1:{tcp.getsockname()[1]}"
        self.unix_url = f"{directory}/log.sock?form=rfc5424"
        self.journal_path = str(directory / "journal.sock")
        for receiver, into in ((udp, self.datagrams), (self._unix("log.sock", stack), self.datagrams)):
            self._start(receiver, into)
        self._start(self._unix("journal.sock", stack), self.journal)
        tcp.settimeout(0.1)
        self._stopping = threading.Event()
        stack.callback(self._stopping.set)
        threading.Thread(target=self._accept, args=(tcp,), daemon=True).start()
        self._frames: list[list[bytes]] = []

    def _unix(self, name: str, stack: ExitStack) -> socket.socket:
        receiver = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        receiver.bind(str(self.directory / name))
        return receiver

    def _start(self, receiver: socket.socket, into: list[bytes]) -> None:
        receiver.settimeout(0.1)
        threading.Thread(target=self._receive, args=(receiver.recv, into), daemon=True).start()

    def _receive(self, receive: Callable[[int], bytes], into: list[bytes]) -> None:
        while True:
            try:
                data = receive(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            into.append(data)

    def _accept(self, tcp: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection = tcp.accept()[0]
            except TimeoutError:
                continue
            except OSError:
                return
            data: list[bytes] = []
            self._frames.append(data)
            self._stack.enter_context(connection)
            self._start(connection, data)

    def console(self, text: str) -> Found:
        """Read what a server has written to its terminal; the stream is not told there."""
        foreign = [line for line in text.splitlines() if not CONSOLE.fullmatch(line)]
        assert [line for line in foreign if MARK.search(line)] == []
        return _found("", text)

    def file(self) -> Found:
        """Read the text files."""
        found: Found = Counter()
        for path in self.directory.glob("*.log"):
            text = path.read_text("ascii" if path.stem == "security" else "utf-8")
            for line in text.splitlines():
                if path.stem == "security":
                    parse(line)
                else:
                    assert VERBOSE.fullmatch(line), line
            found += _found(path.stem, text)
        return found

    def json(self) -> Found:
        """Read the JSON files; the stream in the records must be the file's."""
        found: Found = Counter()
        for path in self.directory.glob("*.json"):
            for line in path.read_text("ascii").splitlines():
                if path.stem == "security":
                    parse_json(line)
                document = json.loads(line)
                assert (document["labels"]["stream"], document["service"]["name"]) == (path.stem, "shop.example.com")
                found += _found(path.stem, line)
        return found

    def syslog(self) -> Found:
        """Read the messages of all transports."""
        messages = [*self.datagrams, *(frame for data in self._frames for frame in rfc5424.frames(b"".join(data)))]
        found: Found = Counter()
        for message in map(rfc5424.parse, messages):
            found += _found(message.data["security@32473"]["stream"], message.message)
        return found

    def journald(self) -> Found:
        """Read the entries of the journal."""
        found: Found = Counter()
        for fields in map(native_journal.parse, self.journal):
            found += _found(fields["DJANGO_STREAM"], fields["MESSAGE"])
        return found

    def cloudwatch_documents(self) -> Found:
        """Read what CloudWatch has got."""
        found: Found = Counter()
        for document in self.cloudwatch.received():
            found += _found(document["labels"]["stream"], json.dumps(document))
        return found


@contextmanager
def sinks(directory: Path) -> Iterator[Sinks]:
    """Run all of them."""
    with ExitStack() as stack:
        yield Sinks(directory, stack)
