"""Mistakes in LOGGING that Python does not report; each message names the line of the settings."""

from __future__ import annotations

import ast
import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeGuard

from django.conf import settings

from security_logging.checks.problem import Problem, error, warning
from security_logging.logging_config.tolerant import keys_of

_TOP = ("version", "formatters", "filters", "handlers", "loggers", "root", "incremental", "disable_existing_loggers")
_LOGGER = ("level", "handlers", "filters", "propagate")
_FORMATTER = ("class", "format", "datefmt", "style", "validate", "defaults")
_WEB_ROOTS = ("STATIC_ROOT", "MEDIA_ROOT", "STATICFILES_DIRS", "WHITENOISE_ROOT")
_ROTATING = ("maxBytes", "when", "backupCount", "rotate_bytes")  # arguments of handlers that rename their file


def problems(logging: object, settings_module: str | None = None) -> Iterator[Problem]:
    """Check LOGGING; `settings_module` is the module whose lines the messages name, None to name no lines."""
    if not isinstance(logging, Mapping):
        return
    lines = _Lines(settings_module)
    for key, problem in (*_unknown_keys(logging), *_file_problems(logging), *_twice(logging)):
        yield replace(problem, message=f"{problem.message}{lines.of(key)}.")
    if logging.get("disable_existing_loggers", True) and not logging.get("incremental"):
        message = f"LOGGING disables every existing logger that it does not name{lines.of('disable_existing_loggers')}."
        yield warning("W301", message, 'Write "disable_existing_loggers": False.')


def _unknown_keys(logging: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    yield from _unknown("LOGGING", logging, _TOP, "E301")
    for name, logger in _section(logging, "loggers"):
        yield from _unknown(f'LOGGING["loggers"][{name!r}]', logger, _LOGGER, "E301")
    yield from _unknown('LOGGING["root"]', logging.get("root", {}), _LOGGER, "E301")
    for name, formatter in _section(logging, "formatters"):
        if "()" not in formatter:
            yield from _unknown(f'LOGGING["formatters"][{name!r}]', formatter, _FORMATTER, "E301")
    for name, handler in _section(logging, "handlers"):
        known = keys_of(handler)
        if known is not None:
            yield from _unknown(f'LOGGING["handlers"][{name!r}]', handler, known, "E302")


def _unknown(place: str, found: object, known: tuple[str, ...], number: str) -> Iterator[tuple[str, Problem]]:
    for key in found if isinstance(found, Mapping) else ():
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            fix = f"Did you mean {close[0]!r}?" if close else f"The keys are: {', '.join(known)}."
            yield str(key), error(number, f"{place} has an unknown key: {key!r}", fix)


def _file_problems(logging: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    handlers_of: dict[Path, list[str]] = defaultdict(list)
    rotating: set[Path] = set()
    for name, handler in _section(logging, "handlers"):
        if not handler.get("filename"):
            continue
        path = Path(str(handler["filename"])).resolve()
        handlers_of[path].append(name)
        if any(argument in handler for argument in _ROTATING):
            rotating.add(path)
        for root in _WEB_ROOTS:
            if any(path.is_relative_to(Path(directory).resolve()) for directory in _directories(root)):
                message = f'LOGGING["handlers"][{name!r}] writes {str(path)!r} into {root}, which the web server serves'
                yield name, error("E303", message, "Write it to a directory of its own, e.g. /var/log/django.")
    for path in rotating:
        if len(handlers_of[path]) > 1:
            names = " and ".join(map(repr, handlers_of[path]))
            message = f"The handlers {names} of LOGGING write the same file {str(path)!r}, and one of them rotates it"
            yield handlers_of[path][-1], error("E304", message, "Use one handler for both, or a file for each.")


def _twice(logging: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    loggers = {"": logging.get("root", {}), **dict(_section(logging, "loggers"))}
    for name, logger in loggers.items():
        for above in _ancestors(name, loggers):
            shared = set(_handlers(logger)) & set(_handlers(loggers[above]))
            if shared:
                place = above or "root"
                message = f"Records of {name!r} reach {sorted(shared)} twice, because they propagate to {place!r}"
                yield name, warning("W302", message, 'Write "propagate": False, or remove its handlers.')


def _ancestors(name: str, loggers: Mapping[str, Any]) -> Iterator[str]:
    """Return the names of the configured loggers that a record of this one reaches by propagation."""
    while name and loggers.get(name, {}).get("propagate", True):
        name = name.rpartition(".")[0]
        if name in loggers:
            yield name


def _section(logging: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    section = logging.get(name)
    pairs = section.items() if isinstance(section, Mapping) else ()
    return [(str(key), value) for key, value in pairs if isinstance(value, Mapping)]


def _handlers(logger: Mapping[str, Any]) -> list[str]:
    return [name for name in logger.get("handlers") or () if isinstance(name, str)]


def _directories(setting: str) -> list[str]:
    value = getattr(settings, setting, None) or ()
    entries = [value] if isinstance(value, str | Path) else value
    return [str(entry[1] if isinstance(entry, tuple) else entry) for entry in entries]


class _Lines:
    """Where the keys of dictionaries stand in the settings' source."""

    def __init__(self, module: str | None) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)
        self._seen: set[str] = set()
        if module:
            self._read(module)

    def of(self, key: str) -> str:
        """Return ` (settings.py, line 12)`, "" when the key is written nowhere or at several places."""
        places = self._found.get(key, [])
        return f" ({places[0]})" if len(places) == 1 else ""

    def _read(self, module: str) -> None:
        if module in self._seen:  # settings may import each other with a star
            return
        self._seen.add(module)
        try:
            spec = importlib.util.find_spec(module)
            if spec is None or spec.origin is None:
                return
            tree = ast.parse(Path(spec.origin).read_bytes())
        except (ImportError, OSError, SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key in filter(_is_constant, node.keys):
                    self._found[str(key.value)].append(f"{spec.origin}, line {key.lineno}")
            elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                self._read(_absolute(node, spec.parent or ""))


def _is_constant(key: ast.expr | None) -> TypeGuard[ast.Constant]:
    return isinstance(key, ast.Constant)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
