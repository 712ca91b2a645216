"""django-otp: second factors that were refused, by the device or before it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django_otp.forms import OTPAuthenticationFormMixin, otp_verification_failed

from security_logging.events.types import MFA_FAILED
from security_logging.internal.errors import guarded
from security_logging.request.user import name_of
from security_logging.watchers.form_errors import error_codes, form_in
from security_logging.watchers.login_forms import EMPTY, REJECTED_BY_FORM, is_refused, log_untried
from security_logging.watchers.logins import LOCKED, log_blocked
from security_logging.watchers.prior_failures import log_failure
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

BAD_CODE = "bad_code"

# The form asks for the second factor or sends a challenge: no attempt has failed yet.
_QUESTIONS = {"token_required", "device_required", "challenge_message", "challenge_exception", "not_interactive"}
_OF_THE_PASSWORD = {"invalid_login", "inactive"}  # django.contrib.auth.forms, django.contrib.admin.forms


def connect() -> None:
    """Connect the receiver and read the answers of views with a form of django-otp."""
    otp_verification_failed.connect(on_verification_failed, weak=False, dispatch_uid="security_logging.otp")
    add_reader(read_answer)


@guarded("otp")
def on_verification_failed(sender: object, user: Any = None, **kwargs: object) -> None:
    """Log that a device refused the code; the signal has no request, so the middleware's is taken."""
    log_failure(MFA_FAILED, None, reason=BAD_CODE, user=name_of(user))


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """
    Log a code that no device was asked about: none at all, one of the wrong form, or one too many.

    The user name and password in the same form are Django's matter, as long as they are what is wrong.
    """
    form = form_in(response)
    if not isinstance(form, OTPAuthenticationFormMixin):
        return False
    codes = error_codes(form)
    user = getattr(form, "user_cache", None) or getattr(form, "user", None)
    if form.is_bound and (user is None or codes & _OF_THE_PASSWORD):
        return False
    if codes - _QUESTIONS and not is_refused(request):
        if None in codes:
            log_blocked(request, LOCKED, name_of(user), response.status_code)
        else:
            reason = EMPTY if "required" in codes else REJECTED_BY_FORM
            log_untried(request, reason, response.status_code, name_of(user), MFA_FAILED)
    return True
