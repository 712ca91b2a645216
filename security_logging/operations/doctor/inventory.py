"""
The log inventory that an auditor asks for: which events go where, in which format, for what, kept for how long.

OWASP ASVS 5.0, V16.1.1: an inventory of the logging at each layer, of what is logged, in which format, where it is
stored, how it is used, who may read it and for how long it is kept.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from security_logging.events.type_registry import event_types
from security_logging.events.types import EventType
from security_logging.handlers.sinks import CONSOLE, JSON, LINE, OTHER, Sink, logger_of, other_sinks, sinks
from security_logging.logger import is_wanted
from security_logging.logging_config.profiles import PROFILES

LOGROTATE = Path("/etc/logrotate.d")
UNKNOWN = "not known here"
_USES = {LINE: "Fail2ban, security_events", JSON: "shippers, queries", CONSOLE: "people, live", OTHER: "people"}
_BY_HANDLER = {profile.handler.rpartition(".")[2]: profile for profile in PROFILES.values() if not profile.suffix}
_USES_ELSEWHERE = {
    "AdminEmailHandler": "people, by mail",
    **{kind: profile.use for kind, profile in _BY_HANDLER.items()},
}
_KEPT_ELSEWHERE = {  # of handlers that write no file on this machine
    "AdminEmailHandler": "as the mailboxes do",
    **{kind: profile.kept for kind, profile in _BY_HANDLER.items()},
}
_STANZA = re.compile(r"^([^{}#\n]+)\{([^{}]*)\}", re.MULTILINE)
_DAYS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 30.0, "yearly": 365.0}


@dataclass(frozen=True)
class Row:
    """
    One event type in one sink; `sink` is "none" where it is written nowhere.

    Other records have a row for each logger that has a handler of its own; `event` is then e.g. "django.*".
    """

    event: str
    event_class: str
    level: str
    counted: str
    sink: str
    place: str
    format: str
    use: str
    access: str
    retention: str

    def as_dict(self) -> dict[str, str]:
        """Return the row for JSON."""
        return asdict(self)


def rows(logrotate: Path = LOGROTATE) -> list[Row]:
    """Return the inventory: the event types in the order of the vocabulary, then the other layers of the site."""
    found = [(sink, retention(sink, logrotate)) for sink in sinks()]
    others = (_of_logger(logger, sink, retention(sink, logrotate)) for logger, sink in other_sinks())
    return [*(row for kind in event_types() for row in _of_type(kind, found)), *others]


def retention(sink: Sink, logrotate: Path = LOGROTATE) -> str:
    """Return how long the sink keeps a line, as far as this machine knows."""
    if sink.path is None:
        return _KEPT_ELSEWHERE.get(sink.kind, UNKNOWN)
    for file in sorted(logrotate.glob("*")) if logrotate.is_dir() else []:
        for paths, rules in _STANZA.findall(_read(file)):
            if any(Path(str(sink.path)).match(pattern) for pattern in paths.split()):
                return _kept(rules)
    return "for ever, nothing rotates it" if logrotate.is_dir() else UNKNOWN


def _of_type(kind: EventType, found: list[tuple[Sink, str]]) -> Iterator[Row]:
    head = (kind.name, kind.event_class, logging.getLevelName(kind.level), kind.counted_as or "no")
    is_written = is_wanted(kind) and logger_of(kind.event_class).isEnabledFor(kind.level)
    reached = [(s, kept) for s, kept in found if kind.event_class in s.classes and kind.level >= s.handler.level]
    if not is_written or not reached:
        yield Row(*head, "none", "", "", "", "", "")
    else:
        yield from (Row(*head, *_cells(sink, kept)) for sink, kept in reached)


def _of_logger(logger: logging.Logger, sink: Sink, kept: str) -> Row:
    name = "all others" if logger is logging.root else f"{logger.name}.*"
    level = logging.getLevelName(max(logger.getEffectiveLevel(), sink.handler.level))
    return Row(name, "-", level, "no", *_cells(sink, kept))


def _cells(sink: Sink, kept: str) -> tuple[str, ...]:
    """Return the cells that are the same for every event of a sink."""
    use = _USES_ELSEWHERE.get(sink.kind) or _USES[sink.format]
    return sink.name, str(sink.path or sink.kind), sink.format, use, _access(sink), kept


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
