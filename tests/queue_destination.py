"""A destination of a queue, with its transport, that fails when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from security_logging.internal.queue.message import Message, Receipt


class KilledError(BaseException):
    """What gevent raises in a greenlet to end it is no Exception either."""


class Destination:
    """A destination and its transport. `mode` is ok, down (it refuses), hang; broken, exit or killed: it raises."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.texts: list[str] = []
        self.attempts = 0
        self.transports = 0
        self.refuses = ""
        self.takes = 10_000  # messages of one delivery
        self.released = threading.Event()

    def __call__(self) -> Destination:
        """Return the transport, as its class would when it is called."""
        self.transports += 1
        return self

    def send(self, messages: Sequence[Message]) -> Receipt:
        self.attempts += 1
        if self.mode == "hang":
            self.released.wait(30)
        if self.mode == "broken":
            raise UnicodeError("label empty or too long")
        if self.mode == "exit":
            raise SystemExit(1)
        if self.mode == "killed":
            raise KilledError
        if self.mode == "down":
            return Receipt(error="no answer")
        receipt = Receipt()
        for message in messages[: self.takes]:
            if self.refuses and self.refuses in message.text:
                receipt.refused.append((message, "bad"))
            else:
                self.texts.append(message.text)
                receipt.sent.append(message)
        return receipt

    def release(self) -> None:
        """Answer those that hang, and work from now on."""
        self.mode = "ok"
        self.released.set()

    def close(self) -> None: ...

    def forget(self) -> None: ...
