"""The transport of the queue to CloudWatch: watchtower makes the events, and whatever happens costs none of them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import watchtower

from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.sending.batches import LogEvent
from security_logging.cloudwatch.sending.delivery import Delivery
from security_logging.internal.queue import own_traffic
from security_logging.internal.queue.message import Message, Receipt


class Collector:
    """
    The `boto3_client` that watchtower is given: it keeps the events, and every put succeeds.

    Watchtower gives a batch up after five tries within half a second, and drops records while it creates a stream;
    a client that never fails leads it into neither.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.events: list[LogEvent] = []

    def put_log_events(self, *, logEvents: Sequence[LogEvent], **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        """Keep the events and report success."""
        self.events.extend(logEvents)
        return {}


class EventMaker(watchtower.CloudWatchLogHandler):
    """The watchtower handler: it makes an event of each message, without a thread and without waiting."""

    def __init__(self, collector: Collector) -> None:
        """Hand all events to the collector."""
        super().__init__(
            log_group_name="-",  # it is in the target of each message
            log_stream_name="{logger_name}",
            boto3_client=collector,
            use_queues=False,
            create_log_group=False,
            create_log_stream=False,
            max_message_size=1 << 40,  # watchtower would cut JSON in two; the delivery refuses it whole
        )
        self.setFormatter(_Unchanged())

    def make(self, message: Message) -> None:
        """Make an event of the message."""
        seconds = (message.timestamp + 0.5) / 1000  # watchtower cuts to milliseconds again
        record = {"name": message.target, "msg": message.text, "created": seconds}
        self.emit(logging.makeLogRecord(record))  # type: ignore[no-untyped-call]  # watchtower annotates no return

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Let the error through to the queue, which still has the message."""
        raise  # noqa: PLE0704 (logging calls this inside its except clause)


class CloudWatchTransport:
    """Deliver messages whose target is a log group and a stream; see `target_of`."""

    def __init__(self, connect: Callable[[], Any] = connect) -> None:
        """`connect` returns a boto3 client."""
        self._delivery = Delivery(connect)
        self._collector = Collector()
        self._maker = EventMaker(self._collector)

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Deliver the messages, stream by stream."""
        own_traffic.mark(True)
        receipt = Receipt()
        events = self._events(messages)
        by_event = {id(event): message for event, message in zip(events, messages, strict=True)}
        by_target: dict[str, list[LogEvent]] = defaultdict(list)
        for event, message in zip(events, messages, strict=True):
            by_target[message.target].append(event)
        for target, found in by_target.items():
            group, _, stream = target.partition(":")
            delivered = self._delivery.send(group, stream, found)
            receipt.sent += [by_event[id(event)] for event in delivered.sent]
            receipt.refused += [(by_event[id(event)], reason) for event, reason in delivered.refused]
            if delivered.unsent:
                receipt.error = delivered.error
                break  # the other streams would wait for the same answer
        return receipt

    def close(self) -> None:
        """Have the next delivery make a new client."""
        self._delivery.disconnect()

    def forget(self) -> None:
        """Leave the client to the parent process."""
        self._delivery.disconnect()

    def _events(self, messages: Sequence[Message]) -> list[LogEvent]:
        self._collector.events.clear()
        for message in messages:
            self._maker.make(message)
        return list(self._collector.events)


class _Unchanged(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message: str = record.msg
        return message
