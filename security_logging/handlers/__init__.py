"""Where records go: a file, a stream, a syslog server or the journal."""

from __future__ import annotations

from security_logging.handlers.file import SecurityFileHandler
from security_logging.handlers.journald import JournaldHandler
from security_logging.handlers.stream import StreamHandler
from security_logging.handlers.syslog import SyslogHandler
from security_logging.internal.queue.per_process import flush_queues

__all__ = ["JournaldHandler", "SecurityFileHandler", "StreamHandler", "SyslogHandler", "flush_queues"]
