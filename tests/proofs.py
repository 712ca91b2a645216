"""What proves that the sender of a counted event meant it, found out without asking the code that logs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.signals import request_started

from security_logging.events.event import SecurityEvent
from security_logging.events.type_registry import MODES, counted
from security_logging.events.types import LOCKED, Proof

COUNTED = frozenset(kind for mode in MODES for kind in counted(mode) if kind.counted_as != LOCKED)
VISITOR = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", "Accept-Language": "de"}

# What the browser of a visitor sends along when a hostile page has it send a request.
HOSTILE_MARKS: dict[str, dict[str, str]] = {
    "cross-site": {**VISITOR, "Sec-Fetch-Site": "cross-site"},
    "fetched in advance": {**VISITOR, "Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch;prerender"},
    "same-origin": {**VISITOR, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"},
    "another Origin": {**VISITOR, "Origin": "https://evil.example"},
}


_CHECKS: tuple[tuple[Any, str], ...] = (
    (BaseBackend, "authenticate"),
    (ModelBackend, "authenticate"),
    (ModelBackend, "aauthenticate"),
    (AbstractBaseUser, "check_password"),
)


class Watched:
    """The last request of a test, and whether a credential was checked since this was made."""

    def __init__(self) -> None:
        """Begin with no request."""
        self.has_checked = False
        self.environ: Mapping[str, Any] = {}

    def begin(self, sender: object, environ: Mapping[str, Any], **kwargs: object) -> None:
        """Keep the request that begins."""
        self.environ = environ

    def noting(self, check: Callable[..., Any]) -> Callable[..., Any]:
        """Return the check, which then is seen."""

        def noted(*arguments: Any, **keywords: Any) -> Any:
            self.has_checked = True
            return check(*arguments, **keywords)

        return noted


@contextmanager
def watching(*others: tuple[Any, str]) -> Iterator[Watched]:
    """Watch requests, the checks of Django's backend and of a user, and other checks, for the time of the block."""
    watched = Watched()
    request_started.connect(watched.begin)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (*_CHECKS, *others):
            patch.setattr(owner, name, watched.noting(getattr(owner, name)))
        yield watched
    request_started.disconnect(watched.begin)


def unproven(events: Iterable[SecurityEvent], watched: Watched) -> list[SecurityEvent]:
    """Return the counted events for which none of the proofs holds that their type declares."""
    return [event for event in events if event.type in COUNTED and not _is_proven(event, watched)]


def _is_proven(event: SecurityEvent, watched: Watched) -> bool:
    sent = watched.environ
    is_ours = "*" not in settings.ALLOWED_HOSTS  # else a page can be same-origin by DNS rebinding, and nothing marks it
    holds = {
        Proof.CREDENTIAL_CHECKED: watched.has_checked or "HTTP_AUTHORIZATION" in sent,
        Proof.LOGIN_ATTEMPT: is_ours and sent["REQUEST_METHOD"] == "POST" and not _is_foreign(sent),
        Proof.BAIT_PATH: is_ours and not _is_foreign(sent) and not _is_of_a_page(sent),
    }
    return any(holds[proof] for proof in event.type.proofs)


def _is_foreign(sent: Mapping[str, Any]) -> bool:
    named = [urlsplit(sent[name]).netloc for name in ("HTTP_ORIGIN", "HTTP_REFERER") if name in sent]
    is_marked = sent.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site")
    return is_marked or any(host != "testserver" for host in named)


def _is_of_a_page(sent: Mapping[str, Any]) -> bool:
    is_typed = sent.get("HTTP_SEC_FETCH_SITE") == "none" and "HTTP_SEC_PURPOSE" not in sent
    return not is_typed and sent.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
