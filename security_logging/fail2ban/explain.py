"""Explain what the filter does with a line, and why."""

from __future__ import annotations

import re
from collections import Counter
from io import TextIOWrapper
from pathlib import Path

from security_logging.addresses.parsing import parse_address
from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN
from security_logging.events.line import IDENT, parse
from security_logging.events.type_registry import MODES, counted
from security_logging.internal.files import open_to_read

# The part of a line that the filter needs in mode normal; see its DEV NOTES.
_REMAINS = re.compile(rf"\S+ {IDENT}\[\d+\]: ([a-z0-9_]+) ip=([0-9a-f.:]+) ")


def explain(line: str) -> list[str]:
    """Return some sentences about a line of the log, in text or JSON; does not raise for any line."""
    try:
        event = ecs.parse_json(line) if line.lstrip().startswith("{") else parse(line)
    except ValueError as error:
        return _explain_remains(line) or [f"Not counted: {error}."]
    said = [f"{event.type.name}: {event.type.meaning}"]
    modes = counting_modes(event)
    if event.type.counted_as is None:
        return [*said, "Not counted: no mode of the filter counts this event."]
    if event.address == UNKNOWN:
        why = "the address is not proven, or it must never be banned (a proxy of yours, a private address)."
        return [*said, f"Not counted: {why}"]
    return [
        *said,
        f"Counted in mode {', '.join(modes)}.",
        f"key=ip bans {event.address}, key=net bans {event.fields['net']}.",
    ]


def counting_modes(event: SecurityEvent) -> list[str]:
    """Return the modes that count the event."""
    if event.address == UNKNOWN:
        return []
    surface = event.fields["surface"]
    return [mode for mode, (_, only) in MODES.items() if event.type in counted(mode) and only in (None, surface)]


def explain_file(path: Path) -> list[str]:
    """Return how many lines of a log are counted, how many are not, and why; the most frequent reason first."""
    verdicts: Counter[str] = Counter()
    with open_to_read(path) as file, TextIOWrapper(file, "utf-8", errors="replace", newline="\n") as lines:
        verdicts.update(_verdict(line.rstrip("\n")) for line in lines)
    return [f"{number:>8}  {verdict}" for verdict, number in verdicts.most_common()] or ["The file is empty."]


def _verdict(line: str) -> str:
    said = explain(line)
    if len(said) == 1:  # no event could be read from it
        return "Not counted: no line of ours." if said[0].startswith("Not") else "Counted, although the line is cut."
    return f"{said[0].partition(':')[0]}: {said[1]}"


def _explain_remains(line: str) -> list[str]:
    match = _REMAINS.match(line)
    if match is None or not any(match[1] == kind.name for mode in MODES for kind in counted(mode)):
        return []
    if parse_address(match[2]) is None:
        return [f"Not counted: the line is cut, and {match[2]} is no address."]
    return [f"Counted, although the line is cut: {match[1]} of {match[2]}, in the modes that ask for no surface."]
