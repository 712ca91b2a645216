"""The logging handler for CloudWatch: watchtower, made safe for a site that must stay up."""

from __future__ import annotations

import logging
import time

from security_logging.cloudwatch import names
from security_logging.cloudwatch.checks import register_checks
from security_logging.cloudwatch.directory import directory
from security_logging.conf import conf
from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.formatters.security import ECSFormatter, event_of
from security_logging.internal import process as lifecycle
from security_logging.internal.queue import own_traffic
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message, Transport
from security_logging.internal.queue.per_process import Queue
from security_logging.internal.queue.store import Store
from security_logging.internal.queue.worker import Options

SINK = "cloudwatch_handler"
PIPELINE_STREAM = "pipeline"  # stands for {function} in the stream of the heartbeats
_BATCH = 10_000  # events in one call


class CloudWatchHandler(logging.Handler):
    """
    Send each record to CloudWatch Logs as a line of ECS JSON, in the background.

    Neither boto3 nor a connection exists before the first record, nor in a process that logs nothing. Each record is
    spooled on disk within a moment, and removed from there once CloudWatch has taken it; `flush`, `close`, the exit of
    the process and SIGTERM wait 2 seconds at most. Where a process may be killed (SIGKILL), write the JSON file and
    run `manage.py security_cloudwatch ship`.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        """Read no setting and open nothing yet."""
        super().__init__(level)
        self.setFormatter(ECSFormatter())
        self.addFilter(own_traffic.is_foreign)
        register_checks()  # here, since only a project that has the handler wants them
        lifecycle.finish_at_sigterm()  # here, since Django is set up in the main thread, and views may run elsewhere
        self._streams: dict[str, str] = {}
        self._is_late = False
        self._queue = Queue(_options)

    @property
    def counts(self) -> Counts:
        """Return what became of the events of this process since its last (re)configuration of logging."""
        return self._queue.counts

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record."""
        try:
            text = self.format(record)
            if text:
                self._queue.put(Message(self._target(record.name), _milliseconds(record), text))
        except OSError:  # counted as dropped, and reported as `logging_degraded`
            return
        except Exception:  # noqa: BLE001  # logging must never raise
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything is sent or spooled, 2 seconds at most; not at all while logging is reconfigured."""
        if not _is_reconfiguring():
            self._is_late = not self._queue.flush()

    def close(self) -> None:
        """Send or spool everything; while logging is reconfigured that goes on in the background."""
        if _is_reconfiguring():
            self._queue.stop()
        else:
            self._queue.close(time.monotonic() + (0 if self._is_late else lifecycle.DEADLINE))
        super().close()

    def _target(self, logger_name: str) -> str:
        if logger_name not in self._streams:
            self._streams[logger_name] = target_of(logger_name)
        return self._streams[logger_name]


def target_of(logger_name: str) -> str:
    """Return log group and stream for a logger; neither may hold a colon (CreateLogGroup, CreateLogStream)."""
    return f"{names.log_group()}:{names.log_stream(logger_name)}"


def _options() -> Options:
    return Options(
        sink=SINK,
        transport=_transport,
        limit=conf.CLOUDWATCH_QUEUE_LIMIT,
        batch=_BATCH,
        interval=conf.CLOUDWATCH_INTERVAL,
        store=lambda: Store(directory, conf.CLOUDWATCH_SPOOL_LIMIT),
        heartbeat=_heartbeat,
        heartbeat_interval=conf.CLOUDWATCH_HEARTBEAT,
    )


def _transport() -> Transport:
    with lifecycle.importing():  # here, since it imports boto3, which no request shall wait for
        from security_logging.cloudwatch.sending.transport import CloudWatchTransport
    return CloudWatchTransport()


def _heartbeat(event: SecurityEvent) -> Message:
    return Message(target_of(PIPELINE_STREAM), round(event.time.timestamp() * 1000), ecs.render_json(event))


def _milliseconds(record: logging.LogRecord) -> int:
    event = event_of(record)
    return round((record.created if event is None else event.time.timestamp()) * 1000)


def _is_reconfiguring() -> bool:
    # dictConfig closes the old handlers with logging's lock held. The thread that sends needs that lock, since botocore
    # asks its loggers for their level; waiting for it would be a deadlock (watchtower issues 203 and 190).
    lock = getattr(logging, "_lock", None)
    is_owned = getattr(lock, "_is_owned", None)
    return is_owned is None or bool(is_owned())
