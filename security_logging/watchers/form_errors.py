"""What a form on a response's page says is wrong, read without validating the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase


def form_in(response: HttpResponseBase, name: str = "form") -> Any | None:
    """Return the form that the response's template shows, None when there is none of that name."""
    return (getattr(response, "context_data", None) or {}).get(name)


def error_codes(form: Any) -> set[str | None]:
    """
    Return the codes of the form's errors; an error without a code gives None.

    `form.errors` is not asked: it would validate a form that is not validated yet, and so check the credentials.
    """
    errors = getattr(form, "_errors", None)
    return {error.code for found in errors.as_data().values() for error in found} if errors else set()
