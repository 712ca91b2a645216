"""Log one event, and see it arrive in each file, at each log server and at CloudWatch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from security_logging.checks.problem import Problem, error, ok, unknown
from security_logging.events.types import DRILL
from security_logging.handlers.senders import SenderHandler
from security_logging.handlers.sinks import Sink, sinks
from security_logging.internal.files import open_to_read
from security_logging.logger import is_wanted, log_event
from security_logging.operations import reading
from security_logging.operations.doctor import cloudwatch

SECONDS = 2.0  # for a line to arrive; the handlers write it before log_event returns
_TAIL = 262_144  # bytes of a busy log that are searched


def check_arrival() -> Iterator[Problem]:
    """Log an event `drill`, and look for it in each file, at each log server, and at CloudWatch where that is used."""
    files = [sink for sink in sinks() if sink.path is not None]
    senders = {x: x.failures for sink in sinks() if isinstance(x := sink.handler, SenderHandler)}
    missing = [sink.path for sink in files if sink.path is not None and would_be_roots(sink.path)]
    if missing:
        message = f"No probe event was logged, because {missing[0]} does not exist yet and would belong to root."
        yield unknown("probe", message, "Run this as the web server's user, or create the file first.")
        return
    if not is_wanted(DRILL):
        message = "No probe event was logged, because SECURITY_LOGGING_EVENTS switches the event drill off."
        yield unknown("probe", message, 'Write {"drill": True}.')
        return
    event = log_event(DRILL, step="doctor", detail="Probe of manage.py security_doctor.")
    event_id = "" if event is None else event.id
    yield from (_arrived(sink, event_id) for sink in files)
    yield from (_sent(handler, failures) for handler, failures in senders.items())
    if cloudwatch.is_used():
        yield cloudwatch.check_event(event_id)


def _sent(handler: SenderHandler, failures_before: int) -> Problem:
    handler.flush()
    if handler.failures > failures_before or handler.waiting:
        fix = "Check that the log server runs and that this machine can reach it; the handler's errors are on stderr."
        return error("probe.unsent", f"The probe event could not be sent to {handler.server}.", fix)
    return ok("probe", f"The probe event was sent to {handler.server}, which does not confirm it.")


def _arrived(sink: Sink, event_id: str) -> Problem:
    path = sink.path or Path()
    deadline = time.monotonic() + SECONDS
    line = _find(path, event_id)
    while line is None and time.monotonic() < deadline:
        time.sleep(0.05)
        line = _find(path, event_id)
    if line is None:
        fix = f"Read the handler's errors on stderr; as the web server's user try: touch {path}"
        return error("probe.lost", f"The probe event did not arrive in {path}.", fix)
    if sink.is_readable and not _is_event(line):
        fix = "Give the handler one of our formatters, and let no other program write into the file."
        return error("probe.damaged", f"The probe event arrived in {path} as a line that cannot be read.", fix)
    return ok("probe", f"The probe event {event_id} arrived in {path}.")


def _find(path: Path, event_id: str) -> str | None:
    try:
        with open_to_read(path) as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).split(b"\n")
    except OSError:
        return None
    found = [line for line in lines if event_id and event_id.encode() in line]
    return found[-1].decode("ascii", "backslashreplace") if found else None


def _is_event(line: str) -> bool:
    try:
        reading.parse(line)
    except ValueError:
        return False
    return True


def would_be_roots(path: Path) -> bool:
    """Return whether root would create the file, so that the web server's user could not write it."""
    if path.exists() or os.geteuid() != 0 or not path.parent.is_dir():
        return False
    return path.parent.stat().st_uid != 0
