"""django-oauth-toolkit: clients, codes and refresh tokens that its token endpoint refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from security_logging.request.views import is_of, view_class_of
from security_logging.watchers.login_forms import is_refused, log_refused_token
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

# RFC 6749, 5.2: the errors that a guessed secret, code or refresh token gets.
_GUESSES = ("invalid_client", "invalid_grant")


def connect() -> None:
    """Read the answers of the token endpoint."""
    add_reader(read_answer)


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Log a refusal of the token endpoint; what an application asks for wrongly is no guess."""
    if not is_of(view_class_of(request.resolver_match), "oauth2_provider.views.base", "TokenView"):
        return False
    if response.status_code in (400, 401) and not is_refused(request):
        error = _error(response)
        if error in _GUESSES:
            log_refused_token(request, error, response.status_code)
    return True


def _error(response: HttpResponseBase) -> str | None:
    try:
        found = json.loads(getattr(response, "content", b""))
    except ValueError:
        return None
    return str(found.get("error")) if isinstance(found, dict) else None
