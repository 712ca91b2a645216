"""What is wrong with the place of SecurityLoggingMiddleware in MIDDLEWARE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from security_logging.checks.problem import Problem, warning

MIDDLEWARE = "security_logging.middleware.SecurityLoggingMiddleware"
# They authenticate users or refuse requests, which ours sees only when it stands before them.
_MUST_FOLLOW = ("django.contrib.auth.middleware.AuthenticationMiddleware", "django.middleware.csrf.CsrfViewMiddleware")


def problems() -> Iterator[Problem]:
    """Check MIDDLEWARE."""
    ours = _place(settings.MIDDLEWARE, MIDDLEWARE)
    if ours is None:
        message = f"MIDDLEWARE lacks {MIDDLEWARE}, so the log misses some events and addresses."
        fix = f'Write MIDDLEWARE = ["{MIDDLEWARE}", ...]; docs/checks.md lists what is missing without it.'
        yield warning("W101", message, fix)
        return
    for path in _MUST_FOLLOW:
        place = _place(settings.MIDDLEWARE, path)
        if place is not None and place < ours:
            message = f"MIDDLEWARE[{ours}] is SecurityLoggingMiddleware, which misses what {path} before it does."
            yield warning("W102", message, f'Write "{MIDDLEWARE}" as the first entry.')


def _place(middleware: Sequence[str], wanted: str) -> int | None:
    """Return the index of the first entry that is the middleware or a class derived from it."""
    return next((index for index, path in enumerate(middleware) if path == wanted or _is_derived(path, wanted)), None)


def _is_derived(path: str, wanted: str) -> bool:
    try:
        found, base = import_string(path), import_string(wanted)
    except ImportError:  # Django itself fails at such an entry and shows the error
        return False
    return isinstance(found, type) and issubclass(found, base)
