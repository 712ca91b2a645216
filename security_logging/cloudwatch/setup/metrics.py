"""Metric filters, and the alarms on them."""

from __future__ import annotations

from dataclasses import dataclass

from security_logging.events import types
from security_logging.events.fields import FIELDS
from security_logging.events.type_registry import counted
from security_logging.events.types import EventType

SUSPICIOUS_FAILURES = 3  # failed attempts before a login that raise the alarm
UNITS = {"Lag": "Seconds"}


@dataclass(frozen=True)
class Metric:
    """
    A metric filter: it counts the matches of `pattern`, or takes the number at the path `value`.

    No metric has an address or a user as a dimension: AWS bills each value, and disables a filter with more than 1,000
    values in an hour.
    """

    name: str
    meaning: str
    pattern: str
    value: str = "1"
    default: int | None = 0


@dataclass(frozen=True)
class Alarm:
    """An alarm; `period` is in seconds."""

    name: str
    meaning: str
    metric: str
    statistic: str
    period: int
    comparison: str
    threshold: int
    missing: str = "notBreaching"
    periods: int = 1


def metrics() -> tuple[Metric, ...]:
    """Return all metric filters, with the event types that are registered now."""
    failed, heartbeat = _is(*counted("normal")), _is(types.HEARTBEAT)
    admin = f'{_path("surface")} = "admin"'
    rights = (types.PRIVILEGES_CHANGED, types.GROUP_PERMISSIONS_CHANGED)
    return (
        Metric("FailedLogins", "Logins, second factors and tokens that were refused.", _pattern(failed)),
        Metric("AdminFailedLogins", "The same at the admin.", _pattern(failed, admin)),
        Metric("Logins", "Logins.", _pattern(_is(types.LOGIN))),
        Metric("AdminLogins", "The same at the admin.", _pattern(_is(types.LOGIN), admin)),
        Metric("Lockouts", "Users or addresses that the application locked out.", _pattern(_is(types.LOGIN_LOCKED))),
        Metric(
            "SuccessAfterFailures",
            f"Logins after {SUSPICIOUS_FAILURES} or more failed attempts.",
            _pattern(_is(types.LOGIN), f"{_path('prior_failures')} >= {SUSPICIOUS_FAILURES}"),
        ),
        Metric("Bans", "Addresses that Fail2ban banned.", _pattern(_is(types.BANNED))),
        Metric("PrivilegeChanges", "Changes of the rights of users or groups.", _pattern(_is(*rights))),
        Metric("Probes", "Requests for bait paths.", _pattern(_is(types.PROBE))),
        Metric("Heartbeat", "Heartbeats of handlers and shippers.", _pattern(heartbeat), default=None),
        Metric("Lag", "Seconds by which the delivery is late.", _pattern(heartbeat), _path("lag"), None),
        Metric("Dropped", "Events that were lost.", _pattern(heartbeat), _path("dropped"), None),
        Metric("Rejected", "Events that CloudWatch refused.", _pattern(heartbeat), _path("rejected"), None),
    )


def alarms() -> tuple[Alarm, ...]:
    """Return all alarms."""
    at_least, above, below = "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold"
    return (
        Alarm("Burst", "20 or more failed logins in a minute.", "FailedLogins", "Sum", 60, at_least, 20),
        Alarm("Admin", "3 or more failed admin logins in 5 minutes.", "AdminFailedLogins", "Sum", 300, at_least, 3),
        Alarm(
            "SuccessAfterFailures",
            "A login after failed attempts: ask the user about it.",
            "SuccessAfterFailures",
            "Sum",
            60,
            at_least,
            1,
        ),
        Alarm(
            "Silence",
            "No heartbeat for 5 minutes: the site, the shipper or its permissions are broken.",
            "Heartbeat",
            "Sum",
            300,
            below,
            1,
            missing="breaching",
        ),
        Alarm("Lag", "The log arrives more than 10 minutes late.", "Lag", "Maximum", 300, above, 600, periods=2),
        Alarm("Dropped", "Events were lost.", "Dropped", "Sum", 300, at_least, 1),
    )


def _is(*wanted: EventType) -> str:
    terms = [f'($.event.action = "{event_type.name}")' for event_type in wanted]
    return f"({' || '.join(terms)})" if len(terms) > 1 else terms[0][1:-1]


def _path(field: str) -> str:
    return f"$.{FIELDS[field].ecs}"


def _pattern(*terms: str) -> str:
    joined = " && ".join(f"({term})" for term in terms) if len(terms) > 1 else terms[0]
    return f"{{ {joined} }}"
