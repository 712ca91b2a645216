"""Transports for log servers: messages over a connection (TCP, TLS), or as datagrams to a name."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from security_logging.internal.queue.message import Message, Receipt

if sys.platform == "linux":
    import fcntl
    import termios

SEND_TIMEOUT = 2.0  # seconds for connecting, and for a server to take what it is sent
_POLL = 0.002  # seconds between two looks whether the server's kernel has confirmed
_UNANSWERED = 5  # attempts of the kernel, some 10 seconds, after which a silent server is taken for dead


class StreamTransport:
    """
    Write messages to one connection; a message counts as sent once the server's kernel has confirmed its last byte.

    What is not confirmed when the connection breaks is sent again over the next one. A server that is connected but
    reads nothing keeps its connection: another one would only hide in one more buffer what it does not read. Syslog
    has no receipt (RFC 6587, section 4.4): what a server's kernel has and its program never reads is lost there.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Take what opens a connection."""
        self._connect = connect
        self._socket: socket.socket | None = None
        self._begin()

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Write the messages that are not under way yet, and wait a moment for the confirmation of all."""
        if self._socket is None or _is_closed(self._socket):
            self.close()
            self._socket = self._connect()
        for message in messages:
            if id(message) not in self._under_way:
                self._rest += message.text.encode("ascii", "backslashreplace")
                self._under_way[id(message)] = (self._written + len(self._rest), message)
        is_dead = self._push(self._socket, time.monotonic() + SEND_TIMEOUT)
        receipt = Receipt(sent=[message for message in messages if self._is_confirmed(message)])
        for message in receipt.sent:
            del self._under_way[id(message)]
        if len(receipt.sent) < len(messages):
            receipt.error = "the server does not answer" if is_dead else "the server does not read"
        if is_dead:
            self.close()
        return receipt

    def close(self) -> None:
        """Close the connection; what is not confirmed will be sent over the next one."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None
        self._begin()

    def forget(self) -> None:
        """Close this process's copy of the connection only: no farewell of TLS on the parent's."""
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.close(self._socket)
        self._socket = None
        self._begin()

    def _begin(self) -> None:
        self._rest = bytearray()  # accepted and not written yet
        self._written = self._confirmed = 0  # bytes on this connection
        self._under_way: dict[int, tuple[int, Message]] = {}  # by identity: the offset of the end, and the message

    def _push(self, connection: socket.socket, deadline: float) -> bool:
        """Write and wait until all is confirmed or the deadline has come; return whether the server seems dead."""
        connection.settimeout(0)
        while True:
            if self._rest:
                self._write(connection)
            # Over TLS more bytes travel than are written, so this is what is confirmed at least.
            self._confirmed = max(self._confirmed, self._written - _unconfirmed_bytes(connection))
            if not self._rest and self._confirmed >= self._written:
                return False
            if time.monotonic() >= deadline:
                return _unanswered(connection) >= _UNANSWERED
            time.sleep(_POLL)

    def _write(self, connection: socket.socket) -> None:
        with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            written = connection.send(self._rest)
            del self._rest[:written]
            self._written += written

    def _is_confirmed(self, message: Message) -> bool:
        return self._under_way[id(message)][0] <= self._confirmed


class DatagramTransport:
    """Send each message as one datagram to a server whose name has to be looked up."""

    def __init__(self, host: str, port: int) -> None:
        """Look nothing up yet."""
        self._host, self._port = host, port
        self._socket: socket.socket | None = None

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send the messages; the first error ends it, and the name is looked up again."""
        receipt = Receipt()
        try:
            for message in messages:
                if self._socket is None:
                    self._socket = self._opened()
                self._socket.send(message.text.encode("ascii", "backslashreplace"))
                receipt.sent.append(message)
        except OSError as error:
            receipt.error = type(error).__name__
            self.close()
        return receipt

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None

    def forget(self) -> None:
        """Close this process's copy."""
        self.close()

    def _opened(self) -> socket.socket:
        family, _, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        try:
            datagrams.connect(address)
        except OSError:
            datagrams.close()
            raise
        return datagrams


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the server has hung up; what it may have to say is of no interest."""
    connection.settimeout(0)
    try:
        return connection.recv(512) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False


def _unconfirmed_bytes(connection: socket.socket) -> int:
    """Return how many bytes the other kernel has not confirmed yet; 0 where that is not known (tcp(7), SIOCOUTQ)."""
    if sys.platform != "linux":
        return 0
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])


def _unanswered(connection: socket.socket) -> int:
    """Return how often our kernel has asked the other one in vain: retransmissions, or probes of a full window."""
    if sys.platform != "linux":
        return 0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    return max(info[2], info[3])
