"""Datagrams to a log server, sent without making the caller wait for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from security_logging.internal.writable import Writable

Address = str | tuple[str, int]


class Datagrams:
    """
    A datagram socket, opened at the first use and again after the log server was restarted.

    A forked process may go on using its parent's: each datagram is whole.
    """

    def __init__(self, address: Address, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a path, or an IP address with a port; nothing is looked up, since that could take seconds."""
        self._address = address
        self._writable = Writable(clock)
        self._socket: socket.socket | None = None

    def send(self, data: bytes) -> None:
        """Hand the datagram to the kernel; raises OSError when it does not take it."""
        try:
            self._send(data)
        except BlockingIOError:
            if self._socket is None or not self._writable.wait(self._socket):
                raise
            self._send(data)
        except OSError:  # the server was restarted: the old connection leads nowhere
            self.close()
            self._send(data)

    @property
    def waiting(self) -> int:
        """None ever waits."""
        return 0

    def flush(self) -> None:
        """Do nothing: what the kernel has taken is out of our hands."""

    def close(self) -> None:
        """Close the socket; the next datagram opens it again."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = self._opened()
        self._socket.send(data)

    def _opened(self) -> socket.socket:
        family = socket.AF_UNIX if isinstance(self._address, str) else _family(self._address[0])
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            opened.connect(self._address)
        except OSError:
            opened.close()
            raise
        return opened


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
