"""The context of a record (service, host, request, task, ...): attributes of the record that formatters write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from security_logging.events.fields import clip
from security_logging.formatters.record_text import text_of, visible

_ROOM = 256  # characters of one value

# Attribute of the record: its path in the Elastic Common Schema. A client can influence only the tenant, since a
# project may take it from the Host header; so it comes after our own values.
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
    """Return the context attributes that the record has; each value is a number or one line of text."""
    found = {name: getattr(record, name, "") for name in names}
    return {name: _value(value) for name, value in found.items() if value not in ("", None)}


def words(record: logging.LogRecord) -> str:
    """Return the attributes of the current request or task as ` [name=value ...]`, or "" if there are none."""
    known = values(record, CURRENT)
    return f" [{' '.join(f'{name}={value}' for name, value in known.items())}]" if known else ""


def add_to(document: dict[str, Any], record: logging.LogRecord) -> dict[str, Any]:
    """Add the record's context to its ECS document, and return the document; values that it has already stay."""
    paths = {**CONSTANT, **CURRENT}
    for name, value in values(record, paths).items():
        *parents, leaf = paths[name].split(".")
        target = document
        for parent in parents:
            target[parent] = target = dict(target.get(parent, {}))  # a copy: formatters share constant parts
        target.setdefault(leaf, value)
    return document


def _value(value: object) -> str | int:
    # For the Fail2ban filter a brace would end the labels, and the name of a site may contain one.
    if isinstance(value, int):
        return int(value)
    text = visible(clip(text_of(value), 6 * _ROOM, _ROOM))
    return text.replace("{", "(").replace("}", ")")
