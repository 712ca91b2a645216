"""What is wrong in SECURITY_LOGGING_EVENTS, which switches events off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from security_logging.checks.problem import Problem, error, warning
from security_logging.conf import Settings, conf
from security_logging.events.type_registry import EVENT_CLASSES, event_types
from security_logging.events.types import LOCKED

_EXAMPLE = 'Write e.g. {"logout": False, "account.*": False}.'
_NAME = Settings.EVENTS.name


def problems() -> Iterator[Problem]:
    """Check the setting of this module."""
    switches: object = conf.EVENTS
    if not isinstance(switches, Mapping):
        yield error("E201", f"{_NAME} is not a mapping: {switches!r}.", _EXAMPLE)
        return
    found = [problem for name, value in switches.items() for problem in _switch_problems(name, value)]
    yield from found or _counted_events_that_are_off(switches)


def _switch_problems(name: object, value: object) -> Iterator[Problem]:
    names = [event_type.name for event_type in event_types()]
    classes = [f"{event_class}.*" for event_class in EVENT_CLASSES]
    if name not in (*names, *classes):
        close = [f"{name}.*"] if f"{name}.*" in classes else get_close_matches(str(name), (*names, *classes), n=1)
        fix = f'Did you mean "{close[0]}"?' if close else f"The events are {', '.join(names)}; the classes {classes}."
        yield error("E201", f"{_NAME} has a key that is neither an event nor a class of events: {name!r}.", fix)
    elif not isinstance(value, bool):
        yield error("E201", f"{_NAME}[{name!r}] is neither True nor False: {value!r}.", _EXAMPLE)


def _counted_events_that_are_off(switches: Mapping[str, bool]) -> Iterator[Problem]:
    """Yield the counted events that are off: a jail that never sees a line looks like a quiet site."""
    for event_type in event_types():
        name, event_class = event_type.name, f"{event_type.event_class}.*"
        if event_type.counted_as not in (None, LOCKED) and not switches.get(name, switches.get(event_class, True)):
            fix = f'Write {{"{name}": True}}; while the event is off, Fail2ban cannot ban for it.'
            yield warning("W201", f"{_NAME} switches off an event that Fail2ban counts: {name!r}.", fix)
