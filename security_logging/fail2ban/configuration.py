"""Fail2ban's configuration after all .conf and .local files are read; it needs no running server."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from configparser import Error, RawConfigParser
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from security_logging.addresses.parsing import Network

DEFAULT_IGNORED = "127.0.0.1/8 ::1"  # the value that jail.conf has in a comment
_ORDER = ("jail.conf", "jail.d/*.conf", "jail.local", "jail.d/*.local")  # later files override, see jail.conf(5)


@dataclass
class Jail:
    """A jail that is switched on; an action is a name with its parameters and commands."""

    backend: str
    logs: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    failregex: str = ""
    datepattern: str = ""
    limit: str = ""  # maxretry
    actions: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass
class Configuration:
    """The options of the server, and the jails that are switched on, by their names."""

    server: dict[str, str] = field(default_factory=dict)
    jails: dict[str, Jail] = field(default_factory=dict)


def parse(dump: str) -> Configuration:
    """Return the configuration from the output of `fail2ban-client -d`; other lines are ignored."""
    found = Configuration()
    for command in _commands(dump):
        _apply(found, *command)
    return found


def raw_value(directory: Path, section: str, name: str) -> str | None:
    """
    Return what the files of the directory say last, not interpolated; None when they say nothing.

    For a question that Fail2ban itself does not answer, e.g. since it refuses the configuration.
    """
    parser = RawConfigParser(strict=False, interpolation=None, default_section="")
    for pattern in _ORDER:
        for path in sorted(directory.glob(pattern)):
            try:
                parser.read(path, encoding="utf-8")
            except (Error, UnicodeDecodeError, OSError):
                continue  # Fail2ban's own test reports it
    return parser.get(section, name, fallback=None)


def default_ignored(directory: Path) -> str:
    """Return the `ignoreip` of all jails that have none of their own."""
    return " ".join((raw_value(directory, "DEFAULT", "ignoreip") or DEFAULT_IGNORED).replace(",", " ").split())


def networks(texts: Iterable[str]) -> list[Network]:
    """Return the networks of an ignoreip, "127.0.0.1/8" included; host names and invalid entries are left out."""
    found: list[Network] = []
    for text in texts:
        with suppress(ValueError):
            found.append(ip_network(text, strict=False))
    return found


def _commands(dump: str) -> Iterator[list[Any]]:
    for line in dump.splitlines():
        try:
            command = ast.literal_eval(line)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(command, list) and len(command) > 2:
            yield command


def _apply(found: Configuration, verb: str, name: str, *words: Any) -> None:
    if verb == "add":
        found.jails[name] = Jail(str(words[0]))
    elif name not in found.jails:
        found.server[name] = str(words[0])
    else:
        _apply_to_jail(found.jails[name], *words)


def _apply_to_jail(jail: Jail, option: str, *values: Any) -> None:
    if option in ("addlogpath", "addignoreip", "addaction"):
        into = {"addlogpath": jail.logs, "addignoreip": jail.ignored}
        if option == "addaction":
            jail.actions.setdefault(str(values[0]), {})
        else:
            into[option].extend(map(str, values[:1] if option == "addlogpath" else values))
    elif option == "addfailregex":
        jail.failregex += "\n".join(_texts(values))
    elif option in ("datepattern", "maxretry"):
        setattr(jail, {"maxretry": "limit"}.get(option, option), str(values[0]))
    elif option == "action":
        jail.actions[str(values[0])] = dict(_pairs(values[1]))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from map(str, value) if isinstance(value, list) else (str(value),)


def _pairs(parameters: Any) -> Iterator[tuple[str, str]]:
    entries = parameters.items() if isinstance(parameters, Mapping) else parameters
    yield from ((str(name), str(value)) for name, value in entries)
