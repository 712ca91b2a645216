"""One event, written and followed through each sink: the proof that it arrives."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from security_logging.events.types import DRILL
from security_logging.handlers.senders import SenderHandler
from security_logging.handlers.sinks import Sink, sinks
from security_logging.logger import is_wanted, log_event
from security_logging.operations import reading
from security_logging.operations.doctor import shipping
from security_logging.operations.doctor.findings import Finding, error, ok, unknown

SECONDS = 2.0  # for a line to arrive; the handlers write it before log_event returns
_TAIL = 262_144  # bytes of a busy log that are searched


def of_pipeline() -> Iterator[Finding]:
    """Write a `drill` event and follow it to each file and log server, and to CloudWatch where that is used."""
    files = [sink for sink in sinks() if sink.path is not None]
    senders = {x: x.failures for sink in sinks() if isinstance(x := sink.handler, SenderHandler)}
    missing = [sink.path for sink in files if sink.path is not None and would_be_roots(sink.path)]
    if missing:
        hint = "Run this as the web server's user, or create the file first."
        yield unknown("probe", f"{missing[0]} does not exist yet and would belong to root", hint)
        return
    if not is_wanted(DRILL):
        yield unknown("probe", "SECURITY_LOGGING_EVENTS switches the event drill off")
        return
    event = log_event(DRILL, step="doctor", detail="Probe of manage.py security_doctor.")
    event_id = "" if event is None else event.id
    yield from (_arrived(sink, event_id) for sink in files)
    yield from (_sent(handler, failures) for handler, failures in senders.items())
    if shipping.is_used():
        yield shipping.of_event(event_id)


def _sent(handler: SenderHandler, failures_before: int) -> Finding:
    handler.flush()
    if handler.failures > failures_before or handler.waiting:
        hint = "Does the log server run, and may this machine reach it? See what the handler says on standard error."
        return error("probe.unsent", f"The probe event could not be sent to {handler.server}.", hint)
    return ok("probe", f"The probe event went out to {handler.server}, which confirms nothing.")


def _arrived(sink: Sink, event_id: str) -> Finding:
    path = sink.path or Path()
    deadline = time.monotonic() + SECONDS
    line = _find(path, event_id)
    while line is None and time.monotonic() < deadline:
        time.sleep(0.05)
        line = _find(path, event_id)
    if line is None:
        hint = "See what the handler says on standard error; try: touch as the web server's user."
        return error("probe.lost", f"The probe event did not arrive in {path}.", hint)
    if sink.is_readable and not _is_event(line):
        hint = "Give the handler one of our formatters alone, and let no other program write into the file."
        return error("probe.damaged", f"The probe event arrived in {path}, but not as a line that can be read.", hint)
    return ok("probe", f"The probe event {event_id} arrived in {path}.")


def _find(path: Path, event_id: str) -> str | None:
    try:
        with path.open("rb") as file:
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
    """Tell whether the handler would create a file that the web server's user could then not write."""
    if path.exists() or os.geteuid() != 0 or not path.parent.is_dir():
        return False
    return path.parent.stat().st_uid != 0
