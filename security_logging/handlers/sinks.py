"""Sinks: where the security log goes as logging is configured now, in which format, and what gets through to each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from security_logging.conf import conf
from security_logging.events.type_registry import EVENT_CLASSES
from security_logging.formatters.security import ConsoleFormatter, ECSFormatter, SecurityLineFormatter

LINE, JSON, CONSOLE, OTHER = "line", "json", "console", "other"
_WATCH = "security_logging.watchers.django_loggers"
_FORMATS = {SecurityLineFormatter: LINE, ECSFormatter: JSON, ConsoleFormatter: CONSOLE}


@dataclass(frozen=True)
class Sink:
    """
    A handler that security events reach.

    `path` is None when it writes no file, `format` is line, json, console or other; `classes` are those event classes
    whose logger leads here.
    """

    handler: logging.Handler
    path: Path | None
    format: str
    classes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return what to call it: the handler's name in LOGGING, or its class."""
        return self.handler.get_name() or self.kind

    @property
    def kind(self) -> str:
        """Return the name of the handler's class."""
        return type(self.handler).__name__

    @property
    def is_readable(self) -> bool:
        """Return whether events can be read back from it."""
        return self.path is not None and self.format in (LINE, JSON)


def sinks() -> list[Sink]:
    """Return the sinks of all event classes, in the order in which a record reaches them."""
    reached: dict[logging.Handler, list[str]] = {}
    for event_class in EVENT_CLASSES:
        for handler in handlers_of(logger_of(event_class)):
            reached.setdefault(handler, []).append(event_class)
    return [_sink(handler, *classes) for handler, classes in reached.items()]


def other_sinks() -> Iterator[tuple[logging.Logger, Sink]]:
    """Yield every other logger that has handlers of its own with each of them, the root logger last."""
    known = logging.root.manager.loggerDict
    loggers = [logging.getLogger(name) for name in sorted(known) if isinstance(known[name], logging.Logger)]
    for logger in (*loggers, logging.root):
        if not f"{logger.name}.".startswith(f"{conf.LOGGER_NAME}."):
            yield from ((logger, _sink(handler)) for handler in logger.handlers if _keeps(handler))


def logger_of(event_class: str) -> logging.Logger:
    """Return the logger of an event class."""
    return logging.getLogger(f"{conf.LOGGER_NAME}.{event_class}")


def readable_files() -> Iterator[Path]:
    """Yield the files from which events can be read back, those in text first: they are what Fail2ban reads."""
    found = [sink for sink in sinks() if sink.is_readable]
    yield from (sink.path for sink in sorted(found, key=lambda sink: sink.format != LINE) if sink.path)


def handlers_of(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    """Return the handlers that a record of the logger reaches, its own first."""
    while logger is not None:
        yield from (handler for handler in logger.handlers if not isinstance(handler, logging.NullHandler))
        logger = logger.parent if logger.propagate else None


def _keeps(handler: logging.Handler) -> bool:
    """Return whether records go anywhere there; our own watch on Django's records keeps none."""
    return not isinstance(handler, logging.NullHandler) and type(handler).__module__ != _WATCH


def _sink(handler: logging.Handler, *classes: str) -> Sink:
    return Sink(handler, _path(handler), _format(handler), classes)


def _path(handler: logging.Handler) -> Path | None:
    name = getattr(handler, "baseFilename", None)  # also of handlers that are no logging.FileHandler
    return Path(str(name)) if name else None


def _format(handler: logging.Handler) -> str:
    return next((name for kind, name in _FORMATS.items() if isinstance(handler.formatter, kind)), OTHER)
