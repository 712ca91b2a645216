"""The nginx deny list, with a real Fail2ban and a real nginx."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fail2ban_server import PrivateFail2ban, run, short_directory, write_config
from free_port import free_port
from requires import require_fail2ban, require_nginx
from waiting import wait_for

pytestmark = pytest.mark.real_fail2ban

NGINX_CONF = """\
pid {0}/nginx.pid;
error_log {0}/error.log notice;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {0}/body;
    proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi;
    scgi_temp_path {0}/scgi;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    geo $django_security_denied {{
        default 0;
        include {0}/deny.conf;
    }}
    server {{
        listen 127.0.0.1:{1};
        if ($django_security_denied) {{ return 403; }}
        location / {{ return 200; }}
    }}
}}
"""
JAIL = """
[{1}]
enabled = true
filter =
failregex = ^ refused <SUBNET>$
datepattern = ^EPOCH
logpath = {0}/security.log
action = django-security-nginx[deny_file="{0}/deny.conf", nginx="nginx -c {0}/nginx.conf"]
"""


class Nginx:
    """A private nginx that takes the client's address from X-Forwarded-For."""

    def __init__(self, directory: Path) -> None:
        """Write the configuration and an empty deny list, as an operator would."""
        self.directory = directory
        self.port = free_port()
        (directory / "deny.conf").touch()
        (directory / "security.log").touch()
        (directory / "nginx.conf").write_text(NGINX_CONF.format(directory, self.port))

    def start(self) -> None:
        """Start it and wait until it answers."""
        run("nginx", "-c", f"{self.directory}/nginx.conf")
        wait_for((self.directory / "nginx.pid").exists, "nginx to start")

    def stop(self) -> None:
        """Stop it by its process number."""
        os.kill(int((self.directory / "nginx.pid").read_text()), signal.SIGTERM)

    def status_for(self, address: str) -> int:
        """Return the status of a request that comes from `address`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/", headers={"X-Forwarded-For": address})
        status = connection.getresponse().status
        connection.close()
        return status

    @property
    def reloads(self) -> int:
        """How often it has read its configuration again."""
        return (self.directory / "error.log").read_text().count("reconfiguring")

    @property
    def deny_list(self) -> list[str]:
        """The lines of the deny list without its head."""
        return (self.directory / "deny.conf").read_text().splitlines()[1:]


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    """A running nginx."""
    require_fail2ban()
    require_nginx()
    with short_directory() as directory:
        server = Nginx(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def fail2ban(nginx: Nginx) -> Iterator[PrivateFail2ban]:
    """A running Fail2ban with two jails that share the deny list of that nginx."""
    jails = JAIL.format(nginx.directory, "site") + JAIL.format(nginx.directory, "admin")
    write_config(nginx.directory, jails)
    with PrivateFail2ban(nginx.directory) as server:
        yield server


def wait_for_status(nginx: Nginx, address: str, status: int) -> None:
    """Wait until nginx answers `address` with `status`."""
    wait_for(lambda: nginx.status_for(address) == status, f"{status} for {address}")


@pytest.mark.parametrize(
    ("banned", "inside", "outside"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", "203.0.113.70", id="ipv4"),
        pytest.param("2001:db8::7", "2001:db8::7", "2001:db8::70", id="ipv6"),
        pytest.param("2001:db8:1:2::/64", "2001:db8:1:2:ffff::9", "2001:db8:1:3::9", id="64"),
    ],
)
def test_ban_and_unban(nginx: Nginx, fail2ban: PrivateFail2ban, banned: str, inside: str, outside: str) -> None:
    """A ban answers 403 to the banned one alone, and its end answers 200 again."""
    before = nginx.status_for(inside)
    fail2ban.ban("site", banned)
    wait_for_status(nginx, inside, 403)
    others = nginx.status_for(outside)
    fail2ban.unban("site", banned)
    wait_for_status(nginx, inside, 200)
    assert (before, others, nginx.deny_list) == (200, 200, [])


@pytest.mark.usefixtures("fail2ban")
def test_failures_in_the_log_are_refused(nginx: Nginx) -> None:
    """Three lines in the log become a 403, for a network too."""
    with (nginx.directory / "security.log").open("a") as log:
        log.writelines(f"{time.time():.0f} refused 2001:db8:1:2::/64\n" for _ in range(3))
    wait_for_status(nginx, "2001:db8:1:2::1", 403)


def test_burst_is_one_reload(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """Bans that come together share reloads: twenty bans, less than half as many reloads."""
    wait_for(lambda: nginx.reloads, "the reload of the start")
    before = nginx.reloads
    fail2ban.client("set", "site", "banip", *(f"203.0.113.{number}" for number in range(1, 21)))
    wait_for_status(nginx, "203.0.113.20", 403)
    assert (len(nginx.deny_list), nginx.reloads - before < 10) == (20, True)


def test_unban_removes_one_entry(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """An unban leaves addresses alone that begin or end like it, and its network."""
    kept = ["203.0.113.1", "203.0.113.111", "3.0.113.11", "203.0.113.0/24"]
    fail2ban.ban("site", *kept, "203.0.113.11")
    fail2ban.wait_for(lambda: len(nginx.deny_list) == 5, "five bans")
    fail2ban.unban("site", "203.0.113.11")
    fail2ban.wait_for(lambda: len(nginx.deny_list) == 4, "four bans")
    assert nginx.deny_list == [f"{address} 1; # site" for address in kept]


def test_unban_all_again(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """Lifting all bans empties the list, also after an earlier time when both IPv4 and IPv6 were banned."""
    for addresses in (["203.0.113.7", "2001:db8::7"], ["203.0.113.8"], ["2001:db8::8"]):
        fail2ban.ban("site", *addresses)
        fail2ban.wait_for(lambda banned=addresses: len(nginx.deny_list) == len(banned), "the bans")  # type: ignore[misc]
        fail2ban.client("unban", "--all")
        fail2ban.wait_for(lambda: nginx.deny_list == [], "the empty list")


def test_two_jails_share_the_list(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """An address that two jails banned stays banned until both let it go, and is active once."""
    fail2ban.ban("site", "203.0.113.7")
    fail2ban.ban("admin", "203.0.113.7")
    fail2ban.wait_for(lambda: len(nginx.deny_list) == 2, "two bans")
    both = nginx.deny_list
    fail2ban.unban("site", "203.0.113.7")
    fail2ban.wait_for(lambda: len(nginx.deny_list) == 1, "one unban")
    assert (both, nginx.deny_list) == (
        ["203.0.113.7 1; # site", "# 203.0.113.7 1; # admin"],
        ["203.0.113.7 1; # admin"],
    )


# Fail2ban itself narrows 0.0.0.0/0 and prefixes that are too long.
NO_ADDRESS = (
    "999.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "10.0.0.0/8", "2001::/16",
    "2001:db8:::1", "1::2::3", "12345::1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "fe80::1%eth0",
    "example.org", "-", "203.0.113.7 1; } #", "$(touch pwned)", "`touch pwned`", "';touch pwned;'", '";touch pwned;"',
    "203.0.113.7\n203.0.113.8", "\u0661.2.3.4", "a b", "*", "\\", "&& touch pwned",
)  # fmt: skip
ADDRESSES = ("0.0.0.1", "255.255.255.255", "203.0.0.0/16", "::1", "1::", "2001:db8::/32", "1:2:3:4:5:6:7:8")


def test_value_that_is_no_address(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """A ban of anything but an address is refused, whatever it is, and runs nothing."""
    fail2ban.client("set", "site", "banip", *NO_ADDRESS)
    fail2ban.wait_for(lambda: fail2ban.log.count("not an address") >= len(NO_ADDRESS), "the refusals")
    assert (nginx.deny_list, list(nginx.directory.rglob("pwned"))) == ([], [])


def test_every_way_to_write_an_address(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """Every way to write an address or a network is taken and accepted by nginx."""
    fail2ban.client("set", "site", "banip", *ADDRESSES)
    wait_for_status(nginx, "1:2:3:4:5:6:7:8", 403)
    assert sorted(nginx.deny_list) == sorted(f"{address} 1; # site" for address in ADDRESSES)


def test_stop_empties_the_list(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """When Fail2ban has stopped, nobody is refused any more."""
    fail2ban.ban("site", "203.0.113.7")
    wait_for_status(nginx, "203.0.113.7", 403)
    fail2ban.stop()
    wait_for_status(nginx, "203.0.113.7", 200)
    assert nginx.deny_list == []


def test_crash_and_restart(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """After a crash the list holds what Fail2ban restores from its database and nothing else."""
    fail2ban.ban("site", "203.0.113.7")
    wait_for_status(nginx, "203.0.113.7", 403)
    fail2ban.kill()
    with (nginx.directory / "deny.conf").open("a") as deny_list:
        deny_list.write("203.0.113.8 1; # site\n")
    fail2ban.start()
    fail2ban.wait_for(lambda: nginx.deny_list == ["203.0.113.7 1; # site"], "the restored list")
    wait_for_status(nginx, "203.0.113.7", 403)


def test_broken_nginx_configuration(nginx: Nginx, fail2ban: PrivateFail2ban) -> None:
    """A configuration that nginx would refuse is not loaded; the first ban after its repair brings all bans."""
    wait_for(lambda: nginx.reloads, "the reload of the start")
    good = (nginx.directory / "nginx.conf").read_text()
    (nginx.directory / "nginx.conf").write_text(good + "nonsense;")
    fail2ban.ban("site", "203.0.113.7")
    said = nginx.directory / "deny.conf.reload"
    wait_for(lambda: "nonsense" in said.read_text(), "the complaint")
    broken = nginx.status_for("203.0.113.7")
    (nginx.directory / "nginx.conf").write_text(good)
    fail2ban.ban("site", "203.0.113.8")
    wait_for_status(nginx, "203.0.113.7", 403)
    assert (broken, said.read_text()) == (200, "")
