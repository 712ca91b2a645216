"""The tables of the documentation, rendered from the vocabulary and the settings."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from scripts.samples import sample
from security_logging import conf
from security_logging.events.fields import FIELDS, HEAD
from security_logging.events.line import render
from security_logging.events.type_registry import MODES, event_types
from security_logging.events.types import EventType

if TYPE_CHECKING:
    from security_logging.addresses.proxies import Preset

_INTRODUCTION = """\
This page is generated from `security_logging/events/types.py` and `security_logging/events/fields.py`.

[What is logged when](flows.md) shows each request that leaves a line, and the reason in that line.
[Integrations](integrations.md) does so for other packages, and [Account changes](accounts.md) for users and groups.
"""
_LINE = """\
## The line

```
2026-08-01T12:00:00.123+00:00 django-security[412]: login_failed ip=203.0.113.7 net=203.0.113.7 surface=admin \
reason=bad_credentials user="alice" method="POST" path="/admin/login/" agent="curl/8.5" peer=10.0.0.5 \
claimed=198.51.100.9 id=4f1c0a2b9d3e4c5f60718293
```

| part | what it is |
| --- | --- |
| `2026-08-01T12:00:00.123+00:00` | the time, in UTC and with the offset, so that Fail2ban reads it right in every \
time zone |
| `django-security[412]:` | the program and its process id, as syslog writes them |
| `login_failed` | the event |
| `ip=203.0.113.7` | the address that Fail2ban may ban: the TCP peer, or what your trusted proxies say; `-` if it is \
not proven, and then Fail2ban does not count the line |
| `net=203.0.113.7` | the /64 network of an IPv6 address, or the IPv4 address itself |
| `surface=admin` | where it happened: `site`, `admin` (any AdminSite) or `api` |
| `reason=bad_credentials` | why, in one word |
| `user="alice"` | the first of the fields that a client can influence; each of them is an ASCII JSON string, so that \
it cannot hold a line end, a bare quote or a control character |
| `method="POST" path="/admin/login/" agent="curl/8.5"` | the request; each field is cut at the length \
that the table below names |
| `peer=10.0.0.5` | the TCP peer, if it is not the address: your proxy |
| `claimed=198.51.100.9` | the address that forwarding headers claim, if it is another one; for information, never \
banned |
| `id=4f1c...` | the identifier of the event, the same in each of its copies |

The site chooses time, event, address, surface and reason, and they come first.
The filter for Fail2ban is one anchored expression over them.
Within a major version fields are only added, at the end.
The whole line is ASCII and shorter than 2 KB.
"""
_FIELDS_INTRODUCTION = """\
The fields `ip`, `net`, `surface` and `reason` are in every line, in this order, and never hold what a client wrote.
The other fields follow if they have a value; a text is a JSON string.
"""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def events() -> str:
    """Return the table of event types for people who choose what to watch."""
    rows = [
        [f"`{t.name}`", t.event_class, logging.getLevelName(t.level), t.meaning, _counted(t)] for t in event_types()
    ]
    return table(["event", "class", "level", "meaning", "counted by Fail2ban"], rows)


def fields() -> str:
    """Return the table of fields, in both forms of the log."""
    rows = [[f"`{f.name}`", f.kind.value, f"`{f.ecs}`", str(f.max_length), f.meaning] for f in FIELDS.values()]
    return table(["field", "kind", "in JSON (ECS)", "at most, bytes", "meaning"], rows)


def settings() -> str:
    """Return the table of settings."""
    rows = [[f"`{s.name}`", s.type_name, f"`{s.default!r}`", s.meaning] for s in conf.declared().values()]
    return table(["setting", "type", "default", "meaning"], rows)


def checks() -> str:
    """Return the table of system checks, with those that only a project with CloudWatch has."""
    from security_logging.checks.registry import DECLARED
    from security_logging.cloudwatch.checks import DECLARED as CLOUDWATCH

    levels = {"E": "Error", "W": "Warning"}
    rows = [[f"`security_logging.{i}`", levels[i[0]], text] for i, text in sorted({**DECLARED, **CLOUDWATCH}.items())]
    return table(["id", "level", "what it means"], rows)


def missing_events() -> str:
    """Return the table of events that the log misses without the middleware."""
    from security_logging.checks.missing_events import MISSING

    rows = [
        [f"`{m.event}`", ", ".join(f"`{reason}`" for reason in m.reasons) or "any", m.where, m.package] for m in MISSING
    ]
    return table(["event", "reason", "only", "package"], rows)


def fail2ban_problems() -> str:
    """Return the table of what `security_fail2ban check` may find, in its own words."""
    from security_logging.fail2ban.checking.problems import DECLARED

    def said(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: match[1].upper(), text).replace("{{", "{").replace("}}", "}")

    rows = [[f"`{p.id}`", p.level.value, said(p.message), f"`{said(p.fix)}`"] for p in DECLARED.values()]
    return table(["id", "level", "what it says", "the fix"], rows)


def presets() -> str:
    """Return the table of the presets of proxies, and what you accept by trusting each."""
    from security_logging.addresses.proxies import PRESETS

    def ranges(preset: Preset) -> str:
        return (
            f"[published]({preset.source.partition(',')[0]}), as of {preset.date}"
            if preset.date
            else ", ".join(preset.networks)
        )

    rows = [[f"`{p.name}`", ranges(p), f"`{p.header or 'X-Forwarded-For'}`", p.note] for p in PRESETS.values()]
    return table(["preset", "networks", "header", "what it is for, and what you accept by it"], rows)


def strangers() -> str:
    """Return the table of who else can send from the networks of a preset, and what keeps them out."""
    from security_logging.addresses.proxies import PRESETS

    def pages(preset: Preset) -> str:
        return ", ".join(f"[{number}]({address})" for number, address in enumerate(preset.read_at, 1))

    rows = [
        [f"`{p.name}`", "yes" if p.date else "no", p.strangers, p.writes, p.lock, pages(p)] for p in PRESETS.values()
    ]
    return table(["preset", "shared", "who else can send", "what they can write", "the lock", "source"], rows)


def modes() -> str:
    """Return the table of the modes of the Fail2ban filter."""
    rows = []
    for mode, (families, surface) in MODES.items():
        names = [f"`{t.name}`" for t in event_types() if t.counted_as in families]
        rows.append([f"`{mode}`", ", ".join(names), surface or "any"])
    return table(["mode", "counted events", "surface"], rows)


def events_page() -> str:
    """Return docs/events.md: each event type with its fields, its names in the standards, and a line of it."""
    parts = [
        "# Events\n",
        _INTRODUCTION,
        events(),
        _LINE,
        "## Fields\n",
        _FIELDS_INTRODUCTION,
        fields(),
    ]
    parts.extend(_section(event_type) for event_type in event_types())
    return "\n".join(parts)


def _section(event_type: EventType) -> str:
    facts = [
        ["logger", f"`security.{event_type.event_class}`"],
        ["level", logging.getLevelName(event_type.level)],
        ["counted by Fail2ban", _counted(event_type)],
        *([["proof of intent", "; or ".join(proof.value for proof in event_type.proofs)]] if event_type.proofs else []),
        ["fields", ", ".join(f"`{name}`" for name in (*HEAD, *event_type.fields))],
        ["OWASP Logging Vocabulary", f"`{event_type.owasp}`" if event_type.owasp else "none"],
        ["ECS category / type / outcome", _ecs(event_type)],
        ["OCSF class / activity", " / ".join(map(str, event_type.ocsf))],
        ["MITRE ATT&CK", event_type.attack or "none"],
    ]
    line = render(sample(event_type))
    return f"## {event_type.name}\n\n{event_type.meaning}\n\n{table(['', ''], facts)}\n```\n{line}\n```\n"


def _ecs(event_type: EventType) -> str:
    return " / ".join((", ".join(event_type.ecs_categories), ", ".join(event_type.ecs_types), event_type.ecs_outcome))


def _counted(event_type: EventType) -> str:
    found = [mode for mode, (families, _) in MODES.items() if event_type.counted_as in families]
    return ", ".join(found) if found else "no"
