"""The whole chain with the jails as shipped: a login page over HTTP, the log, Fail2ban, a ban."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

import hostile_site
from fail2ban_server import PrivateFail2ban, drop_in, short_directory, write_config
from hostile_attack import Attack, send

pytestmark = [pytest.mark.real_fail2ban, pytest.mark.django_db]

LOCAL = "".join(f"[{jail}]\nenabled = true\nlogpath = {{0}}/file.log\n" for jail in ("django-auth", "django-admin"))


class Chain:
    """A served site and the Fail2ban that watches its log."""

    def __init__(self, port: int, fail2ban: PrivateFail2ban) -> None:
        """Take what runs already."""
        self.port = port
        self.fail2ban = fail2ban

    def fail(self, address: str, times: int, login: str = "site") -> None:
        """Fail a login some times from an address."""
        for number in range(times):
            send(self.port, Attack(str(number), "a wrong password", address, address, login=login).request())

    def wait_for_action(self, line: str) -> None:
        """Wait until Fail2ban has done something, as "ban JAIL ADDRESS"."""
        self.fail2ban.wait_for(lambda: line in self.fail2ban.actions, line)


@pytest.fixture
def chain(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """A site and a Fail2ban with our shipped jails, switched on."""
    with short_directory() as directory, django_db_blocker.unblock(), hostile_site.site(directory) as port:
        write_config(directory, "")
        drop_in(directory, "jail.d")
        (directory / "jail.d" / "django-security.local").write_text(LOCAL.format(directory))
        with PrivateFail2ban(directory) as fail2ban:
            yield Chain(port, fail2ban)


def test_ban_and_unban(chain: Chain) -> None:
    """Five wrong passwords are a ban, four of somebody else are none, and an unban counts from zero."""
    chain.fail("203.0.113.8", 4)
    chain.fail("2001:db8::7", 5)
    chain.wait_for_action("ban django-auth 2001:db8::7")
    chain.fail2ban.unban("django-auth", "2001:db8::7")
    chain.wait_for_action("unban django-auth 2001:db8::7")
    assert chain.fail2ban.banned("django-auth") == set()


def test_admin(chain: Chain) -> None:
    """At the admin three wrong passwords are enough."""
    chain.fail("203.0.113.8", 3, "site")
    chain.fail("203.0.113.7", 3, "admin")
    chain.wait_for_action("ban django-admin 203.0.113.7")
    assert chain.fail2ban.actions == ["ban django-admin 203.0.113.7"]
