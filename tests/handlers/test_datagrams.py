"""Datagrams: sent at once or refused at once, and found again after the server was restarted."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from security_logging.handlers.datagrams import Datagrams


def listener(path: Path, family: int = socket.AF_UNIX) -> socket.socket:
    """Return a socket that receives at the path."""
    path.unlink(missing_ok=True)
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(str(path))
    receiver.settimeout(5)
    return receiver


def test_unix(tmp_path: Path) -> None:
    """A datagram reaches a unix socket whole."""
    with listener(tmp_path / "log") as receiver:
        sender = Datagrams(str(tmp_path / "log"))
        sender.send(b"hello")
        sender.close()
        assert receiver.recv(100) == b"hello"


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_udp(family: int, host: str) -> None:
    """A datagram reaches an address of either family."""
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        receiver.bind((host, 0))
        receiver.settimeout(5)
        sender = Datagrams((host, receiver.getsockname()[1]))
        sender.send(b"hello")
        sender.flush()
        sender.close()
        assert receiver.recv(100) == b"hello"


def test_restarted_server(tmp_path: Path) -> None:
    """After the server was restarted the next datagram finds the new one."""
    sender = Datagrams(str(tmp_path / "log"))
    with listener(tmp_path / "log"):
        sender.send(b"before")
    with listener(tmp_path / "log") as receiver:
        sender.send(b"after")
        sender.close()
        assert receiver.recv(100) == b"after"


def test_no_server(tmp_path: Path) -> None:
    """Where nobody listens the caller is told at once, and nothing stays open."""
    sender = Datagrams(str(tmp_path / "log"))
    with pytest.raises(FileNotFoundError):
        sender.send(b"lost")
    sender.close()


def fill(sender: Datagrams) -> None:
    """Send until the server's queue is full."""
    for _ in range(100_000):
        sender.send(b"x" * 100)
    raise AssertionError("the queue has no end")


def test_full_socket(tmp_path: Path) -> None:
    """A server that does not read costs its clients 20 ms once, then nothing, and never more."""
    with listener(tmp_path / "log"):
        sender = Datagrams(str(tmp_path / "log"))
        with pytest.raises(BlockingIOError):
            fill(sender)
        begun = time.perf_counter()
        for _ in range(50):
            with pytest.raises(BlockingIOError):
                sender.send(b"x")
        seconds = time.perf_counter() - begun
        sender.close()
    assert seconds < 0.5


def test_room_again(tmp_path: Path) -> None:
    """Once the server reads again, datagrams get through again."""
    with listener(tmp_path / "log") as receiver:
        sender = Datagrams(str(tmp_path / "log"))
        with pytest.raises(BlockingIOError):
            fill(sender)
        receiver.recv(1000)
        sender.send(b"again")
        sender.close()


class Reader:
    """A clock that lets the server read one datagram whenever somebody looks at it."""

    def __init__(self, receiver: socket.socket) -> None:
        self.receiver = receiver

    def __call__(self) -> float:
        """Read, and return a time."""
        self.receiver.recv(1000)
        return 0.0


def test_waiting_for_room(tmp_path: Path) -> None:
    """A server that reads within 20 ms misses nothing."""
    with listener(tmp_path / "log") as receiver:
        sender = Datagrams(str(tmp_path / "log"), Reader(receiver))
        for number in range(2000):
            sender.send(b"%d" % number)
        sender.close()
