"""Secrets that must not come out again, and every place where they could."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from security_logging.formatters.security import ConsoleFormatter, ECSFormatter, SecurityLineFormatter

PASSWORD, NEW_PASSWORD, TOKEN = "c4nary-password-1", "c4nary-password-2", "c4nary-token"
BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
QUERY = "?token=c4nary-query&password=c4nary-query"

# What each request carries beside its purpose.
HEADERS = {
    "HTTP_REFERER": f"http://testserver/{QUERY}",
    "HTTP_X_CSRFTOKEN": "c4nary-csrf-header",
    "HTTP_X_API_KEY": "c4nary-api-key",
    "HTTP_PROXY_AUTHORIZATION": f"Basic {BASIC}",
}
COOKIES = {"remembered": "c4nary-cookie", "csrftoken": "c4nary-csrf-cookie"}


@contextmanager
def every_sink() -> Iterator[StringIO]:
    """Yield the text of all that is logged in the block, by us, by Django and in each of our forms."""
    text = StringIO()
    formatters = [SecurityLineFormatter(), ECSFormatter(), ConsoleFormatter(color=False), logging.Formatter()]
    handlers = [logging.StreamHandler(text) for _ in formatters]
    names = ["", "django", "security"]
    loggers = [logging.getLogger(name) for name in names]
    for handler, formatter in zip(handlers, formatters, strict=True):
        handler.setFormatter(formatter)
        handler.setLevel(logging.INFO)
        for logger in loggers:
            logger.addHandler(handler)
    try:
        yield text
    finally:
        for logger in loggers:
            for handler in handlers:
                logger.removeHandler(handler)


def leaks(text: str, *secrets: str) -> list[str]:
    """Return those lines of the text in which a secret appears: any canary, or one of these."""
    wanted = ["c4nary", BASIC, *filter(None, secrets)]
    return [line for line in text.splitlines() if any(secret in line for secret in wanted)]
