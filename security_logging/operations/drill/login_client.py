"""What makes the login attempts of a drill: the attempt, its answer, and the protocol of a login client."""

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
        """The form fields, under the names that login forms use."""
        return {"username": self.user, "login": self.user, "email": self.user, "password": self.secret}


@dataclass(frozen=True)
class Answer:
    """The status of the answer, 0 when the connection was refused, and when it came."""

    status: int
    moment: float  # of time.monotonic()


class LoginClient(Protocol):
    """Makes login attempts, in process or over HTTP."""

    @property
    def title(self) -> str:
        """How the report describes it."""

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
