"""Our files dropped into the distribution's own configuration: Fail2ban must never die of them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fail2ban_server import (
    PATH,
    SHIPPED,
    PrivateFail2ban,
    command,
    copy_stock_config,
    drop_in,
    short_directory,
)

pytestmark = pytest.mark.real_fail2ban

JAILS = ["django-admin", "django-auth", "django-probe"]
SSHD = """\
[DEFAULT]
banaction = tofile
banaction_allports = tofile
[sshd]
enabled = true
backend = polling
logpath = {0}/auth.log
"""


@pytest.fixture
def stock() -> Iterator[PrivateFail2ban]:
    """The distribution's configuration with its sshd jail, stopped; the server is stopped at the end."""
    with short_directory() as directory:
        copy_stock_config(directory, SSHD.format(directory))
        (directory / "auth.log").touch()
        server = PrivateFail2ban(directory)
        try:
            yield server
        finally:
            server.stop()


def running_jails(server: PrivateFail2ban) -> list[str]:
    """Return the names of the jails that run, sorted."""
    return sorted(re.split(r"[,\s]+", server.client("status").rpartition("Jail list:")[2].strip()))


def follow_readme(server: PrivateFail2ban, log_directory: Path) -> None:
    """Run the three commands of fail2ban/README.md as they stand there, on the private configuration."""
    readme = (SHIPPED / "README.md").read_text()
    match = re.search(r"## Install, in three commands.*?```\w*\n(.*?)```", readme, re.DOTALL)
    assert match is not None
    script = match[1]
    paths = f"-c {server.directory} -s {server.directory}/f2b.sock -p {server.directory}/f2b.pid"
    for old, new in (
        ("sudo ", ""),
        ("/etc/fail2ban", str(server.directory)),
        ("/var/log/django", str(log_directory)),
        ("fail2ban-client", " ".join(command("fail2ban-client", paths))),
    ):
        assert old in script
        script = script.replace(old, new)
    subprocess.run(
        ["bash", "-c", script], cwd=SHIPPED, env={"PATH": PATH}, timeout=60, check=False, capture_output=True
    )


def test_dropped_in_files_are_valid(stock: PrivateFail2ban) -> None:
    """fail2ban-client -t accepts the distribution's configuration with our files in it."""
    drop_in(stock.directory, "filter.d", "action.d", "jail.d")
    assert "OK: configuration test is successful" in stock.client("-t")


def test_dropped_in_files_without_a_log(stock: PrivateFail2ban) -> None:
    """With our files in place and no log file, Fail2ban starts and sshd is guarded."""
    drop_in(stock.directory, "filter.d", "action.d", "jail.d")
    stock.start()
    assert running_jails(stock) == ["sshd"]


def expect_log(server: PrivateFail2ban) -> Path:
    """Let the jails look for a private log, as a project's own .local file may, and return its path."""
    log = server.directory / "log" / "security.log"
    text = "".join(f"[{jail}]\nlogpath = {log}\n" for jail in JAILS)
    with (server.directory / "jail.local").open("a") as jail_local:
        jail_local.write(text)
    log.parent.mkdir()
    return log


def test_readme_starts_the_jails(stock: PrivateFail2ban) -> None:
    """After the README's three commands the jails run beside sshd."""
    stock.start()
    log = expect_log(stock)
    log.touch()
    follow_readme(stock, log.parent)
    assert running_jails(stock) == [*JAILS, "sshd"]


@pytest.mark.parametrize("hindrance", ["no log", "a broken filter", "a filter that cannot be copied", "an old file"])
def test_readme_leaves_fail2ban_alive(stock: PrivateFail2ban, hindrance: str) -> None:
    """Whatever goes wrong in the README's commands, Fail2ban goes on, and starts again, with its sshd jail."""
    stock.start()
    log = expect_log(stock)
    if hindrance != "no log":
        log.touch()
    if hindrance == "a broken filter":
        (stock.directory / "filter.d" / "django-security.local").write_text("[Definition\nfailregex = (")
    elif hindrance == "a filter that cannot be copied":
        (stock.directory / "filter.d" / "django-security.conf").mkdir()
    elif hindrance == "an old file":
        log.unlink()
        (stock.directory / "jail.d" / "django-security.local").write_text("[django-auth]\nenabled = true\n")
    follow_readme(stock, log.parent)
    alive = running_jails(stock)
    stock.stop()
    stock.start()
    assert (alive, running_jails(stock)) == (["sshd"], ["sshd"])
