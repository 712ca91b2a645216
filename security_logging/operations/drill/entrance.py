"""A way into the site: what an attempt to log in is, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True)
class Attempt:
    """One login to try. `forged` is the address that forwarding headers of the client's own claim."""

    address: str
    user: str
    secret: str = field(repr=False)
    agent: str = ""
    forged: str = ""

    @property
    def form(self) -> dict[str, str]:
        """What is typed, under the names that login forms use."""
        return {"username": self.user, "login": self.user, "email": self.user, "password": self.secret}


@dataclass(frozen=True)
class Answer:
    """The status of the answer, 0 when the connection was refused, and when it came."""

    status: int
    moment: float  # of time.monotonic()


class Entrance(Protocol):
    """A way into the site."""

    @property
    def title(self) -> str:
        """What the report says."""

    def look(self, address: str, agent: str) -> Answer:
        """Fetch the login page."""

    def log_in(self, attempt: Attempt) -> Answer:
        """Try to log in."""


def login_path() -> str:
    """Return the path of the admin's login, or of the site's where there is no admin."""
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return str(resolve_url(settings.LOGIN_URL))
