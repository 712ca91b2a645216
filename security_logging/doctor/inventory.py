"""
The log inventory that an auditor asks for: which events go where, in which format, kept for how long.

OWASP ASVS 5.0, V16.1.1: an inventory of the logging at each layer, of what is logged, in which format, where it is
stored, who may read it and for how long it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from security_logging.event_types import EventType
from security_logging.events import event_types
from security_logging.logger import is_wanted
from security_logging.sinks import Sink, logger_of, sinks

LOGROTATE = Path("/etc/logrotate.d")
UNKNOWN = "not known here"
_STANZA = re.compile(r"^([^{}#\n]+)\{([^{}]*)\}", re.MULTILINE)
_DAYS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 30.0, "yearly": 365.0}


@dataclass(frozen=True)
class Row:
    """One event type in one sink; `sink` is "none" where it is written nowhere."""

    event: str
    event_class: str
    level: str
    counted: str
    sink: str
    place: str
    format: str
    access: str
    retention: str

    def as_dict(self) -> dict[str, str]:
        """Return the row for JSON."""
        return asdict(self)


def rows(logrotate: Path = LOGROTATE) -> list[Row]:
    """Return the inventory, the event types in the order of the vocabulary."""
    found = [(sink, retention(sink, logrotate)) for sink in sinks()]
    return [row for kind in event_types() for row in _of_type(kind, found)]


def retention(sink: Sink, logrotate: Path = LOGROTATE) -> str:
    """Return for how long the sink keeps a line, as far as this machine knows."""
    if sink.path is None:
        return UNKNOWN
    for file in sorted(logrotate.glob("*")) if logrotate.is_dir() else []:
        for paths, rules in _STANZA.findall(_read(file)):
            if any(Path(str(sink.path)).match(pattern) for pattern in paths.split()):
                return _kept(rules)
    return "for ever, nothing rotates it" if logrotate.is_dir() else UNKNOWN


def _of_type(kind: EventType, found: list[tuple[Sink, str]]) -> Iterator[Row]:
    level = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}.get(kind.level, str(kind.level))
    head = (kind.name, kind.event_class, level, kind.counted_as or "no")
    is_written = is_wanted(kind) and logger_of(kind.event_class).isEnabledFor(kind.level)
    reached = [(s, kept) for s, kept in found if kind.event_class in s.classes and kind.level >= s.handler.level]
    if not is_written or not reached:
        yield Row(*head, "none", "", "", "", "")
        return
    for sink, kept in reached:
        place = str(sink.path or type(sink.handler).__name__)
        yield Row(*head, sink.name, place, sink.format, _access(sink), kept)


def _access(sink: Sink) -> str:
    if sink.path is None or not sink.path.exists():
        return UNKNOWN
    found = sink.path.stat()
    return f"{found.st_mode & 0o7777:04o} {_owner(sink.path)}"


def _owner(path: Path) -> str:
    try:
        return f"{path.owner()}:{path.group()}"
    except (KeyError, NotImplementedError):  # a container's user without an entry; Windows
        return f"{path.stat().st_uid}:{path.stat().st_gid}"


def _kept(rules: str) -> str:
    lines = [line.split() for line in rules.splitlines() if line.split()]
    words = {line[0]: line[1] if len(line) > 1 else "" for line in lines}
    if "maxage" in words:
        return f"{words['maxage']} days"
    every = next((days for word, days in _DAYS.items() if word in words), None)
    count = words.get("rotate", "")
    if every is None or not count.isdigit():
        return UNKNOWN
    limit = ", less when it grows fast" if {"size", "maxsize"} & words.keys() else ""
    return f"{every * (int(count) + 1):.0f} days{limit}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
