"""The code and the output that a page of the documentation shows."""

from __future__ import annotations

import re
from pathlib import Path

from security_logging.events.event import SecurityEvent
from security_logging.events.line import render

DOCS = Path(__file__).parent.parent / "docs"
README = "../README.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OF_THE_MOMENT = (
    (re.compile(r"^\S+ django-security\[\d+\]"), "2026-08-01T12:00:00.123+00:00 django-security[412]"),
    (re.compile(r" (target_id|user_id)=\"\d+\""), r' \1="8"'),
    (re.compile(r" request_id=\"\w+\""), ""),
    (re.compile(r" id=\w+$"), " id=4f1c0a2b9d3e4c5f60718293"),
)


def page(name: str) -> str:
    """Return the text of the page, README.md included."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of the page in that language, "" for output, in their order."""
    return [body for found, body in _FENCE.findall(page(name)) if found == language]


def under(name: str, heading: str, language: str) -> str:
    """Return the one fenced block of that language in the section of that heading."""
    section = re.split(r"^#+ ", page(name), flags=re.MULTILINE)
    (text,) = [text for text in section if text.partition("\n")[0] == heading]
    (found,) = [body for kind, body in _FENCE.findall(text) if kind == language]
    return str(found)


def shown(events: list[SecurityEvent]) -> str:
    """Return the lines of the events as a page shows them: with the same time, keys and identifiers everywhere."""
    return "".join(f"{_settled(render(event))}\n" for event in events)


def _settled(line: str) -> str:
    for pattern, replacement in _OF_THE_MOMENT:
        line = pattern.sub(replacement, line)
    return line
