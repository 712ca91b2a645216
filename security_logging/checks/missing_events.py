"""What the log misses without SecurityLoggingMiddleware, as docs/checks.md lists it."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps


@dataclass(frozen=True)
class Missing:
    """
    An event that only the middleware notices: always when `reasons` is empty, else with these reasons.

    `where` narrows it down. `app` must be in INSTALLED_APPS for the event to happen, "" for Django alone; `package` is
    what people call the app.
    """

    event: str
    reasons: tuple[str, ...] = ()
    where: str = ""
    app: str = ""
    package: str = ""


# Without the middleware the flows of tests/watchers and tests/integrations/real_packages lose exactly these.
MISSING = (
    Missing("login_failed", ("empty", "rejected_by_form", "not_staff", "inactive", "not_allowed")),
    Missing("crosssite_request", ("empty", "rejected_by_form")),
    Missing("password_reset_requested"),
    Missing("password_reset_completed"),
    Missing("password_changed"),
    Missing("password_change_failed"),
    Missing("password_rejected"),
    Missing("permission_denied", ("not_staff", "no_permission"), "of a user who is sent back to the login page"),
    Missing("untrusted_forwarding"),
    Missing("login", ("token",), app="rest_framework", package="Django REST framework"),
    Missing("login_blocked", ("rate_limited",), app="allauth.account", package="django-allauth"),
    Missing("login_failed", ("bad_phone_code",), app="allauth.account", package="django-allauth"),
    Missing("login_failed", ("bad_email_code",), "of no user", "allauth.account", "django-allauth"),
    Missing("login_failed", ("bad_code",), "for a passkey", "allauth.mfa", "django-allauth"),
    Missing("mfa_failed", ("empty", "rejected_by_form"), "", "allauth.mfa", "django-allauth"),
    Missing("login_blocked", ("rate_limited",), "for a second factor", "allauth.mfa", "django-allauth"),
    Missing("mfa_failed", ("bad_code",), "for a passkey", "allauth.mfa", "django-allauth"),
    Missing("token_failed", ("bad_token",), "for a refresh token", "allauth.headless", "django-allauth"),
    Missing("mfa_failed", ("empty", "rejected_by_form"), app="django_otp", package="django-otp"),
    Missing("login_blocked", ("locked",), app="django_otp", package="django-otp"),
    Missing("login_failed", ("redirected",), app="two_factor", package="django-two-factor-auth"),
    Missing("token_failed", ("invalid_client", "invalid_grant"), app="oauth2_provider", package="django-oauth-toolkit"),
)
# These are logged without an address, so Fail2ban cannot count them.
WITHOUT_ADDRESS = (Missing("mfa_failed", ("bad_code",), app="django_otp", package="django-otp"),)


def missing_here() -> list[str]:
    """Return the names of the events that the log of this project misses, wholly or with some reasons."""
    return list(dict.fromkeys(each.event for each in MISSING if not each.app or apps.is_installed(each.app)))
