"""The site's own tests: python example_project/manage.py test example."""

from __future__ import annotations

import re
from base64 import b64encode
from http import HTTPStatus

from django.contrib.auth.models import User
from django.core import mail
from django.test import TestCase, override_settings
from rest_framework.authtoken.models import Token

PASSWORD = "fair winds and following seas"


@override_settings(SECURE_SSL_REDIRECT=False)
class SiteTest(TestCase):
    """Each page answers, to those it should answer."""

    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        """Make maren, who has an account."""
        cls.user = User.objects.create_user("maren", "maren@example.org", PASSWORD)

    def test_public_pages(self) -> None:
        """Everybody sees the home page, the login and the password reset."""
        for path in ("/", "/login/", "/password-reset/", "/password-reset/sent/", "/password-reset/done/"):
            with self.subTest(path):
                assert self.client.get(path).status_code == HTTPStatus.OK

    def test_private_pages(self) -> None:
        """A user sees the account and the password change."""
        self.client.force_login(self.user)
        for path in ("/account/", "/account/password/", "/account/password/done/"):
            with self.subTest(path):
                assert self.client.get(path).status_code == HTTPStatus.OK

    def test_account_needs_a_login(self) -> None:
        """Anybody else is sent to the login."""
        self.assertRedirects(self.client.get("/account/"), "/login/?next=/account/")

    def test_login_and_logout(self) -> None:
        """A login leads to the account, a logout to the home page."""
        answer = self.client.post("/login/", {"username": "maren", "password": PASSWORD})
        self.assertRedirects(answer, "/account/")
        self.assertRedirects(self.client.post("/logout/"), "/")

    def test_password_reset(self) -> None:
        """The link in the mail leads to a form for a new password."""
        self.client.post("/password-reset/", {"email": "maren@example.org"})
        link = next(word for word in str(mail.outbox[0].body).split() if word.startswith("http"))
        answer = self.client.get(link.removeprefix("http://testserver"), follow=True)
        self.assertContains(answer, "Keep this password")

    def test_used_password_reset_link(self) -> None:
        """A wrong link offers a new one."""
        self.assertContains(self.client.get("/password-reset/MQ/wrong-token/"), "Ask for a new one")

    def test_unknown_page(self) -> None:
        """A missing page looks like the others."""
        self.assertContains(self.client.get("/nothing/"), "Nothing moored here", status_code=HTTPStatus.NOT_FOUND)

    def test_profile_needs_credentials(self) -> None:
        """The API refuses anonymous requests."""
        assert self.client.get("/api/profile/").status_code == HTTPStatus.UNAUTHORIZED

    def test_profile_with_a_token(self) -> None:
        """The API grants a token for a password, and the profile for the token."""
        granted = self.client.post("/api/token/", {"username": "maren", "password": PASSWORD})
        assert granted.json() == {"token": Token.objects.get(user=self.user).key}
        answer = self.client.get("/api/profile/", headers={"Authorization": f"Token {granted.json()['token']}"})
        assert answer.json()["username"] == "maren"

    def test_profile_with_a_password(self) -> None:
        """The API takes a password with each request too (basic authentication)."""
        answer = self.client.get("/api/profile/", headers={"Authorization": f"Basic {_basic('maren', PASSWORD)}"})
        assert answer.status_code == HTTPStatus.OK

    def test_profile_with_a_session(self) -> None:
        """The API takes the browser's session."""
        self.client.force_login(self.user)
        assert self.client.get("/api/profile/").status_code == HTTPStatus.OK

    def test_failed_login_is_logged(self) -> None:
        """A failed login is an event of the security log, with the user and where it happened."""
        with self.assertLogs("security.auth", "WARNING") as logs:
            self.client.post("/login/", {"username": "maren", "password": "wrong"})
        line = logs.records[0].getMessage()
        assert re.match(r'login_failed ip=\S+ net=\S+ surface=site reason=bad_credentials user="maren" ', line)


def _basic(username: str, password: str) -> str:
    return b64encode(f"{username}:{password}".encode()).decode()
