"""The second factors of django-allauth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.signals import authentication_failed

from security_logging.events.types import MFA_FAILED
from security_logging.integrations.allauth import BAD_CODE
from security_logging.internal.errors import guarded
from security_logging.request.user import name_of
from security_logging.watchers.prior_failures import log_failure

if TYPE_CHECKING:
    from django.http import HttpRequest


def connect() -> None:
    """Connect the receiver."""
    authentication_failed.connect(on_authentication_failed, weak=False, dispatch_uid="security_logging.allauth_mfa")


@guarded("allauth_mfa")
def on_authentication_failed(
    sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object
) -> None:
    """Log that a code was refused."""
    log_failure(MFA_FAILED, request, reason=BAD_CODE, user=name_of(user))
