"""The AWS WAF action with a real Fail2ban, boto3 and the AWS API as moto has it."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types of its own
import pytest

from cloudwatch.moto_server import moto_server
from fail2ban_server import SHIPPED, PrivateFail2ban, fail2ban_root, short_directory, write_config
from requires import require
from waiting import wait_for

pytestmark = pytest.mark.real_fail2ban

SCRIPT = SHIPPED / "action.d" / "django-security-aws-waf.py"
JAIL = """
[{1}]
enabled = true
filter = django-security
logpath = {0}/security.log
script = {0}/action.d/{2}
python = {3}
action = django-security-aws-waf[%(sets)s, script="%(script)s", state="{0}/waf", python="%(python)s"]
sets = set4=v4, set6=v6, burst_seconds=0.2
"""
SOMEBODY = "192.0.2.99/32"  # what others put into the set
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A moto server."""
    require(fail2ban_root() == "/", "boto3 is only in this machine's Python")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_RECORDER_FILEPATH", str(tmp_path_factory.mktemp("moto") / "recording"))
        with moto_server() as found:
            yield found


class Waf:
    """The two IP sets."""

    def __init__(self, url: str) -> None:
        """Make them; an address that is not ours is already there."""
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
        self.client: Any = boto3.client(
            "wafv2", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.make()

    def create(self, name: str) -> str:
        """Make a set and return its identifier."""
        addresses = [SOMEBODY] if name == "v4" else []
        made = self.client.create_ip_set(
            Name=name, Scope="REGIONAL", IPAddressVersion="IPV4" if name == "v4" else "IPV6", Addresses=addresses
        )
        return str(made["Summary"]["Id"])

    def make(self) -> None:
        """Make the sets anew."""
        self.identifiers = {name: self.create(name) for name in ("v4", "v6")}

    def delete(self) -> None:
        """Delete the sets."""
        for name, identifier in self.identifiers.items():
            token = self.client.get_ip_set(Name=name, Scope="REGIONAL", Id=identifier)["LockToken"]
            self.client.delete_ip_set(Name=name, Scope="REGIONAL", Id=identifier, LockToken=token)

    @property
    def addresses(self) -> set[str]:
        """What is in both sets and was not there before."""
        sets = [self.client.get_ip_set(Name=n, Scope="REGIONAL", Id=i)["IPSet"] for n, i in self.identifiers.items()]
        found = {address for one in sets for address in one["Addresses"]}
        assert SOMEBODY in found
        return found - {SOMEBODY}

    def wait_for(self, *addresses: str) -> None:
        """Wait until the sets hold exactly these addresses of ours."""
        wait_for(lambda: self.addresses == set(addresses), f"{addresses} in the sets")


@pytest.fixture(scope="module")
def waf(url: str) -> Iterator[Waf]:
    """Two IP sets."""
    found = Waf(url)
    yield found
    found.client.close()


@pytest.fixture(scope="module")
def server(waf: Waf) -> Iterator[PrivateFail2ban]:
    """A Fail2ban with two jails that ban in the WAF."""
    python = " ".join(["env", *(f"{name}={value}" for name, value in waf.environment.items()), sys.executable])
    with short_directory() as directory:
        (directory / "security.log").touch()
        write_config(
            directory, "".join(JAIL.format(directory, jail, SCRIPT.name, python) for jail in ("site", "admin"))
        )
        with PrivateFail2ban(directory) as found:
            yield found


@pytest.fixture
def fail2ban(waf: Waf, server: PrivateFail2ban) -> Iterator[PrivateFail2ban]:
    """The same; what a test bans in it is not banned any more when the test ends."""
    yield server
    server.client("unban", "--all")
    waf.wait_for()


def test_ban_and_unban(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """IPv4, IPv6 and a /64 come into the sets and go out again; what others put there stays."""
    fail2ban.client("set", "site", "banip", "203.0.113.7", "2001:db8::7", "2001:db8:1:2::/64")
    waf.wait_for("203.0.113.7/32", "2001:db8::7/128", "2001:db8:1:2::/64")
    fail2ban.unban("site", "203.0.113.7")
    waf.wait_for("2001:db8::7/128", "2001:db8:1:2::/64")


def test_unban_all_again(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """Lifting all bans empties the sets, also after an earlier time when both IPv4 and IPv6 were banned."""
    for networks in (["203.0.113.7/32", "2001:db8::7/128"], ["203.0.113.8/32"], ["2001:db8::8/128"]):
        fail2ban.ban("site", *(network.partition("/")[0] for network in networks))
        waf.wait_for(*networks)
        fail2ban.client("unban", "--all")
        waf.wait_for()


def test_two_jails(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """An address that two jails banned goes when both have let it go."""
    fail2ban.ban("site", "203.0.113.7")
    fail2ban.ban("admin", "203.0.113.7", "203.0.113.8")
    waf.wait_for("203.0.113.7/32", "203.0.113.8/32")
    fail2ban.unban("site", "203.0.113.7")
    fail2ban.unban("admin", "203.0.113.8")
    waf.wait_for("203.0.113.7/32")


def test_stop_and_start(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """While Fail2ban does not run nobody is refused; its bans come back with it."""
    fail2ban.ban("site", "203.0.113.7")
    waf.wait_for("203.0.113.7/32")
    fail2ban.stop()
    stopped = waf.addresses
    fail2ban.start()
    waf.wait_for("203.0.113.7/32")
    assert stopped == set()


def test_crash(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """After a crash the sets hold what Fail2ban restores, and nothing that it has forgotten."""
    fail2ban.ban("site", "203.0.113.7", "203.0.113.8")
    waf.wait_for("203.0.113.7/32", "203.0.113.8/32")
    fail2ban.kill()
    (fail2ban.directory / "f2b.sqlite3").unlink()
    fail2ban.start()
    fail2ban.ban("site", "203.0.113.9")
    waf.wait_for("203.0.113.9/32")


def test_error_is_reported_and_made_good(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """What AWS refuses is left for the operator; the next ban brings everything."""
    waf.delete()
    fail2ban.ban("site", "203.0.113.7")
    error = fail2ban.directory / "waf.error"
    fail2ban.wait_for(error.exists, "the report")
    said = error.read_text()
    waf.make()
    fail2ban.ban("site", "203.0.113.8")
    waf.wait_for("203.0.113.7/32", "203.0.113.8/32")
    fail2ban.wait_for(lambda: not error.exists(), "the report to go")
    assert "there is no IP set v4" in said


def test_no_address(waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """What is no address, or too many of them, is refused."""
    values = ["example.org", "999.1.1.1", "10.0.0.0/8", "$(touch pwned)", "fe80::1%eth0"]
    before = fail2ban.log.count("Failed to execute ban")
    fail2ban.client("set", "site", "banip", *values)
    fail2ban.wait_for(lambda: fail2ban.log.count("Failed to execute ban") == before + len(values), "the refusals")
    assert (waf.addresses, list(fail2ban.directory.rglob("pwned"))) == (set(), [])


def test_several_servers(waf: Waf) -> None:
    """Servers that change the same set at the same time lose nothing of each other."""
    with short_directory() as directory:
        words = [sys.executable, str(SCRIPT), "--set4", "v4", "--set6", "v6", "--jail", "x", "--wait"]
        servers = [
            subprocess.Popen(
                [*words, "--state", f"{directory}/{number}", "add", f"203.0.113.{number}"], env=waf.environment
            )
            for number in range(1, 7)
        ]
        results = [server.wait(60) for server in servers]
    assert (results, waf.addresses) == ([0] * 6, {f"203.0.113.{number}/32" for number in range(1, 7)})
    waf.delete()
    waf.make()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, without a __pycache__ beside what is shipped."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("aws_waf", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BusySet:
    """A client whose set somebody else changes `times` times between reading and writing."""

    class exceptions:  # noqa: N801 - boto3's name
        """boto3's errors."""

        class WAFOptimisticLockException(Exception):  # noqa: N818 - AWS's name
            """The lock token is not the newest."""

    def __init__(self, times: int) -> None:
        """Start with one address of somebody else's."""
        self.times = times
        self.addresses = [SOMEBODY]

    def list_ip_sets(self, NextMarker: str = "", **_: object) -> dict[str, object]:  # noqa: N803 - AWS's name
        """Return the set on the second page."""
        if NextMarker:
            return {"IPSets": [{"Name": "v4", "Id": "4"}]}
        return {"IPSets": [{"Name": "other", "Id": "1"}], "NextMarker": "more"}

    def get_ip_set(self, **_: object) -> dict[str, object]:
        """Return the set and its token."""
        return {"IPSet": {"Addresses": list(self.addresses)}, "LockToken": str(len(self.addresses))}

    def update_ip_set(self, Addresses: list[str], LockToken: str, **_: object) -> None:  # noqa: N803 - AWS's names
        """Replace the set, unless somebody else has been faster."""
        if self.times:
            self.times -= 1
            self.addresses.append(f"192.0.2.{self.times}/32")
        if LockToken != str(len(self.addresses)):
            raise self.exceptions.WAFOptimisticLockException
        self.addresses = Addresses


def test_lock_token(script: ModuleType) -> None:
    """A lost race is run again, with what the winner wrote."""
    busy = BusySet(3)
    script.change_set(busy, "REGIONAL", "v4", ["203.0.113.7/32"], set())
    assert busy.addresses == [SOMEBODY, "192.0.2.2/32", "192.0.2.1/32", "192.0.2.0/32", "203.0.113.7/32"]


def test_lock_token_never(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A race that cannot be won is given up, and reported."""
    monkeypatch.setattr(script.time, "sleep", lambda seconds: None)
    busy = BusySet(1000)
    with pytest.raises(busy.exceptions.WAFOptimisticLockException):
        script.change_set(busy, "REGIONAL", "v4", ["203.0.113.7/32"], set())


def test_full_set(script: ModuleType) -> None:
    """A full set keeps what others put there and the newest of ours."""
    ours = [f"10.{number >> 8}.{number & 255}.1/32" for number in range(10_000)]
    found = script.merged([SOMEBODY], ours, set())
    assert (len(found), found[0], found[1], found[-1]) == (10_000, SOMEBODY, ours[1], ours[-1])


def moto_api(url: str, path: str, method: str = "POST") -> str:
    """Ask moto about itself."""
    request = urllib.request.Request(f"{url}/moto-api/recorder/{path}", method=method)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
        return str(answer.read().decode())


def test_burst_is_one_change(url: str, waf: Waf, fail2ban: PrivateFail2ban) -> None:
    """Bans that come while another change is under way share one change of the set."""
    networks = [f"203.0.113.{number}/32" for number in range(1, 21)]
    moto_api(url, "reset-recording")
    moto_api(url, "start-recording")
    with (fail2ban.directory / "waf.working").open("a") as working:
        fcntl.flock(working, fcntl.LOCK_EX)  # as the process that changes the set does
        fail2ban.client("set", "site", "banip", *(network.removesuffix("/32") for network in networks))
        fail2ban.wait_for(lambda: wanted(fail2ban.directory) == networks, "all bans in the state")
    waf.wait_for(*networks)
    moto_api(url, "stop-recording")
    changes = moto_api(url, "download-recording", "GET").count("AWSWAF_20190729.UpdateIPSet")
    assert changes == 1


def wanted(directory: Path) -> list[str]:
    """Return what the jail wants, as the state has it."""
    state = directory / "waf"
    return list(json.loads(state.read_text())["wanted"].get("site", [])) if state.exists() else []
