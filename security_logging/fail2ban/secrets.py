"""Secrets among the parameters of an action, e.g. Cloudflare's token: recognised by their names, and never shown."""

from __future__ import annotations

import re

MASK = "********"
_NAME = r"[\w-]*(?:token|secret|passw|access_?key|api_?key|credential)[\w-]*"
_IS_SECRET = re.compile(_NAME, re.IGNORECASE)
_VALUE = re.compile(rf"""(\b{_NAME}["']?\s*[=:]\s*["']?)(?!\.\.\.)([^\s,"'\]]+)""", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Return whether the value of a parameter of this name is a secret."""
    return _IS_SECRET.fullmatch(name) is not None


def holds_secret(text: str) -> bool:
    """Return whether the text gives a secret to an action."""
    return _VALUE.search(text) is not None


def masked(text: str) -> str:
    """Return the text with a mask instead of each secret; its name stays."""
    return _VALUE.sub(rf"\g<1>{MASK}", text)
