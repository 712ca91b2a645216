"""What the log misses where SecurityLoggingMiddleware is not in MIDDLEWARE, for the system check and the doctor."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps


@dataclass(frozen=True)
class Missing:
    """
    An event that nobody else tells: wholly when it has no `reasons`, else with these.

    `app` is the one of INSTALLED_APPS that it needs, "" being Django alone, and `package` what people call it.
    """

    event: str
    reasons: tuple[str, ...] = ()
    where: str = ""
    app: str = ""
    package: str = ""

    def __str__(self) -> str:
        """Return the event as messages name it."""
        *others, last = self.reasons or ("",)
        reasons = f"{', '.join(others)} and {last}" if others else last
        details = ", ".join(filter(None, (f"reason {reasons}" if reasons else "", self.where)))
        text = f"{self.event} ({details})" if details else self.event
        return f"{text} of {self.package}" if self.package else text


# Without the middleware the flows of tests/watchers and tests/integrations/real_packages lose exactly these.
MISSING = (
    Missing("login_failed", ("empty", "rejected_by_form", "not_staff", "inactive", "not_allowed")),
    Missing("crosssite_request", ("empty", "rejected_by_form")),
    Missing("password_reset_requested"),
    Missing("password_reset_completed"),
    Missing("password_changed"),
    Missing("password_change_failed"),
    Missing("permission_denied", ("not_staff", "no_permission"), "of a user who is sent back to the login page"),
    Missing("untrusted_forwarding"),
    Missing("login", ("token",), app="rest_framework", package="Django REST framework"),
    Missing("login_failed", ("rate_limited",), app="allauth.account", package="django-allauth"),
    Missing("login_failed", ("bad_code",), "for a passkey", "allauth.mfa", "django-allauth"),
    Missing("mfa_failed", ("empty", "rejected_by_form", "rate_limited"), "", "allauth.mfa", "django-allauth"),
    Missing("mfa_failed", ("bad_code",), "for a passkey", "allauth.mfa", "django-allauth"),
    Missing("token_failed", ("bad_token",), "for a refresh token", "allauth.headless", "django-allauth"),
    Missing("mfa_failed", ("empty", "rejected_by_form", "locked"), app="django_otp", package="django-otp"),
    Missing("login_failed", ("redirected",), app="two_factor", package="django-two-factor-auth"),
    Missing("token_failed", ("invalid_client", "invalid_grant"), app="oauth2_provider", package="django-oauth-toolkit"),
)
# What is told without an address, which Fail2ban cannot count.
WITHOUT_ADDRESS = (Missing("mfa_failed", ("bad_code",), app="django_otp", package="django-otp"),)


def told() -> list[str]:
    """Return what is missing in this project, as messages name it."""
    events = [str(missing) for missing in MISSING if _is_possible(missing)]
    addresses = [f"the address of {missing}" for missing in WITHOUT_ADDRESS if _is_possible(missing)]
    return [
        *events,
        "the address where code calls authenticate() without the request",
        *addresses,
        "who changed an account, and from where",
    ]


def _is_possible(missing: Missing) -> bool:
    return not missing.app or apps.is_installed(missing.app)
