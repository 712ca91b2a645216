"""The heartbeat of a server process itself, which shows that a site is quiet and not dead."""

from __future__ import annotations

import threading
import time

from security_logging.conf import conf
from security_logging.events.types import HEARTBEAT
from security_logging.internal.queue import heartbeat
from security_logging.logger import log_event

SINK = "file"


def connect() -> None:
    """Write `heartbeat sink=file` every SECURITY_LOGGING_HEARTBEAT seconds, from the start of a server process on."""
    heartbeat.at_begin(_start)


def _start() -> None:
    if _seconds():
        threading.Thread(target=_beat, name="security-logging-heartbeat", daemon=True).start()


def _beat() -> None:
    while seconds := _seconds():
        log_event(HEARTBEAT, sink=SINK)
        time.sleep(seconds)


def _seconds() -> int:
    seconds: object = conf.HEARTBEAT
    return seconds if isinstance(seconds, int) and seconds > 0 else 0  # a system check names any other value
