"""Transports to log servers: what is sent is confirmed, restarts cost nothing, and a dead server is noticed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from log_records import event_record
from log_server import LogServer
from security_logging.handlers import streams
from security_logging.handlers.streams import DatagramTransport, StreamTransport
from security_logging.handlers.syslog import SyslogHandler
from security_logging.internal.queue.message import Message
from waiting import wait_until


def messages(*texts: str) -> list[Message]:
    """Return messages."""
    return [Message("", 1, text) for text in texts]


@pytest.fixture
def server() -> Iterator[LogServer]:
    """Yield a running server."""
    running = LogServer()
    yield running
    running.stop()


@pytest.fixture
def unread() -> Iterator[LogServer]:
    """Yield a server that accepts connections and never reads."""
    running = LogServer(reads=False)
    yield running
    running.stop()


@pytest.fixture
def transport(server: LogServer) -> Iterator[StreamTransport]:
    """Yield a transport to the server."""
    made = StreamTransport(server.connect)
    yield made
    made.close()


def test_order(transport: StreamTransport, server: LogServer) -> None:
    """Messages arrive complete and in order."""
    sent = messages(*(f"{number}," for number in range(500)))
    receipt = transport.send(sent)
    assert (receipt.sent, receipt.error) == (sent, "")
    assert wait_until(lambda: server.received == b"".join(b"%d," % number for number in range(500)))


def test_restarted_server(transport: StreamTransport, server: LogServer) -> None:
    """A server that was restarted gets what comes next over a new connection."""
    transport.send(messages("before,"))
    assert wait_until(lambda: server.received == b"before,")
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        transport.send(messages("meanwhile,"))
    server.restart()
    assert len(transport.send(messages("after,")).sent) == 1
    assert wait_until(lambda: server.received == b"before,after,")


def test_server_that_does_not_read(unread: LogServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server's kernel has not confirmed is not sent, and the connection is kept: there is no other buffer."""
    monkeypatch.setattr(streams, "SEND_TIMEOUT", 0.2)
    transport = StreamTransport(unread.connect)
    all_of_it = messages(*("x" * 1000 for _ in range(20_000)))
    first = transport.send(all_of_it)
    left = all_of_it[len(first.sent) :]
    second = transport.send(left)
    transport.close()
    assert (0 < len(first.sent) < 20_000, first.error) == (True, "the server does not read")
    assert (len(second.sent) < 1000, len(unread.connections)) == (True, 1)


def test_late_reader(unread: LogServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that begins to read after all gets each message once."""
    monkeypatch.setattr(streams, "SEND_TIMEOUT", 0.2)
    transport = StreamTransport(unread.connect)
    waiting = messages(*(f"{number:04}," * 200 for number in range(5000)))
    expected = "".join(message.text for message in waiting).encode()
    waiting = waiting[len(transport.send(waiting).sent) :]
    assert waiting
    assert wait_until(lambda: unread.connections)
    received = bytearray()
    unread.connections[0].settimeout(0.01)

    def is_complete() -> bool:
        nonlocal waiting
        try:
            while data := unread.connections[0].recv(1_000_000):
                received.extend(data)
        except TimeoutError:
            pass
        if waiting:
            sent = set(map(id, transport.send(waiting).sent))
            waiting = [message for message in waiting if id(message) not in sent]
        return len(received) >= len(expected)

    assert wait_until(is_complete)
    transport.close()
    assert received == expected


def test_dead_server(unread: LogServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose kernel does not answer either is left, and what it has not confirmed is sent anew."""
    monkeypatch.setattr(streams, "SEND_TIMEOUT", 0.1)
    monkeypatch.setattr(streams, "_unanswered", lambda connection: streams._UNANSWERED)
    transport = StreamTransport(unread.connect)
    receipt = transport.send(messages(*("x" * 1000 for _ in range(20_000))))
    transport.send(messages("y"))
    transport.close()
    assert receipt.error == "the server does not answer"
    assert wait_until(lambda: len(unread.connections) == 2)


def test_child_leaves_the_connection(transport: StreamTransport, server: LogServer) -> None:
    """A child closes its copy of the connection without a word to the server."""
    transport.send(messages("a"))
    copy = StreamTransport(server.connect)
    copy._socket = socket.socket(fileno=os.dup(transport._socket.fileno()))  # type: ignore[union-attr]
    copy.forget()
    assert len(transport.send(messages("b")).sent) == 1
    assert wait_until(lambda: server.received == b"ab")


def test_datagrams() -> None:
    """To a name each message goes as one datagram, and after an error the rest is unsent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        transport = DatagramTransport("localhost", receiver.getsockname()[1])
        receipt = transport.send(messages("a", "x" * 100_000, "b"))
        assert ([message.text for message in receipt.sent], receipt.error) == (["a"], "OSError")
        assert len(transport.send(messages("b")).sent) == 1
        assert [receiver.recv(100), receiver.recv(100)] == [b"a", b"b"]
        transport.forget()


def test_losses_are_seen(unread: LogServer, capsys: pytest.CaptureFixture[str]) -> None:
    """With a server that never reads, each message that is lost is counted when that happens, not at the exit."""
    handler = SyslogHandler(f"tcp://127.0.0.1:{unread.port}")
    record = event_record(tenant="x" * 200)
    written = 0
    deadline = time.monotonic() + 60
    while handler.failures < 100 and time.monotonic() < deadline:
        handler.handle(record)
        written += 1
    failures, waiting = handler.failures, handler.waiting
    handler.close()
    capsys.readouterr()
    assert (failures, waiting >= 9_000, written > waiting) == (100, True, True)
