"""What is wrong in the settings that decide which events are logged, as data for the system checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from security_logging.checks.problem import Problem
from security_logging.events.event import EVENT_CLASSES, event_types

_EXAMPLE = 'Write e.g. {"logout": False, "account.*": False}.'


def switch_problems(switches: object) -> list[Problem]:
    """Check SECURITY_LOGGING_EVENTS."""
    if not isinstance(switches, Mapping):
        return [Problem("is not a mapping", repr(switches), _EXAMPLE)]
    found = [problem for name, value in switches.items() for problem in _switch_problems(name, value)]
    return found or list(_uncounted(switches))


def _switch_problems(name: object, value: object) -> Iterator[Problem]:
    names = [event_type.name for event_type in event_types()]
    classes = [f"{event_class}.*" for event_class in EVENT_CLASSES]
    if name not in (*names, *classes):
        close = [f"{name}.*"] if f"{name}.*" in classes else get_close_matches(str(name), (*names, *classes), n=1)
        hint = f'Did you mean "{close[0]}"?' if close else f"The events are {', '.join(names)}; the classes {classes}."
        yield Problem("names no event and no class", repr(name), hint)
    elif not isinstance(value, bool):
        yield Problem(f"says neither True nor False of {name!r}", repr(value), _EXAMPLE)


def _uncounted(switches: Mapping[str, bool]) -> Iterator[Problem]:
    """Yield the counted events that are off: a jail that never sees a line looks like a quiet site."""
    for event_type in event_types():
        name, event_class = event_type.name, f"{event_type.event_class}.*"
        if event_type.counted_as and not switches.get(name, switches.get(event_class, True)):
            hint = f'Nobody is banned for it; leave it on with {{"{name}": True}}.'
            yield Problem("switches off an event that Fail2ban counts", repr(name), hint, is_error=False)
