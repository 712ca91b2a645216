"""The logging handler for CloudWatch: watchtower, made safe for a site that must stay up."""

from __future__ import annotations

import logging
import os
import time

from security_logging.cloudwatch.checks import register_checks
from security_logging.cloudwatch.counts import Counts
from security_logging.cloudwatch.pipeline import Pipeline
from security_logging.cloudwatch.sending import own_traffic
from security_logging.formatters.security import ECSFormatter, event_of
from security_logging.internal import process as lifecycle


class CloudWatchHandler(logging.Handler):
    """
    Send each record to CloudWatch Logs as a line of ECS JSON, in the background.

    Neither boto3 nor a connection exists before the first record, nor in a process that logs nothing. What CloudWatch
    does not take now is spooled on disk and sent later; `flush`, `close`, the exit of the process and SIGTERM wait 2
    seconds at most. It cannot keep what is in memory when the process is killed (SIGKILL): where that matters, write
    the JSON file and run `manage.py security_cloudwatch ship`.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        """Read no setting and open nothing yet."""
        super().__init__(level)
        self.setFormatter(ECSFormatter())
        self.addFilter(own_traffic.is_foreign)
        register_checks()  # here, since only a project that has the handler wants them
        lifecycle.finish_at_sigterm()  # here, since Django is set up in the main thread, and views may run elsewhere
        self._pipeline: Pipeline | None = None
        self._is_late = False

    @property
    def counts(self) -> Counts:
        """Return what became of the events of this process since its last (re)configuration of logging."""
        return self._pipeline.counts.copy() if self._pipeline is not None else Counts()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record."""
        try:
            message = self.format(record)
            if message:
                self._running().put(record.name, _milliseconds(record), message)
        except Exception:  # noqa: BLE001  # logging must never raise
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything is sent or spooled, 2 seconds at most; not at all while logging is reconfigured."""
        pipeline = self._own()
        if pipeline is not None and not _is_reconfiguring():
            self._is_late = not pipeline.drain(time.monotonic() + lifecycle.DEADLINE)

    def close(self) -> None:
        """Send or spool everything; while logging is reconfigured that goes on in the background."""
        pipeline, self._pipeline = self._own(), None
        if pipeline is not None and _is_reconfiguring():
            pipeline.stop()
        elif pipeline is not None:
            pipeline.finish(time.monotonic() + (0 if self._is_late else lifecycle.DEADLINE))
        super().close()

    def _running(self) -> Pipeline:
        pipeline = self._own()  # the handler's lock is held: one thread at a time comes here
        if pipeline is None:
            pipeline = self._pipeline = Pipeline()
        return pipeline

    def _own(self) -> Pipeline | None:
        pipeline = self._pipeline
        return pipeline if pipeline is not None and pipeline.pid == os.getpid() else None


def _milliseconds(record: logging.LogRecord) -> int:
    event = event_of(record)
    return round((record.created if event is None else event.time.timestamp()) * 1000)


def _is_reconfiguring() -> bool:
    # dictConfig closes the old handlers with logging's lock held. The sender needs that lock, since botocore asks
    # its loggers for their level; waiting for it would be a deadlock (watchtower issues 203 and 190).
    lock = getattr(logging, "_lock", None)
    is_owned = getattr(lock, "_is_owned", None)
    return is_owned is None or bool(is_owned())
