"""From `pip install` to a blocked attacker with `security_fail2ban install` and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from built_wheel import INSTALLED_WHEEL, build
from fail2ban_server import PATH, fail2ban_root
from requires import require, require_network_namespaces, require_program, require_root
from terminal import Terminal
from waiting import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_fail2ban]

SITE, ATTACKER, VISITOR = "203.0.113.1", "203.0.113.7", "203.0.113.8"
# The directories that the machine has for itself; what a real one has in them is not touched.
MACHINE = f"""
set -e
for place in etc/fail2ban etc/tmpfiles.d var/log var/lib/fail2ban run/fail2ban run/systemd; do
    mkdir -p "$1/$place" "/$place"
done
cp -a /etc/fail2ban/. "$1/etc/fail2ban/"
rm -rf "$1"/etc/fail2ban/*/django-security* "$1/etc/fail2ban/django-security.json"
mkdir "$1/run/systemd/system"
touch "$1/var/log/auth.log"
for place in etc/fail2ban etc/tmpfiles.d var/log var/lib/fail2ban run/fail2ban run/systemd; do
    mount --bind "$1/$place" "/$place"
done
unshare --net sleep 300 &
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link set lo up
ip link add cable type veth peer name cable netns $!
ip addr add {SITE}/24 dev cable
ip link set cable up
for address in {ATTACKER} {VISITOR}; do nsenter --target $! --net ip addr add $address/24 dev cable; done
nsenter --target $! --net ip link set cable up
echo $!
exec sleep 300
"""
# Asks for the login page and tries a password; prints the answer's status, or "blocked".
CLIENT = """
import http.client, re, sys, urllib.parse
address, site, user = sys.argv[1:]
def ask(method, body=None, headers={}):
    connection = http.client.HTTPConnection(site, 80, timeout=5, source_address=(address, 0))
    connection.request(method, "/admin/login/", body, {"Host": "localhost", **headers})
    answer = connection.getresponse()
    return answer, answer.read().decode()
try:
    answer, page = ask("GET")
    if user:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        token = re.search('csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "username": user, "password": "wrong"})
        answer, page = ask("POST", form, {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})
    print(answer.status)
except OSError:
    print("blocked")
"""


class Machine:
    """Namespaces for mounts, processes and the network, and a second network for its clients."""

    def __init__(self, holder: int, client: str, site: Path, packages: Path) -> None:
        """Take a machine that is up."""
        self.enter = ["nsenter", "--target", str(holder), "--mount", "--pid", "--net"]
        self.client = client
        self.site = site
        paths = [packages, *(path for path in sys.path if path.endswith("site-packages"))]
        self.environment = {
            "PATH": PATH,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
        }

    def run(self, *words: str, check: bool = True) -> str:
        """Run a program in the site's directory and return what it prints."""
        result = subprocess.run(
            [*self.enter, f"--wd={self.site}", *words],
            env={**self.environment, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert not check or result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return f"{result.stdout}{result.stderr}"

    def manage(self, *words: str) -> str:
        """Run the site's manage.py."""
        return self.run(sys.executable, "manage.py", *words)

    def log(self) -> str:
        """Return what the security log holds."""
        return self.run("cat", "/var/log/django/security.log")

    def visit(self, address: str, user: str = "") -> str:
        """Ask for the login page from an address, and try to log in as the user."""
        return self.run(
            "nsenter", "--target", self.client, "--net", sys.executable, "-c", CLIENT, address, SITE, user
        ).strip()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel, as pip does."""
    place = tmp_path_factory.mktemp("site-packages")
    wheel = INSTALLED_WHEEL or build("wheel", tmp_path_factory.mktemp("wheel"))
    zipfile.ZipFile(wheel).extractall(place)
    return place


@pytest.fixture
def machine(tmp_path: Path, packages: Path) -> Iterator[Machine]:
    """A machine with a new site, whose only line of ours is the one in INSTALLED_APPS."""
    require_root()
    require_network_namespaces()
    require_program("iptables", "iptables")
    require(fail2ban_root() == "/", "the machine's own Fail2ban is tested here")
    tmp_path.chmod(0o755)
    with _started(tmp_path) as (holder, client):
        found = Machine(holder, client, tmp_path, packages)
        found.run(sys.executable, "-m", "django", "startproject", "mysite", ".")
        settings = tmp_path / "mysite" / "settings.py"
        settings.write_text(
            settings.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "security_logging",')
        )
        found.manage("migrate", "--verbosity=0")
        yield found


@contextmanager
def _started(root: Path) -> Iterator[tuple[int, str]]:
    words = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--net",
        "--mount-proc",
        "sh",
        "-c",
        MACHINE,
        "sh",
    ]
    process = subprocess.Popen([*words, str(root / "machine")], env={"PATH": PATH}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        client = process.stdout.readline().strip()  # its number on that machine
        assert client, "the machine is not up"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        yield int(children.read_text()), client
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr] # it was asked for above


def test_from_nothing_to_a_blocked_attacker(machine: Machine) -> None:
    """One command, Enter to each of its questions, and who guesses passwords is blocked, and nobody else."""
    words = [*machine.enter, f"--wd={machine.site}", sys.executable, "manage.py", "security_fail2ban", "install"]
    terminal = Terminal(words, machine.site, machine.environment)
    for question in (
        *("[1]", "[1]", "[203.0.113.1]:"),
        *("load them? [Y/n]", "settings too? [Y/n]", "user:group [www-data:adm]:"),
    ):
        terminal.answer(question, "")
    assert terminal.wait() == 0, terminal.said
    machine.run("fail2ban-client", "start")
    site = subprocess.Popen(
        [*words[:-3], "manage.py", "runserver", "--noreload", "--insecure", f"{SITE}:80"],
        env=machine.environment, cwd=machine.site, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: machine.visit(VISITOR) == "200", "the site")
        tries = [machine.visit(ATTACKER, f"admin{number}") for number in range(3)]
        wait_for(lambda: machine.visit(ATTACKER) == "blocked", "the ban")
        visitor, log = machine.visit(VISITOR), machine.log()
        wait_for(lambda: " banned ip=203.0.113.7 " in machine.run("cat", "/var/log/django/security.log"), "the report")
        checked = machine.manage("security_fail2ban", "check")
    finally:
        site.kill()
        site.wait()
    assert (tries, visitor, log.count(" login_failed ip=203.0.113.7 ")) == (["200"] * 3, "200", 3)
    assert checked.endswith("Everything is as it should be.\n")  # behind a warning where the tests are another user's


def test_log_at_each_boot(machine: Machine) -> None:
    """Where systemd runs, the log is there again after a boot with an empty /var/log, as the installation made it."""
    require_program("systemd-tmpfiles", "systemd")
    machine.manage("security_fail2ban", "install", "--no-input", "--owner", "www-data:adm")
    look = ("stat", "--format=%n %U:%G %a", "/var/log/django", "/var/log/django/security.log")
    before = machine.run(*look)
    machine.run("rm", "-r", "/var/log/django")
    machine.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/django-security.conf")
    assert machine.run(*look) == before
    assert before == "/var/log/django www-data:adm 2750\n/var/log/django/security.log www-data:adm 640\n"
