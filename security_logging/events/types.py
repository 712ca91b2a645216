"""The event types: their names, levels, fields, and names in the standards."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

LOCKED = "locked"  # the family of events that prove nothing; only a mode of its own may count it


class Proof(Enum):
    """What proves that the sender of a counted event meant it, and not a hostile page open in the sender's browser."""

    CREDENTIAL_CHECKED = "a credential was checked"
    LOGIN_ATTEMPT = "a login attempt without the marks of another site's page, or with a CSRF token that fits"
    BAIT_PATH = "a bait path that no page asked for"


@dataclass(frozen=True)
class EventType:
    """
    A kind of security event.

    `name` is never renamed. `fields` are the names of the optional fields in line order, after those of `HEAD`.
    `counted_as` is the family of Fail2ban modes that count the event, None if no mode does. `proofs` says what proves
    that the sender meant it; each event of a counted type has one of these. `owasp` is the name in the OWASP
    Logging Vocabulary, `ecs_*` are values of the Elastic Common Schema's closed lists, `ocsf` is the pair (class,
    activity) of the Open Cybersecurity Schema Framework, `attack` a MITRE ATT&CK technique; an empty string means that
    the standard has no name for it. `severity` runs from 0 to 100.
    """

    name: str
    event_class: str
    level: int
    meaning: str
    fields: tuple[str, ...]
    counted_as: str | None = None
    owasp: str = ""
    ecs_categories: tuple[str, ...] = ()
    ecs_types: tuple[str, ...] = ()
    ecs_outcome: str = "unknown"
    ocsf: tuple[int, int] = (0, 0)
    attack: str = ""
    severity: int = 30
    proofs: tuple[Proof, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a counted type without a proof: a hostile page could have its visitors banned."""
        if self.counted_as not in (None, LOCKED) and not self.proofs:
            raise ValueError(
                f"Event type {self.name!r} is counted as {self.counted_as!r} without a proof of intent: name what each"
                " such event proves, e.g. proofs=(Proof.CREDENTIAL_CHECKED,), or leave counted_as out."
            )


_CLIENT = ("method", "path", "status", "agent", "request_id", "peer", "claimed", "ip_reason")
_WHO = ("user", *_CLIENT)
_ACTOR = ("user", "user_id", "method", "path", "request_id", "peer", "claimed", "ip_reason")
_AUTHN, _IAM, _WEB, _SESSION = ("authentication",), ("iam",), ("web",), ("authentication", "session")
_INTRUSION = ("intrusion_detection", "network")

LOGIN = EventType(
    "login", "auth", logging.INFO, "A user logged in.", ("user", "user_id", *_CLIENT, "backend", "prior_failures"),
    owasp="authn_login_success", ecs_categories=_SESSION, ecs_types=("start",), ecs_outcome="success",
    ocsf=(3002, 1), attack="T1078", severity=20,
)  # fmt: skip
LOGOUT = EventType(
    "logout", "auth", logging.INFO, "A user logged out.", ("user", "user_id", *_CLIENT),
    owasp="session_expired", ecs_categories=_SESSION, ecs_types=("end",), ecs_outcome="success",
    ocsf=(3002, 2), severity=10,
)  # fmt: skip
LOGIN_FAILED = EventType(
    "login_failed", "auth", logging.WARNING, "A login was refused.", (*_WHO, "crosssite", "known"), counted_as="normal",
    owasp="authn_login_fail", ecs_categories=_AUTHN, ecs_types=("start",), ecs_outcome="failure",
    ocsf=(3002, 1), attack="T1110", severity=50,
    proofs=(Proof.CREDENTIAL_CHECKED, Proof.LOGIN_ATTEMPT),
)  # fmt: skip
LOGIN_BLOCKED = EventType(
    "login_blocked", "auth", logging.WARNING,
    "An attempt to log in was refused by a lock-out or a limit of the application; no credential was checked.",
    (*_WHO, "crosssite"), counted_as=LOCKED,
    owasp="authn_login_lock", ecs_categories=_AUTHN, ecs_types=("start",), ecs_outcome="failure",
    ocsf=(3002, 1), attack="T1110", severity=40,
)  # fmt: skip
LOGIN_LOCKED = EventType(
    "login_locked", "auth", logging.WARNING, "A user or an address was locked out by the application.", _WHO,
    owasp="authn_login_lock", ecs_categories=_AUTHN, ecs_types=("start", "info"), ecs_outcome="failure",
    ocsf=(3001, 9), attack="T1110", severity=70,
)  # fmt: skip
MFA_FAILED = EventType(
    "mfa_failed", "auth", logging.WARNING, "A second factor was refused.", _WHO, counted_as="normal",
    owasp="authn_login_fail", ecs_categories=_AUTHN, ecs_types=("start",), ecs_outcome="failure",
    ocsf=(3002, 1), attack="T1621", severity=60,
    proofs=(Proof.CREDENTIAL_CHECKED, Proof.LOGIN_ATTEMPT),
)  # fmt: skip
TOKEN_FAILED = EventType(
    "token_failed", "auth", logging.WARNING, "An API token was refused.", _WHO, counted_as="normal",
    owasp="authn_login_fail", ecs_categories=_AUTHN, ecs_types=("start",), ecs_outcome="failure",
    ocsf=(3002, 1), attack="T1550.001", severity=50,
    proofs=(Proof.CREDENTIAL_CHECKED,),
)  # fmt: skip
PASSWORD_CHANGED = EventType(
    "password_changed", "auth", logging.INFO, "A password was changed.", (*_ACTOR, "target", "target_id"),
    owasp="authn_password_change", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="success",
    ocsf=(3001, 3), attack="T1098", severity=30,
)  # fmt: skip
PASSWORD_CHANGE_FAILED = EventType(
    "password_change_failed", "auth", logging.WARNING, "A password change was refused: the old password was wrong.",
    (*_ACTOR, "target", "target_id"), counted_as="normal",
    owasp="authn_password_change_fail", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="failure",
    ocsf=(3001, 3), attack="T1110", severity=60,
    proofs=(Proof.CREDENTIAL_CHECKED,),
)  # fmt: skip
PASSWORD_REJECTED = EventType(
    "password_rejected", "auth", logging.INFO, "A form refused a new password.", (*_ACTOR, "target", "target_id"),
    owasp="authn_password_change_fail", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="failure",
    ocsf=(3001, 3), severity=20,
)  # fmt: skip
PASSWORD_RESET_REQUESTED = EventType(
    "password_reset_requested", "auth", logging.INFO, "A password reset was requested.", _WHO,
    ecs_categories=_IAM, ecs_types=("user", "info"), ocsf=(3001, 4), attack="T1078", severity=40,
)  # fmt: skip
PASSWORD_RESET_COMPLETED = EventType(
    "password_reset_completed", "auth", logging.WARNING, "A password was set through a reset link.",
    ("user", "user_id", *_CLIENT),
    owasp="authn_password_change", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="success",
    ocsf=(3001, 4), attack="T1098", severity=50,
)  # fmt: skip
USER_CREATED = EventType(
    "user_created", "account", logging.WARNING, "A user was created.", (*_ACTOR, "target", "target_id", "after"),
    owasp="user_created", ecs_categories=_IAM, ecs_types=("user", "creation"), ecs_outcome="success",
    ocsf=(3001, 1), attack="T1136", severity=50,
)  # fmt: skip
USER_UPDATED = EventType(
    "user_updated", "account", logging.INFO, "The user name or e-mail address of a user was changed.",
    (*_ACTOR, "target", "target_id", "change"),
    owasp="user_updated", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="success",
    ocsf=(3001, 99), attack="T1098", severity=40,
)  # fmt: skip
USER_DELETED = EventType(
    "user_deleted", "account", logging.WARNING, "A user was deleted.", (*_ACTOR, "target", "target_id", "before"),
    owasp="user_deleted", ecs_categories=_IAM, ecs_types=("user", "deletion"), ecs_outcome="success",
    ocsf=(3001, 6), attack="T1531", severity=60,
)  # fmt: skip
USER_DISABLED = EventType(
    "user_disabled", "account", logging.WARNING, "A user was disabled.", (*_ACTOR, "target", "target_id"),
    owasp="user_archived", ecs_categories=_IAM, ecs_types=("user", "change"), ecs_outcome="success",
    ocsf=(3001, 5), attack="T1531", severity=50,
)  # fmt: skip
PRIVILEGES_CHANGED = EventType(
    "privileges_changed", "account", logging.WARNING,
    "Staff or superuser status, groups or permissions of a user were changed.",
    (*_ACTOR, "target", "target_id", "change", "before", "after"),
    owasp="authz_change", ecs_categories=_IAM, ecs_types=("user", "change", "admin"), ecs_outcome="success",
    ocsf=(3005, 1), attack="T1098", severity=80,
)  # fmt: skip
GROUP_PERMISSIONS_CHANGED = EventType(
    "group_permissions_changed", "account", logging.WARNING, "The permissions of a group were changed.",
    (*_ACTOR, "group", "change", "before", "after"),
    owasp="privilege_permissions_changed", ecs_categories=_IAM, ecs_types=("group", "change"),
    ecs_outcome="success", ocsf=(3006, 1), attack="T1098", severity=70,
)  # fmt: skip
ADMIN_ACTION = EventType(
    "admin_action", "account", logging.INFO, "An object was added, changed or deleted in the admin.",
    (*_ACTOR, "object", "change"),
    owasp="authz_admin", ecs_categories=("iam", "configuration"), ecs_types=("change",), ecs_outcome="success",
    ocsf=(6001, 3), severity=30,
)  # fmt: skip
PERMISSION_DENIED = EventType(
    "permission_denied", "probe", logging.WARNING, "A request was refused because the user lacks a permission.",
    (*_WHO, "count"),
    owasp="authz_fail", ecs_categories=_WEB, ecs_types=("access",), ecs_outcome="failure",
    ocsf=(4002, 3), attack="T1190", severity=50,
)  # fmt: skip
CSRF_FAILED = EventType(
    "csrf_failed", "probe", logging.WARNING, "A request failed Django's CSRF check.",
    (*_WHO, "crosssite", "count"),
    owasp="malicious_cors", ecs_categories=_WEB, ecs_types=("access",), ecs_outcome="failure",
    ocsf=(4002, 6), attack="T1190", severity=50,
)  # fmt: skip
DISALLOWED_HOST = EventType(
    "disallowed_host", "probe", logging.WARNING, "A request named a host that the site does not serve.",
    (*_CLIENT, "detail", "count"),
    owasp="malicious_extraneous", ecs_categories=_WEB, ecs_types=("access",), ecs_outcome="failure",
    ocsf=(4002, 3), attack="T1595", severity=40,
)  # fmt: skip
SUSPICIOUS_REQUEST = EventType(
    "suspicious_request", "probe", logging.WARNING, "Django refused a request as suspicious.", (*_WHO, "count"),
    owasp="malicious_extraneous", ecs_categories=("web", "intrusion_detection"), ecs_types=("access", "info"),
    ecs_outcome="failure", ocsf=(4002, 3), attack="T1190", severity=70,
)  # fmt: skip
PROBE = EventType(
    "probe", "probe", logging.WARNING, "A bait path was requested that the site does not serve.",
    (*_CLIENT, "count"), counted_as="probe",
    owasp="malicious_excess_404", ecs_categories=_WEB, ecs_types=("access", "error"), ecs_outcome="failure",
    ocsf=(4002, 3), attack="T1595.003", severity=30,
    proofs=(Proof.BAIT_PATH,),
)  # fmt: skip
CROSSSITE_REQUEST = EventType(
    "crosssite_request", "probe", logging.INFO,
    "Another site made, or may have made, a visitor's browser send a request that would otherwise be counted.",
    (*_CLIENT, "crosssite", "count"),
    owasp="malicious_cors", ecs_categories=_WEB, ecs_types=("access",), ecs_outcome="failure",
    ocsf=(4002, 3), attack="T1189", severity=20,
)  # fmt: skip
RATE_LIMITED = EventType(
    "rate_limited", "probe", logging.WARNING, "A request was refused because there were too many.",
    (*_WHO, "count"),
    owasp="excess_rate_limit_exceeded", ecs_categories=_WEB, ecs_types=("access",), ecs_outcome="failure",
    ocsf=(4002, 3), attack="T1110", severity=40,
)  # fmt: skip
UNTRUSTED_FORWARDING = EventType(
    "untrusted_forwarding", "probe", logging.INFO,
    "A peer that is not a trusted proxy named another address; logged once an hour for each network.",
    (*_CLIENT, "count"),
    owasp="malicious_extraneous", ecs_categories=_WEB, ecs_types=("access",),
    ocsf=(4002, 3), attack="T1090", severity=20,
)  # fmt: skip
BANNED = EventType(
    "banned", "response", logging.WARNING, "Fail2ban banned an address.",
    ("jail", "failures", "duration", "bans"),
    ecs_categories=_INTRUSION, ecs_types=("denied",), ecs_outcome="success", ocsf=(7004, 1), severity=60,
)  # fmt: skip
UNBANNED = EventType(
    "unbanned", "response", logging.INFO, "Fail2ban lifted a ban.", ("jail",),
    ecs_categories=_INTRUSION, ecs_types=("allowed",), ecs_outcome="success", ocsf=(7004, 3), severity=20,
)  # fmt: skip
LOGGING_STARTED = EventType(
    "logging_started", "system", logging.INFO, "A process of a server or of Celery started to log.", ("detail",),
    owasp="sys_monitor_enabled", ecs_categories=("process",), ecs_types=("start",), ecs_outcome="success",
    ocsf=(6002, 3), severity=10,
)  # fmt: skip
LOGGING_DEGRADED = EventType(
    "logging_degraded", "system", logging.ERROR, "A log destination is behind, or has lost events.",
    ("sink", "sent", "spooled", "dropped", "rejected", "detail"),
    owasp="sys_monitor_disabled", ecs_categories=("process",), ecs_types=("info",), ecs_outcome="failure",
    ocsf=(6002, 99), attack="T1562", severity=80,
)  # fmt: skip
HEARTBEAT = EventType(
    "heartbeat", "system", logging.INFO, "A log destination works; the counts are those since the last heartbeat.",
    ("sink", "sent", "spooled", "dropped", "rejected", "lag"),
    ecs_categories=("process",), ecs_types=("info",), ecs_outcome="success", ocsf=(6002, 99), severity=0,
)  # fmt: skip
WRONG_ADDRESS_SUSPECTED = EventType(
    "wrong_address_suspected", "system", logging.ERROR,
    "Most events come from one address that looks like a proxy of the site.", ("peer", "claimed", "count", "detail"),
    ecs_categories=("configuration",), ecs_types=("info",), ecs_outcome="failure", ocsf=(6002, 99), severity=80,
)  # fmt: skip
DRILL = EventType(
    "drill", "system", logging.INFO, "A step of an incident drill.", ("drill_id", "step", "detail"),
    ecs_categories=("process",), ecs_types=("info",), ecs_outcome="success", ocsf=(6002, 99), severity=10,
)  # fmt: skip

EVENT_TYPES: tuple[EventType, ...] = (
    LOGIN, LOGOUT, LOGIN_FAILED, LOGIN_BLOCKED, LOGIN_LOCKED, MFA_FAILED, TOKEN_FAILED, PASSWORD_CHANGED,
    PASSWORD_CHANGE_FAILED, PASSWORD_REJECTED, PASSWORD_RESET_REQUESTED, PASSWORD_RESET_COMPLETED,
    USER_CREATED, USER_UPDATED, USER_DELETED, USER_DISABLED, PRIVILEGES_CHANGED, GROUP_PERMISSIONS_CHANGED,
    ADMIN_ACTION,
    PERMISSION_DENIED, CSRF_FAILED, DISALLOWED_HOST, SUSPICIOUS_REQUEST, PROBE, CROSSSITE_REQUEST, RATE_LIMITED,
    UNTRUSTED_FORWARDING,
    BANNED, UNBANNED,
    LOGGING_STARTED, LOGGING_DEGRADED, HEARTBEAT, WRONG_ADDRESS_SUSPECTED, DRILL,
)  # fmt: skip
