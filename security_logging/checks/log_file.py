"""What is wrong with the handlers of the security log and the files that they write."""

from __future__ import annotations

import getpass
import logging
import os
import re
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler
from pathlib import Path

from django.conf import settings

from security_logging.checks.problem import Problem, warning
from security_logging.conf import Settings, conf
from security_logging.handlers.sinks import handlers_of
from security_logging.internal.files import open_to_read

_TAIL = 65_536  # bytes of the log that are searched for forwarding headers
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')  # a text of the line, in which a client may have written anything
_JSON_CLAIM = b',"network":{"forwarded_ip":"'  # a text of the JSON form cannot hold a quote that is not escaped
# Other ways to rotate, e.g. that of concurrent-log-handler, are made for several processes.
_UNSAFE_ROTATIONS = (RotatingFileHandler.doRollover, TimedRotatingFileHandler.doRollover)


def problems() -> Iterator[Problem]:
    """Check the handlers of the security logger as logging is configured now."""
    handlers = list(dict.fromkeys(handler for logger in _loggers() for handler in handlers_of(logger)))
    if not handlers:
        fix = 'Write e.g. LOGGING = build_logging("file"), from security_logging.logging_config.'
        yield warning("W020", f"The logger {conf.LOGGER_NAME!r} has no handler, so events are lost.", fix)
    for handler in handlers:
        if isinstance(handler, logging.FileHandler):
            yield from _file_problems(handler, Path(handler.baseFilename))


def _loggers() -> list[logging.Logger]:
    """Return the security logger and those of its children that exist: one for each class of events."""
    name = str(conf.LOGGER_NAME)
    known = logging.root.manager.loggerDict.items()
    children = [each for key, each in known if key.startswith(f"{name}.") and isinstance(each, logging.Logger)]
    return [logging.getLogger(name), *children]


def _file_problems(handler: logging.FileHandler, path: Path) -> Iterator[Problem]:
    if not _is_directory(path.parent):
        fix = f"Create it for the web server's user, e.g. with: install -d -o www-data -g adm -m 2750 {path.parent}"
        yield warning("W021", f"The directory of the security log {str(path)!r} does not exist.", fix)
    elif not _is_writable(path):
        fix = f"Run this check as the user that runs the site; if this is that user: chown {_user()} {path}"
        yield warning("W022", f"The user {_user()!r} cannot write the security log {str(path)!r}.", fix)
    yield from _served_file_problems(path)
    if getattr(type(handler), "doRollover", None) in _UNSAFE_ROTATIONS:
        kind = type(handler).__name__
        message = f"{kind} loses lines of the security log {str(path)!r} when several processes write to it."
        fix = "Use security_logging.handlers.SecurityFileHandler, and rotate the file with logrotate."
        yield warning("W024", message, fix)
    if not conf.TRUSTED_PROXIES and conf.CLIENT_IP_RESOLVER is None and _holds_claims(path):
        message = f"Requests in {str(path)!r} have forwarding headers, but no proxy is trusted."
        fix = f'If a proxy of yours sends them, trust it, e.g. {Settings.TRUSTED_PROXIES.name} = ("nginx",).'
        yield warning("W025", message, fix)


def _served_file_problems(path: Path) -> Iterator[Problem]:
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        root = getattr(settings, name, None)
        if root and path.resolve().is_relative_to(Path(root).resolve()):
            message = f"The security log {str(path)!r} is in {name}, which the web server serves."
            yield warning("W023", message, "Write it to a directory of its own, e.g. /var/log/django.")


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
    """Return the last lines of the log; nothing of a pipe, where reading would take lines from its real reader."""
    try:
        if not path.is_file():
            return b""
        with open_to_read(path) as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read(_TAIL).partition(b"\n")[2] if file.tell() else file.read(_TAIL)
    except OSError:
        return b""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return str(os.getuid())
