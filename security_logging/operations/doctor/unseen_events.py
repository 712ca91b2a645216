"""Event types that this project cannot log: switched off, without the middleware, or without the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings

from security_logging.checks.middleware import MIDDLEWARE
from security_logging.checks.missing_events import missing_here
from security_logging.checks.problem import Problem, note, ok
from security_logging.conf import Settings
from security_logging.events import type_registry
from security_logging.logger import is_wanted


@dataclass(frozen=True)
class Need:
    """An event type, and the Django apps of which it needs at least one; `what` describes them."""

    event: str
    what: str
    apps: tuple[str, ...]


NEEDS = (
    Need("mfa_failed", "second factor", ("django_otp", "allauth.mfa", "two_factor")),
    Need("token_failed", "API with tokens", ("rest_framework", "oauth2_provider")),
    Need("login_locked", "lock-out", ("axes", "allauth.account")),
    Need("rate_limited", "rate limit", ("django_ratelimit", "rest_framework", "allauth.account")),
    Need("admin_action", "admin", ("django.contrib.admin",)),
    Need("user_created", "user model of Django", ("django.contrib.auth",)),
)
# Apps that could cause an event, and for which there is no integration.
UNWATCHED = {
    "ninja": "token_failed",
    "graphene_django": "token_failed",
    "defender": "login_locked",
    "mfa": "mfa_failed",
}


def check_coverage() -> Iterator[Problem]:
    """Name the event types that this project cannot log, and why."""
    found = [*_switched_off(), *_without_middleware(), *_without_package(), *_unwatched()]
    yield from found
    if not found:
        yield ok("coverage", f"Each of the {len(type_registry.event_types())} event types can be logged.")


def _switched_off() -> Iterator[Problem]:
    names = [kind.name for kind in type_registry.event_types() if not is_wanted(kind)]
    if names:
        yield note("unseen.switched_off", f"{Settings.EVENTS.name} switches off: {', '.join(names)}.")


def _without_middleware() -> Iterator[Problem]:
    if MIDDLEWARE not in settings.MIDDLEWARE:
        message = f"Without SecurityLoggingMiddleware the log misses at least some of: {', '.join(missing_here())}."
        yield note("unseen.middleware", message, "docs/checks.md lists what is missing.")


def _without_package() -> Iterator[Problem]:
    for need in NEEDS:
        if is_wanted(type_registry.get(need.event)) and not any(map(apps.is_installed, need.apps)):
            message = f"{need.event} cannot happen: INSTALLED_APPS has no {need.what} ({', '.join(need.apps)})."
            yield note("unseen.package", message)


def _unwatched() -> Iterator[Problem]:
    for app, event in UNWATCHED.items():
        if apps.is_installed(app):
            message = f"{app} is installed, but there is no integration that logs its {event}."
            fix = f'Log it where your code refuses: log_event("{event}", request, reason="..."), see docs/extending.md.'
            yield note("unseen.unwatched", message, fix)
