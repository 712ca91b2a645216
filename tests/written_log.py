"""A security log on disk with known events in it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from security_logging.events import ecs, type_registry
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render

START = datetime(2026, 8, 1, 12, 0, 0, tzinfo=timezone.utc)


def event(name: str = "login_failed", time: datetime = START, **fields: str | int) -> SecurityEvent:
    """Return an event of that name and time; the address is also its network."""
    if "ip" in fields:
        fields.setdefault("net", fields["ip"])
    return SecurityEvent(
        type_registry.get(name), time, 412, f"{hash((name, time, *fields.items())) & (1 << 96) - 1:024x}", fields
    )


def write(path: Path, *written: SecurityEvent | str, form: str = "line") -> Path:
    """Append events, and lines as they are, to a log."""
    written_as = render if form == "line" else ecs.render_json
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{item if isinstance(item, str) else written_as(item)}\n" for item in written)
    return path
