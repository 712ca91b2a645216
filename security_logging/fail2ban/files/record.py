"""The record of an installation: its choices and the hashes of its files, for the next installation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NAME = "django-security.json"  # in Fail2ban's directory; Fail2ban does not read it


@dataclass(frozen=True)
class Choices:
    """
    The choices of an installation; see the options of `security_fail2ban install`.

    `parameters` are those of the front's action. `report` is whether bans are written into the log.
    `never_banned` are addresses and networks that the jails ignore besides the proxies: yours, and the site's own.
    `locked` is whether the jail django-locked is on.
    """

    front: str = "nothing"
    parameters: Mapping[str, str] = field(default_factory=dict)
    log: str = "/var/log/django/security.log"
    logtype: str = "file"
    key: str = "ip"
    report: bool = True
    never_banned: Sequence[str] = ()
    locked: bool = False


@dataclass(frozen=True)
class Record:
    """The choices, and the hash of each written file by its path in the directory."""

    choices: Choices
    hashes: Mapping[str, str]

    def is_edited(self, name: str, text: str) -> bool:
        """Return whether the text of a file differs from what was written; False if that is not known."""
        return name in self.hashes and self.hashes[name] != digest(text)


def digest(text: str) -> str:
    """Return the hash of a file's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def render_record(choices: Choices, files: Mapping[str, str]) -> str:
    """Return the record of these files as text."""
    hashes = {name: digest(text) for name, text in files.items()}
    return json.dumps({"choices": asdict(choices), "hashes": hashes}, indent=2) + "\n"


def read_record(directory: Path) -> Record | None:
    """Return the record in the directory, or None if there is no valid one."""
    try:
        found = json.loads((directory / NAME).read_text(encoding="utf-8"))
        chosen: dict[str, Any] = {key: tuple(x) if isinstance(x, list) else x for key, x in found["choices"].items()}
        return Record(Choices(**chosen), dict(found["hashes"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
