"""Render the Fail2ban action that writes bans into the security log, from the line and the JSON form."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render
from security_logging.events.types import BANNED, UNBANNED, EventType
from security_logging.fail2ban.files.render import filled

# Example values, as an event writes them, and the shell variables that replace them; longer texts come first.
_TIME = datetime(1999, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
_IP, _NET, _ID, _PID = "192.0.2.1", "192.0.2.2", "0" * 24, 4194303
_WHO = {"ip": _IP, "net": _NET, "reason": "REASON", "jail": "JAIL"}
_NUMBERS = {"failures": 1111, "duration": 2222, "bans": 3333}
_SHELL: Mapping[str, str] = {
    f'"source":{{"ip":"{_IP}"}},': "${source}",
    f'"related":{{"ip":["{_IP}"]}},': "${related}",
    '"reason":"REASON",': "${why}",
    "REASON": "${reason}",
    "1999-01-02T03:04:05.678": "${time}",
    "JAIL": "${jail}",
    _IP: "${ip}",
    _NET: "${net}",
    _ID: "${id}",
    str(_PID): "$$",
    **{str(number): f"${{{name}}}" for name, number in _NUMBERS.items()},
}
_FORMS: Mapping[str, Callable[[SecurityEvent], str]] = {
    "text": render,
    "json": lambda event: ecs.render_json(event, {"log": _log(event.type)}),
}


def render_report_action() -> str:
    """Return the action file; it writes lines of the same form as the site."""
    lines = [f"_{name}-{form} = {_command(name, form)}" for form in _FORMS for name in ("banned", "unbanned", "lifted")]
    return filled("report.conf", lines="\n".join(lines))


def _command(name: str, form: str) -> str:
    text = _FORMS[form](_event(name))
    for character in '\\"$`':  # they have a meaning inside double quotes of the shell
        text = text.replace(character, f"\\{character}")
    for stand_in, word in _SHELL.items():
        text = text.replace(stand_in.replace('"', '\\"'), word)
    return f'echo "{text}"'


def _event(name: str) -> SecurityEvent:
    fields: dict[str, str | int] = dict(_WHO)
    if name == "banned":
        fields.update(_NUMBERS)
    if name == "lifted":  # all bans of the jail, so there is no address
        fields.update(ip="-", net="-", reason="all")
    event_type = BANNED if name == "banned" else UNBANNED
    return SecurityEvent(type=event_type, time=_TIME, pid=_PID, id=_ID, fields=fields)


def _log(event_type: EventType) -> dict[str, str]:
    return {"level": logging.getLevelName(event_type.level).lower(), "logger": f"security.{event_type.event_class}"}
