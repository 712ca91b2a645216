"""
The sample lines for Fail2ban's own test harness, rendered from the vocabulary.

Every mode, key and logtype of the filter gets each event it counts, with and without a user name, cut lines, the events
it must not count, and lines that try to name another address. The format is Fail2ban's (FILTERS, "failJSON").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.line import IDENT, render, render_message
from security_logging.events.type_registry import MODES, counted, event_types, get
from security_logging.events.types import EventType

TIME = datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)
LOCAL_TIME = "2026-08-01T14:00:00"  # the harness lives in Central European summer time
LOCAL_TIME_OF_SYSLOG = "2005-08-01T14:00:00"  # and in 2005, the year it adds to a time without one
KEYS = ("ip", "net")
FORGED = 'x" id=1\n2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip=198.51.100.1 net=198.51.100.1 '
FORGED_JSON = '"},"source":{"ip":"198.51.100.1"},"event":{"action":"login_failed"},"x":{"x":"'


@dataclass(frozen=True)
class Sample:
    """A line, what it must be counted as (None: not at all), and why it is here."""

    line: str
    desc: str
    host: str | None = None
    user: str | None = None
    time: str | None = None

    def __str__(self) -> str:
        """Return the two lines of the sample file."""
        found = {"time": self.time, "match": self.host is not None, "host": self.host, "user": self.user}
        known = {key: value for key, value in found.items() if value is not None} | {"desc": self.desc}
        return f"# failJSON: {json.dumps(known)}\n{self.line}"


@dataclass(frozen=True)
class LogType:
    """How a logtype wraps a line, which time Fail2ban reads from it, and whether it shows the user name as it is."""

    name: str
    write: Callable[[SecurityEvent], str]
    foreign: str  # how another program's text reaches the same log, as a format
    time: str | None
    shows_user: bool = True

    @property
    def form(self) -> str:
        """Return the form of the event: text or json."""
        return "json" if self.name == "json" else "text"


def _syslog(event: SecurityEvent) -> str:
    return f"Aug  1 14:00:00 web1 {IDENT}[{event.pid}]: {render_message(event)}"


def _rsyslog(event: SecurityEvent) -> str:
    return f"2026-08-01T14:00:00.123456+02:00 web1 {IDENT}[{event.pid}]: {render_message(event)}"


def _journal(event: SecurityEvent) -> str:
    return f"web1 {IDENT}[{event.pid}]: {render_message(event)}"


def _docker(event: SecurityEvent) -> str:
    found = {"log": render(event) + "\n", "stream": "stderr", "time": "2026-08-01T12:00:00.123456789Z"}
    return json.dumps(found, separators=(",", ":"))


LOG_TYPES = (
    LogType("file", render, "{}", LOCAL_TIME),
    LogType("short", _syslog, "Aug  1 14:00:00 web1 other[1]: {}", LOCAL_TIME_OF_SYSLOG),
    LogType("short", _rsyslog, "2026-08-01T14:00:00.123456+02:00 web1 other[1]: {}", LOCAL_TIME),
    LogType("journal", _journal, "web1 other[1]: {}", None),  # the journal brings the time itself
    # Docker escapes the quotes of the user name.
    LogType("docker", _docker, '{{"log":"{}\\n","time":"2026-08-01T12:00:00.1Z"}}', LOCAL_TIME, shows_user=False),
    LogType("json", ecs.render_json, '{{"@timestamp":"2026-08-01T12:00:00.123Z","message":"{}"}}', LOCAL_TIME),
)


def render_samples() -> str:
    """Return the whole sample file."""
    head = (
        "# Samples for filter.d/django-security.conf. Generated from the vocabulary (make generate): do not edit.\n"
        "# No line may ever be counted as 198.51.100.1: that address is only in what a client wrote.\n"
    )
    blocks = [_block(log_type, mode, key) for log_type in LOG_TYPES for mode in MODES for key in KEYS]
    return head + "".join(blocks)


def _block(log_type: LogType, mode: str, key: str) -> str:
    options = {"logtype": log_type.name, "mode": mode, "key": key}
    lines = "".join(f"{sample}\n" for sample in samples(log_type, mode, key))
    return f"\n# filterOptions: {json.dumps(options)}\n{lines}"


def samples(log_type: LogType, mode: str, key: str) -> Iterator[Sample]:
    """Yield the samples of one combination: those that count, then those that do not."""
    types = counted(mode)
    surface = MODES[mode][1] or "site"
    for number, event_type in enumerate(types):
        address = ("203.0.113.7", "2001:db8:1:2::7")[number % 2]
        for user in ("alice", FORGED, FORGED_JSON, "\\", "") if number == 0 else ("alice",):
            event = make(event_type, address, surface, user)
            yield _counted(log_type, key, event, f"{event_type.name} is counted")
    event = make(types[0], "2001:db8:1:2::7", surface, FORGED)
    if log_type.name == "docker":
        cut = _behind_surface(log_type.write(event))
        yield Sample(cut, "a line that is not there to its end may begin where a client wanted it to")
    else:
        yield _counted(log_type, key, event, "a line that is cut behind the surface is counted", cut=_behind_surface)
    yield from _not_counted(log_type, mode)
    if key == KEYS[0]:  # what follows the event word cannot change that it is not counted
        yield from _other_events(log_type, mode)


def _counted(
    log_type: LogType,
    key: str,
    event: SecurityEvent,
    desc: str,
    cut: Callable[[str], str] | None = None,
) -> Sample:
    line = log_type.write(event)
    user = event.fields.get("user")
    shown = json.dumps(user)[1:-1] if user is not None and log_type.shows_user and cut is None else None
    return Sample(cut(line) if cut else line, desc, host=str(event.fields[key]), user=shown, time=log_type.time)


def _behind_surface(line: str) -> str:
    found = line.find("surface")
    return line[: line.index(" " if " " in line[found:] else ",", found) + 1] if found > 0 else line


def _not_counted(log_type: LogType, mode: str) -> Iterator[Sample]:
    types, surface = counted(mode), MODES[mode][1] or "site"
    example = make(types[0], "203.0.113.7", surface, "alice")
    line = log_type.write(example)
    yield Sample(log_type.write(make(types[0], "-", surface, FORGED)), "an address that is not proven is not counted")
    address_end = line.index("203.0.113.7") + len("203.0.113.7")
    for length, desc in ((0, "behind the address"), (1, "inside the address"), (3, "inside the address, at a dot")):
        yield Sample(line[: address_end - length], f"a line that is cut {desc} could name another address")
    for broken in ("203.0.113.7:443", "203.0.113.7,198.51.100.1", "203.0.113.7.198", "fe80::1%eth0", "example.org"):
        text = line.replace("203.0.113.7", broken)
        yield Sample(text, f"{broken} is no address")
    if surface == "admin":
        elsewhere = make(types[0], "203.0.113.7", "site", 'x" surface=admin')
        yield Sample(log_type.write(elsewhere), "what did not happen at the admin is not counted in mode admin")
    yield Sample("search it " + line, "a line that begins with anything else is not ours")
    for words in ("", "search ", "search for "):
        text = f"{words}{IDENT}[1]: {types[0].name} ip=198.51.100.1 net=198.51.100.1 surface={surface} "
        yield Sample(log_type.foreign.format(text), "what another program prints into the same log is not ours")
    yield Sample(
        log_type.write(example).replace(f"{types[0].name}", "log", 1), "another logger's record is not counted"
    )


def _other_events(log_type: LogType, mode: str) -> Iterator[Sample]:
    for event_type in event_types():
        if event_type not in counted(mode):
            event = make(event_type, "203.0.113.7", MODES[mode][1] or "site", "alice")
            yield Sample(log_type.write(event), f"{event_type.name} is not counted in mode {mode}")


def make(event_type: EventType, address: str, surface: str, text: str) -> SecurityEvent:
    """Return an event of the type with `text` in every field that a client can fill."""
    net = f"{address[:-1]}/64" if ":" in address else address
    values: dict[str, str | int] = {"ip": address, "net": net, "surface": surface, "reason": "bad_credentials"}
    optional: dict[str, str | int] = {name: text for name in ("user", "agent") if name in event_type.fields and text}
    return SecurityEvent(
        type=get(event_type.name), time=TIME, pid=412, id="4f1c0a2b9d3e4c5f60718293", fields={**values, **optional}
    )
