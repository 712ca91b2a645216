"""What a queue carries, and the methods that a transport must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """A rendered record on its way."""

    target: str  # where at the destination it goes, e.g. a log stream; "" where there is one place
    timestamp: int  # milliseconds since 1970
    text: str


@dataclass
class Receipt:
    """What became of the messages of one delivery; whatever is in no list is unsent."""

    sent: list[Message] = field(default_factory=list)
    refused: list[tuple[Message, str]] = field(default_factory=list)  # with the reason; sending again is useless
    unsent: list[Message] = field(default_factory=list)  # to be sent again later
    error: str = ""  # why some are unsent, without any text of a client and without a secret


class Transport(Protocol):
    """
    The way to one destination: all that a new network destination has to write.

    Only the thread of the queue calls `send` and `close`. Waiting is allowed; every wait needs a timeout.
    """

    def send(self, messages: Sequence[Message]) -> Receipt:
        """
        Deliver the messages in their order and say what became of each.

        Any exception means that none was delivered; all are sent again after a pause.
        """

    def close(self) -> None:
        """Close the connection; the next delivery opens a new one."""

    def forget(self) -> None:
        """Let go of the connection in a forked child, without a word to the server: the parent still uses it."""
