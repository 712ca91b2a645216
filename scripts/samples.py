"""A plausible event of each type, for the documentation."""

from __future__ import annotations

from datetime import datetime, timezone

from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.fields import HEAD
from security_logging.events.types import EventType

_TIME = datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)
_CLIENT: dict[str, object] = {"ip": "203.0.113.7", "net": "203.0.113.7"}
_SITE = {**_CLIENT, "surface": "site"}
_LOGIN = {**_SITE, "user": "alice", "method": "POST", "path": "/accounts/login/"}
_GET = {**_SITE, "method": "GET", "path": "/", "agent": "Mozilla/5.0"}
_API = {**_CLIENT, "surface": "api", "method": "GET", "path": "/api/orders/"}
_SELF = {**_SITE, "user": "alice", "user_id": "7", "method": "POST"}
_CHANGE = {**_SELF, "path": "/accounts/password_change/", "target": "alice", "target_id": "7"}
_ADMIN = {**_CLIENT, "surface": "admin", "user": "root", "user_id": "1", "method": "POST"}
_USER = {**_ADMIN, "path": "/admin/auth/user/8/change/", "target": "bob", "target_id": "8"}

# For a type without a row below: each of these that the type has.
_USUAL: dict[str, object] = {
    **_SELF, "path": "/accounts/", "target": "alice", "target_id": "7", "before": "old", "after": "new",
}  # fmt: skip

_FIELDS: dict[str, dict[str, object]] = {
    "login": {**_LOGIN, "user_id": "7", "backend": "django.contrib.auth.backends.ModelBackend", "prior_failures": 3},
    "logout": {**_SELF, "path": "/accounts/logout/"},
    "login_failed": {**_LOGIN, "reason": "bad_credentials"},
    "login_locked": {**_LOGIN, "reason": "too_many_failures"},
    "mfa_failed": {**_LOGIN, "reason": "bad_code", "path": "/account/login/"},
    "token_failed": {**_API, "reason": "bad_token", "status": 401},
    "password_changed": _CHANGE,
    "password_change_failed": {**_CHANGE, "reason": "wrong_old_password"},
    "password_rejected": {**_CHANGE, "reason": "rejected_by_form"},
    "login_blocked": {**_LOGIN, "reason": "locked", "user": "alice"},
    "password_reset_requested": {
        **_LOGIN, "user": "alice@example.com", "path": "/accounts/password_reset/", "status": 302,
    },
    "password_reset_completed": {
        **_SITE, "user_id": "7", "method": "POST", "path": "/accounts/reset/Nw/***/", "status": 302,
    },
    "user_created": {**_USER, "path": "/admin/auth/user/add/", "after": "is_staff"},
    "user_updated": {**_USER, "change": "email"},
    "user_deleted": {**_USER, "path": "/admin/auth/user/8/delete/", "before": "is_staff"},
    "user_disabled": _USER,
    "privileges_changed": {**_USER, "change": "is_superuser", "before": "no", "after": "yes"},
    "group_permissions_changed": {
        **_ADMIN, "path": "/admin/auth/group/3/change/", "group": "editors", "change": "permissions added",
        "before": "", "after": "auth.delete_user",
    },
    "admin_action": {
        **_ADMIN, "path": "/admin/auth/user/8/change/", "object": "auth.user 8", "change": "changed: email",
    },
    "permission_denied": {**_GET, "surface": "admin", "reason": "not_staff", "user": "alice", "path": "/admin/",
                          "status": 302},
    "csrf_failed": {**_LOGIN, "reason": "token", "path": "/account/", "status": 403},
    "disallowed_host": {**_GET, "status": 400, "detail": "evil.example"},
    "suspicious_request": {**_LOGIN, "reason": "TooManyFieldsSent", "path": "/account/", "status": 400},
    "probe": {**_GET, "reason": "bait", "path": "/wp-login.php", "status": 404, "agent": "zgrab/0.x"},
    "crosssite_request": {**_GET, "reason": "bait", "path": "/wp-login.php", "status": 404, "crosssite": 1},
    "rate_limited": {**_API, "reason": "too_many_requests", "user": "alice", "status": 429},
    "untrusted_forwarding": {**_GET, "reason": "untrusted_peer", "claimed": "198.51.100.9"},
    "banned": {**_CLIENT, "jail": "django-auth", "failures": 5, "duration": 600, "bans": 1},
    "unbanned": {**_CLIENT, "jail": "django-auth"},
    "logging_started": {
        "reason": "server",
        "detail": "version=0.1.0 settings=shop.settings configuration=5d41402abc4b handlers=security_file",
    },
    "logging_degraded": {"sink": "cloudwatch", "sent": 4988, "dropped": 12, "detail": "the queue was full"},
    "heartbeat": {"sink": "cloudwatch", "sent": 4988, "spooled": 0, "dropped": 0, "rejected": 0, "lag": 2},
    "wrong_address_suspected": {"peer": "10.0.0.5", "claimed": "198.51.100.9", "count": 981},
    "drill": {"drill_id": "d-20260801", "step": "banned", "detail": "django-auth banned 203.0.113.7"},
}  # fmt: skip


def sample(event_type: EventType) -> SecurityEvent:
    """Return a plausible event of the type, the same at each call."""
    declared = {*HEAD, *event_type.fields}
    usual = {name: value for name, value in _USUAL.items() if name in declared}
    made = make_event(event_type, **_FIELDS.get(event_type.name, usual))
    return SecurityEvent(event_type, _TIME, 412, "4f1c0a2b9d3e4c5f60718293", made.fields)
