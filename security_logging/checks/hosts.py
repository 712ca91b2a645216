"""What ALLOWED_HOSTS means for the log."""

from __future__ import annotations

from collections.abc import Iterator

from security_logging.checks.problem import Problem, warning
from security_logging.request.cross_site import serves_any_host


def problems() -> Iterator[Problem]:
    """Check that ALLOWED_HOSTS names the hosts of the site."""
    if serves_any_host():
        message = (
            'ALLOWED_HOSTS contains "*", so Fail2ban counts neither bait paths nor logins without a password or a CSRF '
            "token, and a hostile page can still have its visitors banned: by DNS rebinding it can try passwords."
        )
        yield warning("W110", message, 'Write the names of the site, e.g. ALLOWED_HOSTS = [".example.com"].')
