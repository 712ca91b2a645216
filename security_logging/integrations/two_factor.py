"""django-two-factor-auth: its login page is a wizard, whose second step is read by the integration of django-otp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from security_logging.events.types import LOGIN
from security_logging.logger import events_of
from security_logging.request.views import AccountView, add_account_views, is_of, view_class_of
from security_logging.watchers.form_errors import form_in
from security_logging.watchers.login_forms import log_login_attempt, log_untried
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

REDIRECTED = "redirected"
_VIEWS = "two_factor.views.core"


def connect() -> None:
    """Treat the wizard as a login view, but for the steps that only show the next form."""
    add_account_views(_VIEWS, {"LoginView": AccountView.LOGIN})
    add_reader(read_answer)


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """
    Log a password that was sent to an admin which only sends on to the wizard: no browser is ever shown a form there.

    A form of the wizard that is not filled in yet is the next step, so nothing has failed.
    """
    if _is_sent_on(request, response):
        log_untried(request, REDIRECTED, response.status_code)
        return True
    if not is_of(view_class_of(request.resolver_match), _VIEWS, "LoginView"):
        return False
    form = form_in(response)
    if form is not None and form.is_bound:
        log_login_attempt(request, response, request.POST.get(form.add_prefix("username")))
    return form is not None


def _is_sent_on(request: HttpRequest, response: HttpResponseBase) -> bool:
    match = request.resolver_match
    is_admin_login = match is not None and "admin" in match.app_names and match.url_name == "login"
    return is_admin_login and response.status_code == 302 and not any(e.type is LOGIN for e in events_of(request))
