"""What is wrong with the place that the security log is written to, as data for the system checks."""

from __future__ import annotations

import getpass
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler
from pathlib import Path

from django.conf import settings

from security_logging.conf import Settings, conf
from security_logging.handlers.sinks import handlers_of

_TAIL = 65_536  # bytes of the log that are searched for forwarding headers
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')  # a text of the line, in which a client may have written anything
_JSON_CLAIM = b',"network":{"forwarded_ip":"'  # a text of the JSON form cannot hold a quote that is not escaped
# A handler that rotates in its own way, e.g. of concurrent-log-handler, will know why.
_UNSAFE_ROTATIONS = (RotatingFileHandler.doRollover, TimedRotatingFileHandler.doRollover)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the check's id, what it is, and what to do."""

    id: str
    message: str
    hint: str


def findings() -> Iterator[Finding]:
    """Return what is wrong with the handlers of the security logger as logging is configured now."""
    handlers = list(dict.fromkeys(handler for logger in _loggers() for handler in handlers_of(logger)))
    if not handlers:
        hint = 'Write e.g. LOGGING = build_logging("file"), from security_logging.logging_config.'
        yield Finding("W020", f"The logger {conf.LOGGER_NAME!r} has no handler, so no event is kept.", hint)
    for handler in handlers:
        if isinstance(handler, logging.FileHandler):
            yield from _file_findings(handler, Path(handler.baseFilename))


def _loggers() -> list[logging.Logger]:
    """Return the security logger and those of its children that exist: one for each class of events."""
    name = str(conf.LOGGER_NAME)
    known = logging.root.manager.loggerDict.items()
    children = [each for key, each in known if key.startswith(f"{name}.") and isinstance(each, logging.Logger)]
    return [logging.getLogger(name), *children]


def _file_findings(handler: logging.FileHandler, path: Path) -> Iterator[Finding]:
    if not _is_directory(path.parent):
        hint = f"Create it for the web server's user, e.g. with: install -d -o www-data -g adm -m 2750 {path.parent}"
        yield Finding("W021", f"The directory of the security log {str(path)!r} does not exist.", hint)
    elif not _is_writable(path):
        hint = f"Run this as the user that runs the site; if this is that user: chown {_user()} {path}"
        yield Finding("W022", f"The security log {str(path)!r} cannot be written by the user {_user()!r}.", hint)
    yield from _served(path)
    if getattr(type(handler), "doRollover", None) in _UNSAFE_ROTATIONS:
        kind = type(handler).__name__
        message = f"{kind} on the security log {str(path)!r} loses lines as soon as two processes write to it."
        hint = "Use security_logging.handlers.SecurityFileHandler, and logrotate for the rotation."
        yield Finding("W024", message, hint)
    if not conf.TRUSTED_PROXIES and conf.CLIENT_IP_RESOLVER is None and _holds_claims(path):
        message = f"Requests bring forwarding headers, as {str(path)!r} tells, but no proxy is trusted."
        hint = f'If a proxy of yours sends them, name it, e.g. {Settings.TRUSTED_PROXIES.name} = ("nginx",).'
        yield Finding("W025", message, hint)


def _served(path: Path) -> Iterator[Finding]:
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        root = getattr(settings, name, None)
        if root and path.resolve().is_relative_to(Path(root).resolve()):
            message = f"The security log {str(path)!r} lies in {name}, from where the web server serves files."
            yield Finding("W023", message, "Write it to a directory of its own, e.g. /var/log/django.")


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a directory above it is closed to this user, or the name is too long
        return False


def _is_writable(path: Path) -> bool:
    return os.access(path if os.access(path, os.F_OK) else path.parent, os.W_OK)


def _holds_claims(path: Path) -> bool:
    tail = _tail(path)
    return _JSON_CLAIM in tail or b" claimed=" in _TEXT.sub(b"", tail)


def _tail(path: Path) -> bytes:
    """Return the last lines of the log; nothing of a pipe, from which reading would take what is another's."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read(_TAIL).partition(b"\n")[2] if file.tell() else file.read(_TAIL)
    except OSError:
        return b""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return str(os.getuid())
