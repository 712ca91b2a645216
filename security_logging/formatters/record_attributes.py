"""The context of a record: where it comes from and what it belongs to, as attributes that formatters write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from security_logging.events.fields import clip
from security_logging.formatters.record_text import text_of, visible

_ROOM = 256  # characters of one value

# Attribute of the record: its path in the Elastic Common Schema. All values are ours but the tenant, which stands
# behind what is ours in JSON too, since a hook may take it from the Host header.
CONSTANT = {
    "service": "service.name",
    "env": "service.environment",
    "host": "host.name",
    "group": "labels.group",
    "stream": "labels.stream",
}
CURRENT = {
    "request_id": "http.request.id",
    "tenant": "organization.name",
    "drill_id": "labels.drill_id",
    "task": "labels.task",
    "task_id": "labels.task_id",
    "memory_mb": "labels.memory_mb",
    "available_mb": "labels.available_mb",
    "swap_mb": "labels.swap_mb",
    "suppressed": "labels.suppressed",
}


def values(record: logging.LogRecord, names: Mapping[str, str]) -> dict[str, str | int]:
    """Return those context attributes that the record has, as one line of text or a number each."""
    found = {name: getattr(record, name, "") for name in names}
    return {name: _value(value) for name, value in found.items() if value not in ("", None)}


def words(record: logging.LogRecord) -> str:
    """Return what is current in the record's context as ` [name=value ...]`, "" when there is nothing."""
    known = values(record, CURRENT)
    return f" [{' '.join(f'{name}={value}' for name, value in known.items())}]" if known else ""


def add_to(document: dict[str, Any], record: logging.LogRecord) -> dict[str, Any]:
    """Add the record's context to its ECS document, which is returned; what the document says already stays."""
    paths = {**CONSTANT, **CURRENT}
    for name, value in values(record, paths).items():
        *parents, leaf = paths[name].split(".")
        target = document
        for parent in parents:
            target[parent] = target = dict(target.get(parent, {}))  # a copy: formatters share what is constant
        target.setdefault(leaf, value)
    return document


def _value(value: object) -> str | int:
    # A brace inside labels would end them for the Fail2ban filter, which must not depend on what a site is called.
    if isinstance(value, int):
        return int(value)
    text = visible(clip(text_of(value), 6 * _ROOM, _ROOM))
    return text.replace("{", "(").replace("}", ")")
