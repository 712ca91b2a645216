"""Sentry: security events as structured logs, alerts as issues, and personal data only if you ask for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sentry_sdk.scrubber import DEFAULT_DENYLIST, DEFAULT_PII_DENYLIST, EventScrubber

from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, UNKNOWN
from security_logging.formatters.security import event_of

__all__ = ["sentry_options"]

# Fields that say nothing about a person. A path can (/users/alice/), and an address is personal data in the EU.
IMPERSONAL = frozenset(
    {
        *("surface", "reason", "method", "status", "request_id", "ip_reason", "crosssite", "count", "backend"),
        *("prior_failures", "jail", "failures", "duration", "bans", "drill_id", "step"),
        *("sink", "sent", "spooled", "dropped", "rejected", "lag"),
    }
)
SECRETS = ("authorization", "cookie", "passwd", "password", "private_key", "secret", "session", "token", "api_key")
_FILTERED = "[Filtered]"
_SPEAKING = ("sys.argv", "security_event", "request")  # extras with more data than a log should send
_PERSONAL_PREFIXES = ("user.", "client.", "sentry.message.parameter.")


def sentry_options(*, personal_data: bool = False, **options: Any) -> dict[str, Any]:
    """
    Return the arguments for `sentry_sdk.init`; `options`, e.g. `dsn` and `environment`, are added and win.

    Each security event becomes a structured log, with attributes in ECS names. Only an alert becomes an issue (see
    `is_alert`). Errors of the application become issues as before. Without `personal_data` no address, user, path,
    header, body, local variable or argument of a log message is sent; secrets are never sent.
    """
    keeper = _Keeper(personal_data)
    return {
        "enable_logs": True,
        # Without the option it is off. `data_collection`, which newer versions prefer, would switch the scrubber off.
        **({"send_default_pii": True} if personal_data else {}),
        "include_local_variables": False,
        "max_request_body_size": "never",
        "event_scrubber": EventScrubber(
            denylist=[*DEFAULT_DENYLIST, *SECRETS],
            pii_denylist=[*DEFAULT_PII_DENYLIST],
            recursive=True,
            send_default_pii=personal_data,
        ),
        "before_send": keeper.issue,
        "before_send_log": keeper.log,
        "before_breadcrumb": keeper.breadcrumb,
        **options,
    }


def is_alert(event: SecurityEvent) -> bool:
    """Return whether the event is an alert: CRITICAL, or an ERROR that is derived from other events."""
    derived = event.type.event_class == "system" and event.type.level >= logging.ERROR
    return derived or event.type.level >= logging.CRITICAL


class _Keeper:
    """Decide what leaves for Sentry."""

    def __init__(self, personal_data: bool) -> None:
        self.personal_data = personal_data

    def issue(self, found: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any] | None:
        record = hint.get("log_record")
        if isinstance(record, logging.LogRecord):
            event = event_of(record)
            if event is not None:
                return self._alert(found, event) if is_alert(event) else None
            if record.name.startswith("django.security."):  # an attacker could open as many issues as he likes
                return None
        return self._scrubbed(found)

    def log(self, found: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
        attributes = dict(found.get("attributes") or {})
        event = attributes.get("security_event")
        if isinstance(event, SecurityEvent):
            kept = {name: value for name, value in attributes.items() if name.startswith(("sentry.", "logger."))}
            return {**found, "body": event.type.name, "attributes": {**kept, **self.attributes(event)}}
        body = found.get("body") if self.personal_data else attributes.get("sentry.message.template", found.get("body"))
        return {**found, "body": body, "attributes": self._safe(attributes)}

    def breadcrumb(self, found: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
        record = hint.get("log_record")
        if not isinstance(record, logging.LogRecord):
            return found
        event = event_of(record)
        if event is not None:
            return {**found, "message": event.type.name, "data": self.attributes(event)}
        message = found.get("message") if self.personal_data else str(record.msg)
        return {**found, "message": message, "data": self._safe(found.get("data") or {})}

    def attributes(self, event: SecurityEvent) -> dict[str, str | int]:
        """Return what may be sent of the event, by the names of the Elastic Common Schema."""
        known: dict[str, str | int] = {
            "event.action": event.type.name,
            "event.id": event.id,
            "event.outcome": event.type.ecs_outcome,
            "event.code": event.type.owasp,
            "event.severity": event.type.severity,
        }
        for name, value in event.fields.items():
            if value != UNKNOWN and (self.personal_data or name in IMPERSONAL):
                known[FIELDS[name].ecs] = value
        return {name: value for name, value in known.items() if value != ""}

    def _alert(self, found: dict[str, Any], event: SecurityEvent) -> dict[str, Any]:
        name = event.type.name
        message = {"message": f"{name}: {event.type.meaning}", "params": []}
        tags = {"event.action": name, "surface": str(event.fields["surface"])}
        grouped = {"fingerprint": ["security_logging", name], "logentry": message, "tags": tags}
        return self._scrubbed({**found, **grouped, "extra": self.attributes(event)})

    def _scrubbed(self, found: dict[str, Any]) -> dict[str, Any]:
        found = {**found, "extra": self._safe(found.get("extra") or {})}
        found.pop("modules", None)  # a list of what to attack
        if not self.personal_data:
            found.pop("user", None)
            request = found.get("request") or {}
            found["request"] = {name: request[name] for name in ("method",) if name in request}
            if "logentry" in found:
                found["logentry"] = {"message": found["logentry"].get("message", "")}
        return found

    def _safe(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        known = {
            name: _FILTERED if any(secret in name.lower() for secret in SECRETS) else value
            for name, value in attributes.items()
            if name not in _SPEAKING and isinstance(value, str | int | float | bool)
        }
        if self.personal_data:
            return known
        return {name: value for name, value in known.items() if not name.startswith(_PERSONAL_PREFIXES)}
