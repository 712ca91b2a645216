"""`security_fail2ban install`: nothing is lost, whatever ends it, and what it asks is understood."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from fail2ban_setup import NAMES, SetUp, healthy, start
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.files.record import Choices, Record, read_record
from security_logging.fail2ban.files.shipped import JAIL_NAMES
from security_logging.fail2ban.installing import install as installing
from security_logging.fail2ban.installing.undoing import Undoing
from terminal import Terminal
from waiting import wait_for

pytestmark = pytest.mark.real_fail2ban

MANAGE = textwrap.dedent("""\
    import os, sys
    from django.core.management import execute_from_command_line
    os.environ["DJANGO_SETTINGS_MODULE"] = "mysite"
    execute_from_command_line(sys.argv)
    """)
SETTINGS = textwrap.dedent("""\
    SECRET_KEY = "for tests only"
    INSTALLED_APPS = ["security_logging"]
    MIDDLEWARE = []
    """)
REFUSING = textwrap.dedent("""\
    LOGGING_CONFIG = "mysite.refuse"
    def refuse(config):
        raise RuntimeError("not this LOGGING")
    """)


@pytest.fixture
def found() -> Iterator[SetUp]:
    """A set-up with our files."""
    with healthy() as each:
        yield each


def install(s: SetUp, *words: str) -> str:
    """Run the command and return what it prints."""
    out = io.StringIO()
    place = ("--config", str(s.directory), "--client", shlex.join(s.words))
    call_command("security_fail2ban", *place, "install", "--log", str(s.log), *words, stdout=out)
    return out.getvalue()


def files(s: SetUp) -> dict[str, str]:
    """Return the whole configuration as it is on disk, with the modes."""
    kinds = [path for path in s.directory.rglob("*") if path.is_file() and path.name not in ("fail2ban.log", "f2b.pid")]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in kinds if not path.name.startswith("f2b.")}
    return {name: f"{Path(name).stat().st_mode:o} {text}" for name, text in texts.items()}


def change(s: SetUp) -> dict[str, str]:
    """Let an installation have something to write, and return the configuration as it is before it."""
    s.install(log=str(s.log), key="net")
    return files(s)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, MemoryError, SystemExit])
def test_ended_in_the_middle(found: SetUp, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]) -> None:
    """Whatever ends an installation in the middle, the files are as they were, and the running server too."""
    start(found)
    before = change(found)
    refusals = iter(["", ending])

    def refusal(client: Client) -> str:
        now = next(refusals)
        if now == ending:
            assert files(found) != before
            raise ending
        return str(now)

    monkeypatch.setattr(Client, "refusal", refusal)
    with pytest.raises(ending):
        install(found, "--key", "ip")
    assert (files(found), set(Client(found.words).jails())) == (before, {*NAMES, "sshd"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signalled(found: SetUp, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a lost connection undo an installation, and impatience does not hinder that."""
    before = change(found)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    def interrupted(client: Client, done: Undoing) -> bool:
        done.undo_with(lambda: signal.raise_signal(number))  # again, while it is taken back
        signal.raise_signal(number)
        return True

    monkeypatch.setattr(installing, "_load", interrupted)
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit):
        install(found, "--key", "ip")
    after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert (files(found), after) == (before, handlers)


def test_reload_fails(found: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot load the files gets the old ones again."""
    start(found)
    before = change(found)
    run = Client.run
    calls: list[Record | None] = []

    def refuse_once(client: Client, *words: str) -> str:
        if words == ("reload",):
            calls.append(read_record(found.directory))
            if len(calls) == 1:
                raise ClientError("no")
        return run(client, *words)

    monkeypatch.setattr(Client, "run", refuse_once)
    with pytest.raises(CommandError, match="could not load our files; they were taken back:\nno"):
        install(found, "--key", "ip")
    assert (files(found), [each.choices.key for each in calls if each]) == (before, ["ip", "net"])


def test_reload_loses_a_jail(found: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload after which the sshd jail is gone is taken back."""
    start(found)
    before = change(found)
    answers = chain([[*NAMES, "sshd"]], repeat([*NAMES]))
    monkeypatch.setattr(Client, "jails", lambda client: next(answers))
    with pytest.raises(CommandError, match="Fail2ban lost the jails sshd; our files were taken back"):
        install(found, "--key", "ip")
    assert files(found) == before


def test_another_front(found: SetUp) -> None:
    """After a change of the action the running jails ban with the new one, and go on with the bans they had."""
    start(found)
    found.fail2ban.ban("django-auth", "203.0.113.7")
    parameters = ("--set", "nginx=true", "--set", f"deny_file={found.directory}/deny.conf")
    install(found, "--front", "load-balancer", *parameters)
    client = Client(found.words)
    actions = [client.run("get", name, "actions").split("\n")[1] for name in NAMES]
    assert actions == ["django-security-nginx, django-security-report"] * 3
    wait_for(lambda: "203.0.113.7 1; # django-auth" in (found.directory / "deny.conf").read_text(), "the ban")


def test_edited_file_is_kept(found: SetUp) -> None:
    """Our file that somebody edited is shown, kept under a name that Fail2ban does not read, and named."""
    edited = found.jails.read_text().replace("maxretry = 5", "maxretry = 50")
    found.jails.write_text(edited)
    printed = install(found)
    (kept,) = found.jails.parent.glob("django-security.conf.*~")
    assert re.fullmatch(r"django-security\.conf\.\d{8}-\d{6}~", kept.name)
    assert (kept.read_text(), "maxretry = 50" in found.jails.read_text()) == (edited, False)
    assert ("-maxretry = 50" in printed, f"kept as {kept}" in printed) == (True, True)


def test_old_file_is_not_kept(found: SetUp) -> None:
    """What an installation wrote itself leaves no copy behind."""
    install(found, "--key", "net")
    assert list(found.directory.rglob("*~")) == []


def test_repeats_the_choices(found: SetUp) -> None:
    """A later installation without options keeps what was chosen, and says that nothing changes."""
    install(found, "--key", "net", "--front", "load-balancer", "--no-report")
    printed = install(found)
    record = read_record(found.directory)
    assert record is not None
    assert (record.choices, "0 files written" in printed) == (
        Choices("load-balancer", {}, str(found.log), "file", "net", report=False),
        True,
    )


def test_locked(found: SetUp) -> None:
    """The jail of the locked out is on only where it was asked for, later installations keep it, and it goes again."""
    client = Client(found.words)
    start(found)

    def jails(*options: str) -> set[str]:
        install(found, *options)
        return set(client.jails()) & set(JAIL_NAMES)

    of_all = {*NAMES, "django-locked"}
    assert [jails(), jails("--locked"), jails(), jails("--no-locked"), jails()] == [
        {*NAMES}, of_all, of_all, {*NAMES}, {*NAMES},
    ]  # fmt: skip


def break_jails(s: SetUp) -> None:
    """Leave our jails half written, as a full disk does."""
    s.jails.write_text(f"{s.jails.read_text()[:1500]}\n[django-admin")


def lose_log(s: SetUp) -> None:
    """Remove the log and its directory."""
    s.log.unlink()
    s.log.parent.rmdir()


def lose_filter(s: SetUp) -> None:
    """Remove the filter that the jails need."""
    (s.directory / "filter.d" / "django-security.conf").unlink()


@pytest.mark.parametrize("broken", [break_jails, lose_log, lose_filter])
def test_repairs(found: SetUp, broken: Callable[[SetUp], None]) -> None:
    """Installing over broken files of ours, or a log that is gone, leaves a Fail2ban that starts, with sshd."""
    broken(found)
    install(found)
    start(found)
    assert set(Client(found.words).jails()) == {*NAMES, "sshd"}


def test_proxies_on_a_fresh_machine(found: SetUp, settings: object) -> None:
    """With trusted proxies, presets too, the distribution's Fail2ban takes the jails, and ignores the proxies."""
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["10.0.0.0/8", "cloudflare"]  # type: ignore[attr-defined] # a fixture
    start(found)
    install(found)
    ignored = Client(found.words).listed("get", "django-auth", "ignoreip")
    assert {"10.0.0.0/8", "104.16.0.0/13", "127.0.0.0/8"} <= set(ignored)


def test_configured_ignoreip_is_taken_over(found: SetUp, settings: object) -> None:
    """Whom [DEFAULT] never bans, our jails never ban either."""
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["10.0.0.0/8"]  # type: ignore[attr-defined] # a fixture
    found.write("jail.d/office.local", "[DEFAULT]\nignoreip = 127.0.0.1/8, 198.51.100.1\n")
    install(found)
    assert "ignoreip = 127.0.0.1/8 198.51.100.1 10.0.0.0/8\n" in found.jails.read_text()


def test_never_banned(found: SetUp) -> None:
    """Whom an installation is told never to ban is ignored, by the next one too, until it is told others."""
    install(found, "--never-ban", "203.0.113.7, 2001:db8::/64")
    install(found)
    assert " 203.0.113.7/32 2001:db8::/64\n" in found.jails.read_text()
    install(found, "--never-ban", "203.0.113.8")
    assert "203.0.113.7" not in found.jails.read_text()


def test_never_banned_is_no_address(found: SetUp) -> None:
    """A name is refused, for Fail2ban would look it up."""
    with pytest.raises(CommandError, match="is not an address or a CIDR range"):
        install(found, "--never-ban", "home.example")


def at_terminal(s: SetUp, place: Path, *words: str, settings: str = SETTINGS) -> Terminal:
    """Run the command of a small site at a terminal."""
    (place / "mysite.py").write_text(settings)
    (place / "mysite.py").chmod(0o640)
    (place / "manage.py").write_text(MANAGE)
    place_words = ["--config", str(s.directory), "--client", shlex.join(s.words)]
    command = [sys.executable, "manage.py", "security_fail2ban", *place_words, "install", *words]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "SSH_CONNECTION": "203.0.113.7 50000 10.0.0.9 22"}
    return Terminal(command, place, environment)


def test_questions(found: SetUp, tmp_path: Path) -> None:
    """At a terminal it asks what no option says, Enter answers all, and the settings get what they lack."""
    log = tmp_path / "log" / "security.log"
    terminal = at_terminal(found, tmp_path, "--log", str(log))
    terminal.answer("[1]", "")
    terminal.answer("[1]", "nginx")
    terminal.answer("]:", "")
    terminal.answer("Write these files, and load them? [Y/n]", "perhaps")
    terminal.answer("Write these files, and load them? [Y/n]", "")
    terminal.answer("Change the settings too? [Y/n]", "")
    if os.geteuid() == 0:
        terminal.answer("user:group [www-data:adm]:", "root:adm")
    status = terminal.wait()
    added = (tmp_path / "mysite.py").read_text().removeprefix(SETTINGS)
    assert (status, log.exists()) == (0, True), terminal.said
    assert f'LOGGING = build_logging("file", directory={str(log.parent)!r}, streams="security")' in added
    assert 'MIDDLEWARE = ["security_logging.middleware.SecurityLoggingMiddleware", *MIDDLEWARE]' in added
    assert "SECURITY_LOGGING_TRUSTED_PROXIES = ['nginx']" in added
    assert "restart the site" in terminal.said
    assert " 203.0.113.7/32" in found.jails.read_text()


def test_no_is_an_answer(found: SetUp, tmp_path: Path) -> None:
    """Who says no has changed nothing."""
    before = files(found)
    terminal = at_terminal(found, tmp_path, "--front", "aws", "--key", "net", "--log", str(found.log))
    terminal.answer("[1]", "1")
    terminal.answer("region, for the action that bans:", "eu-central-1")
    terminal.answer("set4, for the action that bans:", "v4")
    terminal.answer("set6, for the action that bans:", "v6")
    terminal.answer("]:", "none")
    terminal.answer("Write these files, and load them? [Y/n]", "n")
    assert (terminal.wait(), "nothing was changed" in terminal.said, files(found)) == (1, True, before)


def test_terminal_is_gone(found: SetUp, tmp_path: Path) -> None:
    """Who closes the terminal at a question has changed nothing."""
    before = files(found)
    terminal = at_terminal(found, tmp_path)
    terminal.answer("[1]", "\x04")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert (terminal.wait() != 0, files(found)) == (True, before)


def test_elsewhere(found: SetUp, tmp_path: Path) -> None:
    """For a Fail2ban on another machine the files are written into a directory, with what to do there."""
    printed = install(found, "--elsewhere", str(tmp_path / "for the host"))
    assert "enabled = true" in (tmp_path / "for the host" / "jail.d" / "django-security.conf").read_text()
    assert f"cp -r '{tmp_path}/for the host'/. /etc/fail2ban/" in printed
    assert "Read them first if others can change them" in printed


def test_settings_that_do_not_start(found: SetUp, tmp_path: Path) -> None:
    """Settings that the site does not start with are taken back together with all the rest."""
    before = files(found)
    words = ("--no-input", "--write-settings", "--key", "net", "--log", str(tmp_path / "x.log"))
    terminal = at_terminal(found, tmp_path, *words, settings=f"{SETTINGS}{REFUSING}")
    status = terminal.wait()
    assert (status, "RuntimeError: not this LOGGING" in terminal.said) == (1, True)
    assert ((tmp_path / "mysite.py").read_text(), files(found)) == (f"{SETTINGS}{REFUSING}", before)


def test_settings_keep_owner_and_mode(found: SetUp, tmp_path: Path) -> None:
    """Settings that are changed without a question keep their mode, their owner and what is in them."""
    terminal = at_terminal(found, tmp_path, "--no-input", "--write-settings", "--log", str(tmp_path / "x.log"))
    status = terminal.wait()
    text = (tmp_path / "mysite.py").read_text()
    assert (status, text.startswith(SETTINGS), "['filename'] = " in text.replace('"', "'")) == (0, True, True)
    assert (tmp_path / "mysite.py").stat().st_mode & 0o777 == 0o640
