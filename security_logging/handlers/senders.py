"""The base of the handlers that send records to a log server: they count what is lost, and never raise."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from security_logging.formatters.record_text import message_of, visible
from security_logging.handlers.last_resort import LastResort
from security_logging.internal.locks import is_logging_configured_now
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.per_process import Queue
from security_logging.internal.queue.worker import Options
from security_logging.internal.writable import WAIT_SECONDS


class Sender(Protocol):
    """What takes a message to a log server."""

    @property
    def waiting(self) -> int:
        """How many messages have been taken and are not sent yet."""

    def send(self, message: bytes) -> None:
        """Take the message; raises OSError when it cannot."""

    def flush(self) -> None:
        """Wait a moment for what has been taken."""

    def close(self) -> None:
        """Let go of connection and thread."""


class QueuedSender:
    """Takes messages to a log server by a queue, which delivers them in the background."""

    def __init__(self, options: Callable[[], Options]) -> None:
        """Take what the queue needs to know, in each process anew."""
        self._queue = Queue(options)

    @property
    def waiting(self) -> int:
        """How many messages have been taken and are not sent yet."""
        return self._queue.waiting

    def send(self, message: bytes) -> None:
        """Queue the message; raises OSError when the queue is full or the process is about to end."""
        self._queue.put(Message("", round(time.time() * 1000), message.decode("ascii")))

    def flush(self) -> None:
        """Wait until everything is sent, 2 seconds at most, but not for a server that is away."""
        self._queue.flush()

    def close(self) -> None:
        """Send what waits, 2 seconds at most, and give back the rest."""
        self._queue.close()


class SenderHandler(logging.Handler):
    """
    Send each record; what cannot be sent goes to standard error, where systemd or Docker keep it.

    `failures` counts such records. `emit` raises nothing and does not wait.
    """

    def __init__(self, name: str, sender: Sender | None = None) -> None:
        """Take the name of the server for notices, and the way to it, which may follow with `send_by`."""
        super().__init__()
        self.failures = 0
        self.server = name
        if sender is not None:
            self.send_by(sender)
        self._last_resort = LastResort(f"cannot send to {name}")

    def send_by(self, sender: Sender) -> None:
        """Take the way to the server."""
        self._sender = sender

    @property
    def waiting(self) -> int:
        """How many records have been taken and are not sent yet."""
        return self._sender.waiting

    def encode(self, record: logging.LogRecord) -> bytes:
        """Return the record as the server wants it."""
        raise NotImplementedError

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, or write it to standard error."""
        try:
            self._sender.send(self.encode(record))
        except Exception as error:  # noqa: BLE001 (a login must not fail for want of a log server)
            self.fall_back([self._line(record)], error)

    def flush(self) -> None:
        """Wait a moment for what has been taken, unless logging is being configured: all threads would wait."""
        if not is_logging_configured_now():
            self._sender.flush()

    def close(self) -> None:
        """Let go of connection and thread; while logging is being configured, in the background."""
        if not (is_logging_configured_now() and self._is_closed_in_the_background()):
            self._sender.close()
        super().close()

    def _is_closed_in_the_background(self) -> bool:
        try:
            threading.Thread(target=self._sender.close, name="security-logging-close", daemon=True).start()
        except RuntimeError:  # no more threads: to wait is better than an error in dictConfig
            return False
        return True

    def fall_back(self, lines: list[str], error: Exception, seconds: float = WAIT_SECONDS) -> None:
        """Write lines that cannot be sent to standard error, with the reason once a minute; see LastResort.write."""
        self.failures += len(lines)
        self._last_resort.write(lines, error, seconds)

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception:  # noqa: BLE001 (the formatter itself is what failed)
            return visible(message_of(record))
