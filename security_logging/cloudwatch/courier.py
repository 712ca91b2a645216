"""Watchtower, guarded: it queues and batches, and all that it hands to its client is settled without an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import watchtower

from security_logging.cloudwatch.batches import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, LogEvent
from security_logging.cloudwatch.sending import own_traffic
from security_logging.cloudwatch.spool import Waiting

Settle = Callable[[str, Sequence[LogEvent]], None]
_IDLE_SECONDS = 3600  # we say when a batch is complete


class GuardedClient:
    """
    The `boto3_client` that watchtower is given: every put succeeds, whatever AWS does.

    Watchtower gives a batch up after five tries within half a second, and drops records while it creates a stream;
    a client that never fails leads it into neither.
    """

    def __init__(self, settle: Settle) -> None:
        """Let `settle` send or keep the events of a stream; it must not raise."""
        self._settle = settle

    def put_log_events(self, *, logStreamName: str, logEvents: Sequence[LogEvent], **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's names
        """Settle the batch and report success."""
        own_traffic.mark(True)
        self._settle(logStreamName, logEvents)
        return {}


class Courier(watchtower.CloudWatchLogHandler):
    """
    A watchtower handler that never waits.

    Its `flush` and `close` are also called by `logging.shutdown` and, with the logging lock held, by `dictConfig`,
    where watchtower would wait 30 seconds for a sender that waits for that lock.
    """

    def __init__(self, group: str, settle: Settle) -> None:
        """Make the handler; it starts a thread for each stream with the stream's first event."""
        super().__init__(
            log_group_name=group,
            log_stream_name="{logger_name}",
            boto3_client=GuardedClient(settle),
            create_log_group=False,
            create_log_stream=False,
            send_interval=_IDLE_SECONDS,
            max_batch_size=MAX_BATCH_BYTES,
            max_batch_count=MAX_BATCH_EVENTS,
            max_message_size=2 * MAX_BATCH_BYTES,  # watchtower would cut JSON in two; the sender refuses it whole
        )
        self.setFormatter(_Unchanged())
        self._settle = settle
        self._threadless: dict[str, list[LogEvent]] = {}  # by stream

    def take(self, waiting: Waiting) -> None:
        """Queue the event for its stream, or for `send_threadless`."""
        seconds = (waiting.event["timestamp"] + 0.5) / 1000  # watchtower cuts to milliseconds again
        record = logging.makeLogRecord({"name": waiting.stream, "msg": waiting.event["message"], "created": seconds})
        had_thread = waiting.stream in self.queues
        try:
            self.emit(record)  # type: ignore[no-untyped-call]  # watchtower annotates no return
        except RuntimeError:
            # On CPython 3.12 a process that ends starts no thread any more, nor does one at its limit.
            if had_thread or self.queues.pop(waiting.stream, None) is None:
                raise
            self.threads.clear()  # nobody reads it, and it would grow with each event
            self._threadless.setdefault(waiting.stream, []).append(waiting.event)

    def send_threadless(self) -> None:
        """Send, on the thread of the caller, the events whose stream has none."""
        while self._threadless:
            self._settle(*self._threadless.popitem())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Let the error through to the pipeline, which still has the event."""
        raise  # noqa: PLE0704  # logging calls this inside its except clause

    def flush(self) -> None:
        """Have everything that is queued sent now, and return at once."""
        for queue in list(self.queues.values()):
            queue.put(self.FLUSH)

    def close(self) -> None:
        """End the threads once they have sent what is queued, and return at once."""
        for queue in list(self.queues.values()):
            queue.put(self.END)
        logging.Handler.close(self)


class _Unchanged(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message: str = record.msg  # the very object: by it the pipeline knows the event again
        return message
