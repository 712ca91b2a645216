"""The path of a request as it may be logged: without the secrets that a link carries in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from security_logging.request.surface import match_of

if TYPE_CHECKING:
    from django.http import HttpRequest

HIDDEN = "***"
_WORDS = "apikey|code|hash|key|nonce|otp|password|secret|sid|signature|signed|ticket|token"
_SECRET = re.compile(rf"(?:^|_)(?:{_WORDS})s?(?:_|$)", re.IGNORECASE)


def path_of(request: HttpRequest) -> str:
    """
    Return the path without the query, with asterisks for each part that the URL pattern calls a token, key or the like.

    A link to reset a password or to confirm an address is a password for as long as it is valid.
    """
    match, path = match_of(request), request.path.partition("?")[0]  # a library's copy may have the query in its path
    captured: dict[str, object] | None = getattr(match, "captured_kwargs", None)
    if match is None or not captured:
        return path
    for secret in (str(value) for name, value in captured.items() if _SECRET.search(name) and value not in (None, "")):
        if secret not in path:  # a converter has changed how it is written
            return f"/{match.route}"
        path = path.replace(secret, HIDDEN)
    return path
