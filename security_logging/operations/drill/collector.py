"""A stub that receives datagrams on the loopback interface, in place of a remote sink or of an alert."""

from __future__ import annotations

import socket
from types import TracebackType


class Collector:
    """Keeps every datagram that it gets; a context manager."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._kept: list[bytes] = []

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def data(self) -> bytes:
        """Everything that it got, a line for each datagram."""
        while True:
            try:
                self._kept.append(self._socket.recv(65_536))
            except BlockingIOError:
                return b"\n".join(self._kept)

    def has(self, text: str) -> bool:
        """Return whether a datagram with that text has arrived."""
        return text.encode() in self.data

    def __enter__(self) -> Collector:  # noqa: PYI034 (Self needs Python 3.11)
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._socket.close()
