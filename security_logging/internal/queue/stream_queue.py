"""Messages to a log server over a connection, from a queue in the background that never holds up a login."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from security_logging.internal import process as lifecycle

QUEUE_LIMIT = 10_000  # messages that wait in one process; a further one is refused
SEND_TIMEOUT = 2.0  # seconds for connecting, and for handing one message to the kernel
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds between two attempts to connect
_POLL = 0.005  # seconds; no lock or condition of the standard library survives both gevent and a fork


@dataclass
class Counts:
    """What became of the messages of one process."""

    accepted: int = 0
    sent: int = 0
    refused: int = 0  # the queue was full
    lost: int = 0  # still waiting when the process had to end


class StreamQueue:
    """
    Send messages in order over one connection, from a thread that starts with the first message.

    It belongs to the process that first uses it; a forked child begins with an empty one. A message that the kernel
    has taken can still be lost when the log server dies: syslog over TCP has no receipt (RFC 6587, section 4.4).
    """

    pid: int
    _finished: bool
    _pause: float  # seconds; above 0 while the server is away

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        give_back: Callable[[list[bytes]], None],
        limit: int = QUEUE_LIMIT,
    ) -> None:
        """Take what opens a connection, and what is done with messages that could not be sent before the exit."""
        self._connect, self._give_back, self._limit = connect, give_back, limit
        self._begin()

    @property
    def waiting(self) -> int:
        """How many messages this process has queued and not sent yet."""
        return len(self._queue)

    def send(self, message: bytes) -> None:
        """Queue the message; raises OSError when the queue is full or the process is about to end."""
        if self.pid != os.getpid():
            self._begin()
        if self._finished or len(self._queue) >= self._limit:
            self.counts.refused += 1
            raise OSError("the queue is full" if not self._finished else "the queue is closed")
        if self._thread is None:
            self._start()
        self._queue.append(message)
        self.counts.accepted += 1
        self._ring()

    def flush(self) -> None:
        """Wait until everything is sent, no longer than the deadline of an exit, nor for a server that is away."""
        self._drain(time.monotonic() + lifecycle.DEADLINE)

    def close(self) -> None:
        """Send what waits; what cannot be sent is given back. A later message begins anew, but not after the exit."""
        if not self._finished:
            self.finish(time.monotonic() + lifecycle.DEADLINE)
            self._disconnect()
            self._begin()

    def finish(self, deadline: float) -> None:
        """Send what waits until the deadline and give back the rest."""
        if self.pid != os.getpid() or self._finished:
            return
        self._drain(deadline)
        self._finished = True
        self._ring()
        rest = list(self._queue)
        self._queue.clear()
        self.counts.lost += len(rest)
        if rest:
            self._give_back(rest)

    def forget(self) -> None:
        """Leave connection and messages to the parent process."""
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.close(self._socket)  # this copy only: no farewell of TLS on the parent's connection
        self._begin()

    def _begin(self) -> None:
        self.pid = os.getpid()
        self.counts = Counts()
        self._queue: deque[bytes] = deque()
        # Not an Event: its set() holds a lock, which the signal handler of the same thread would wait for for ever.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._finished = False
        self._pause = 0.0

    def _start(self) -> None:
        lifecycle.watch(self)
        self._thread = threading.Thread(target=self._run, name="security-logging-stream", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the interpreter is shutting down
            self._thread = None
            raise OSError("no thread can be started") from error

    def _drain(self, deadline: float) -> None:
        if self._pause:
            deadline = min(deadline, time.monotonic() + 0.1)  # the server is away: one short chance, no long wait
        while self._queue and self._thread is not None and time.monotonic() < deadline:
            self._ring()
            time.sleep(_POLL)

    def _ring(self) -> None:
        """Wake the thread. A signal handler may do so while the thread that it interrupts is doing it."""
        if self._bell.empty():
            self._bell.put(None)

    def _run(self) -> None:
        retry_at = 0.0
        while self._is_mine() and not (self._finished and not self._queue):
            with suppress(queue.Empty):
                self._bell.get(timeout=self._pause or 1.0)
            if self._queue and time.monotonic() >= retry_at:
                retry_at = time.monotonic() + self._attempt()
            elif self._queue:
                time.sleep(min(0.05, self._pause))
        if self._is_mine():
            self._disconnect()

    def _is_mine(self) -> bool:
        return self._thread is threading.current_thread()

    def _attempt(self) -> float:
        """Send what waits; return how many seconds to wait before the next attempt."""
        try:
            self._send_all()
        except OSError:
            self._disconnect()
            self._pause = min(2 * self._pause or _FIRST_PAUSE, _LONGEST_PAUSE)
        else:
            self._pause = 0.0
        return self._pause

    def _send_all(self) -> None:
        while self._queue and self._is_mine():
            if self._socket is None or _is_closed(self._socket):
                self._disconnect()
                self._socket = self._connect()
            self._socket.sendall(self._queue[0])
            with suppress(IndexError):  # given back in the meantime, at the very end
                self._queue.popleft()
                self.counts.sent += 1

    def _disconnect(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _is_closed(connection: socket.socket) -> bool:
    """Tell whether the server has hung up; what it may have to say is of no interest."""
    connection.settimeout(0)
    try:
        return connection.recv(512) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(SEND_TIMEOUT)
