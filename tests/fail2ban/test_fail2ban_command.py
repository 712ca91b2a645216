"""`manage.py security_fail2ban` without a Fail2ban: rendering, planning, explaining."""

from __future__ import annotations

import io
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from requires import require_root
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render
from security_logging.events.types import LOGIN, LOGIN_FAILED, EventType
from security_logging.fail2ban.checking.actions import import_failure
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.explain import explain
from security_logging.fail2ban.files.fronts import action_for
from security_logging.fail2ban.files.shipped import FILTER, shipped_files
from security_logging.fail2ban.installing.changes import changes
from security_logging.fail2ban.installing.log_file import create_log
from security_logging.fail2ban.installing.undoing import undoing
from security_logging.management.commands.security_fail2ban import Command

REPOSITORY = Path(__file__).parent.parent.parent / "fail2ban"


def output(*words: str) -> str:
    """Run the command and return what it prints."""
    out = io.StringIO()
    call_command("security_fail2ban", *words, stdout=out)
    return out.getvalue()


def test_shipped_files_are_the_checked_in_ones() -> None:
    """Without options the files are those of the repository."""
    files = {
        str(path.relative_to(REPOSITORY)): path.read_text()
        for path in REPOSITORY.rglob("*")
        if path.is_file() and path.name != "README.md" and "__pycache__" not in path.parts
    }
    assert shipped_files() == files


def test_render_into_a_directory(tmp_path: Path) -> None:
    """`render DIRECTORY` writes every file and names it."""
    printed = output("render", str(tmp_path)).split()
    assert printed == [str(tmp_path / name) for name in shipped_files()]


def test_render_prints_filter_and_jails() -> None:
    """`render` prints the filter and the jails with their options."""
    printed = output("render", "--key", "net", "--log", "/srv/security.log")
    assert ("_counted-normal = login_failed" in printed, "logpath = /srv/security.log" in printed) == (True, True)


def test_report_behind_a_link(tmp_path: Path) -> None:
    """Bans are reported to where a link leads that the log's directory is: the action itself follows none."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    printed = output("render", "--log", f"{tmp_path}/link/security.log")
    assert f'django-security-report[log="{tmp_path}/real/security.log"]' in printed
    assert f"logpath = {tmp_path}/link/security.log" in printed


def test_trusted_proxies_are_ignored(settings: object) -> None:
    """The jails never ban a proxy that the site trusts."""
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["10.0.0.0/8", "unix:", "cloudfront"]  # type: ignore[attr-defined] # a fixture
    assert "ignoreip = 127.0.0.1/8 ::1 10.0.0.0/8 " in output("render")


@pytest.mark.parametrize(
    ("front", "parameters", "action"),
    [
        ("nothing", {}, "%(default/action)s"),
        ("load-balancer", {"nginx": "x"}, "django-security-nginx[nginx=x]"),
        ("aws", {"region": "r", "set4": "a", "set6": "b"}, "django-security-aws-waf[region=r, set4=a, set6=b]"),
    ],
)
def test_action_for(front: str, parameters: dict[str, str], action: str) -> None:
    """What stands in front decides where a ban takes effect."""
    assert action_for(front, parameters) == action


def test_action_lacks_a_parameter() -> None:
    """An action without what it needs is refused, with what to write."""
    with pytest.raises(CommandError, match=r"--front cloudflare needs --set cfzone=\.\.\. --set cftoken=\.\.\."):
        output("render", "--front", "cloudflare")


@pytest.mark.parametrize(
    ("logtype", "line"),
    [
        ("file", 'django-security-report[log="/l"]'),
        ("json", 'django-security-report[log="/l", form=json]'),
        ("journal", None),
    ],
)
def test_report(logtype: str, line: str | None) -> None:
    """Bans are written back into a log file, in its form."""
    lines = action_for("nothing", {}, report="/l", logtype=logtype).split("\n         ")
    assert lines == ["%(default/action)s", line] if line else ["%(default/action)s"]


def test_dry_run(tmp_path: Path) -> None:
    """`install --dry-run` shows the differences and writes nothing."""
    printed = output("--config", str(tmp_path), "install", "--dry-run")
    assert ("+failregex = " in printed, list(tmp_path.iterdir())) == (True, [])


def test_changes_leave_what_is_right(tmp_path: Path) -> None:
    """A file that is as it should be is not written again, and the jails come last."""
    files = shipped_files()
    (tmp_path / "filter.d").mkdir()
    (tmp_path / FILTER).write_text(files[FILTER])
    found = [change.path.parent.name for change in changes(tmp_path, files)]
    assert (set(found), found[-1]) == ({"action.d", "jail.d"}, "jail.d")


def test_create_log(tmp_path: Path) -> None:
    """A new log can be read by its group and by nobody else; an old one is left alone."""
    log = tmp_path / "django" / "security.log"
    with undoing() as done:
        create_log(done, log)
        modes = [path.stat().st_mode & 0o7777 for path in (log, log.parent)]
        log.write_text("a line\n")
        create_log(done, log)
    assert (modes, log.read_text()) == ([0o640, 0o2750], "a line\n")


def test_owner_of_a_new_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log and a new directory belong to the site's user; a directory that was there keeps its owner."""
    require_root()
    new, old = tmp_path / "django" / "security.log", tmp_path / "security.log"
    with undoing() as done:
        create_log(done, new, "www-data:adm")
        create_log(done, old, "www-data:adm")
    owners = [f"{path.owner()}:{path.group()}" for path in (new, new.parent, old)]
    assert (owners, tmp_path.owner()) == (["www-data:adm"] * 3, "root")


@pytest.mark.parametrize(
    ("owner", "numbers"), [("1234:adm", (1234, 4)), ("1234:1235", (1234, 1235)), ("1234", (1234, 0))]
)
def test_owner_in_numbers(tmp_path: Path, owner: str, numbers: tuple[int, int]) -> None:
    """The user of a container has no name on this machine."""
    require_root()
    with undoing() as done:
        create_log(done, tmp_path / "security.log", owner)
    found = (tmp_path / "security.log").stat()
    assert (found.st_uid, found.st_gid) == numbers


def test_owner_who_is_not_there(tmp_path: Path) -> None:
    """A user that does not exist is named, and nothing is left behind."""
    words = ["--client", "true", "install", "--owner", "nobody-here", "--log", str(tmp_path / "log" / "security.log")]
    with pytest.raises(CommandError, match="--owner nobody-here: "):
        output("--config", str(tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_modules_of_the_site_are_not_fail2bans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An action runs without the site's PYTHONPATH: a module that only lies there is missing."""
    (tmp_path / "only_of_the_site.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "only_of_the_site" in import_failure(sys.executable, "only_of_the_site")
    assert import_failure(sys.executable, "json") == ""


def event(event_type: EventType, **fields: object) -> SecurityEvent:
    """Return an event that is the same in every process that collects these tests."""
    return SecurityEvent(event_type, datetime(2026, 11, 21, 12, 30, tzinfo=timezone.utc), 4711, "0" * 24, fields)


EVENT = event(LOGIN_FAILED, ip="2001:db8::7", net="2001:db8::/64", surface="admin")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (render(EVENT), "Counted in mode normal, admin, aggressive."),
        (render(EVENT), "key=ip bans 2001:db8::7, key=net bans 2001:db8::/64."),
        (render(EVENT)[:85], "Counted, although the line is cut: login_failed of 2001:db8::7, "),
        (render(event(LOGIN_FAILED)), "Not counted: the address is not proven, "),
        (render(event(LOGIN, ip="203.0.113.7")), "Not counted: no mode of the filter counts this event."),
        ("hello", "Not counted: not a security line: 'hello'."),
        ("{", "Not counted: "),
    ],
)  # fmt: skip
def test_explain(line: str, said: str) -> None:
    """A line is explained in words."""
    assert any(sentence.startswith(said) for sentence in explain(line)), explain(line)


def test_explain_command() -> None:
    """`explain LINE` prints the explanation."""
    assert "Counted in mode" in output("explain", render(EVENT))


def test_client_is_missing() -> None:
    """Without Fail2ban the answer is how to get it."""
    with pytest.raises(CommandError, match="no-such-client is not installed: apt-get install fail2ban"):
        output("--client", "no-such-client", "status")


def test_client_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs is not waited for."""
    monkeypatch.setattr("security_logging.fail2ban.client.TIMEOUT", 0.1)
    with pytest.raises(ClientError, match=r"did not answer within 0\.1 seconds"):
        Client(["sleep"]).run("5")


def fake_client(tmp_path: Path, script: str) -> str:
    """Return a program that answers like fail2ban-client, as a shell script of `case "$*"` branches."""
    path = tmp_path / "fail2ban-client"
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{script}\nesac\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("logtype", ["short", "journal", "docker"])
def test_install_for_a_log_of_others(tmp_path: Path, logtype: str) -> None:
    """What syslog, the journal or Docker write is not ours to create."""
    log = tmp_path / "security.log"
    output("--config", str(tmp_path), "--client", "true", "install", "--logtype", logtype, "--log", str(log))
    assert ((tmp_path / "jail.d" / "django-security.conf").exists(), log.exists()) == (True, False)


def test_reload_fails(tmp_path: Path) -> None:
    """Files that pass Fail2ban's test but cannot be loaded are taken back, and the server loads the old ones again."""
    script = f'ping) echo "Server replied: pong";;\nreload) echo reload >> {tmp_path}/calls; echo no >&2; exit 1;;'
    log = str(tmp_path / "security.log")
    with pytest.raises(CommandError, match=r"could not load our files; they were taken back:\nno"):
        output("--config", str(tmp_path), "--client", fake_client(tmp_path, script), "install", "--log", log)
    calls = (tmp_path / "calls").read_text().split()
    assert (list(tmp_path.rglob("*.conf")), calls) == ([], ["reload", "reload"])


def test_old_files_are_put_back(tmp_path: Path) -> None:
    """Files that Fail2ban refuses leave the old ones as they were."""
    old = tmp_path / "filter.d" / "django-security.conf"
    old.parent.mkdir()
    old.write_text("old")
    client = fake_client(tmp_path, f"-t) [ -e {tmp_path}/again ] && exit 1; touch {tmp_path}/again;;")
    with pytest.raises(CommandError, match="refuses its configuration with our files"):
        output("--config", str(tmp_path), "--client", client, "install", "--log", str(tmp_path / "security.log"))
    assert [(path, path.read_text()) for path in tmp_path.rglob("*.conf")] == [(old, "old")]


def test_token_is_for_root_alone(tmp_path: Path) -> None:
    """Jails that hold an API token can be read by their owner only, all other files by everybody."""
    words = [
        "--front",
        "cloudflare",
        "--set",
        "cfzone=z",
        "--set",
        "cftoken=t",
        "--log",
        str(tmp_path / "security.log"),
    ]
    output("--config", str(tmp_path), "--client", "true", "install", *words)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "jail.d").iterdir()}
    filters = {path.stat().st_mode & 0o777 for path in (tmp_path / "filter.d").iterdir()}
    assert (modes, filters) == ({"django-security.conf": 0o600}, {0o644})


def test_explain_a_file(tmp_path: Path) -> None:
    """`explain FILE` says how many lines are counted, and how many are not, and why."""
    log = tmp_path / "security.log"
    log.write_text(f"{render(EVENT)}\n{render(EVENT)}\n{render(EVENT)[:85]}\nhello\n")
    assert output("explain", str(log)).splitlines() == [
        "       2  login_failed: Counted in mode normal, admin, aggressive.",
        "       1  Counted, although the line is cut.",
        "       1  Not counted: no line of ours.",
    ]


def test_explain_an_empty_file(tmp_path: Path) -> None:
    """An empty file is said to be empty."""
    (tmp_path / "security.log").touch()
    assert output("explain", str(tmp_path / "security.log")) == "The file is empty.\n"


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[2Jhello",  # clears the screen
        "\u202ehello",  # reverses what follows
        "a\nb ip=203.0.113.7",
        "hello\0",
        "x" * 10_000,  # longer than any file name
        '{"a":' + "[" * 100_000,  # deeper than Python reads
        f"{render(EVENT)[:70].replace('2001:db8::7', '1.2.3.4.5')} ",
    ],
)
def test_explain_hostile_line(line: str) -> None:
    """Whatever the line is, it is explained in one printable line, and not counted."""
    said = output("explain", line)
    assert (said.startswith("Not counted: "), said.count("\n"), said.replace("\n", "").isprintable()) == (True, 1, True)


def answers(tmp_path: Path, banned: str) -> str:
    """Return a client whose jail django-auth has banned this, and which writes down what it is told to change."""
    (tmp_path / "banned").write_text(f"Currently banned: many\nBanned IP list: {banned}\n")
    jails = 'printf "Jail list:\\tdjango-auth, sshd\\n"'
    script = f'status) {jails};;\n"status django-auth") cat {tmp_path}/banned;;\nset*) echo "$*" >> {tmp_path}/calls;;'
    return fake_client(tmp_path, script)


@pytest.mark.parametrize("address", ["--all", "203.0.113.7; reboot", "203.0.113.7 198.51.100.1", "", "localhost", "/0"])
def test_unban_what_is_no_address(tmp_path: Path, address: str) -> None:
    """What is no address never reaches Fail2ban."""
    client = fake_client(tmp_path, f"*) touch {tmp_path}/called;;")
    with pytest.raises(CommandError, match="is neither an address nor a network"):
        output("--client", client, "unban", "--", address)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("address", "lifted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::/64"),  # key=net has banned its network
        ("2001:db8::/64", "2001:db8::/64"),
    ],
)
def test_unban(tmp_path: Path, address: str, lifted: str) -> None:
    """`unban` lifts the ban of an address however it is written, and that of a network which holds it."""
    said = output("--client", answers(tmp_path, "203.0.113.7 2001:db8::/64 odd\x1b[2J"), "unban", address)
    calls = (tmp_path / "calls").read_text()
    assert (said, calls) == (f"{lifted} was lifted in django-auth.\n", f"set django-auth unbanip {lifted}\n")


def test_status_of_an_odd_server(tmp_path: Path) -> None:
    """A ban by hand of any text, and a number that is none, do not disturb the table."""
    said = output("--client", answers(tmp_path, "odd\x1b[2J"), "status")
    assert (r"odd\x1b[2J" in said, "\x1b" in said) == (True, False)


@pytest.mark.parametrize("words", [["status"], ["unban", "203.0.113.7"]])
def test_not_allowed(tmp_path: Path, words: list[str]) -> None:
    """Who may not ask Fail2ban is told who may."""
    script = '*) echo "2026 fail2ban [1]: ERROR   Permission denied to socket: /s, (you must be root)" >&2; exit 255;;'
    with pytest.raises(
        CommandError, match=r"^Permission denied to socket: /s, \(you must be root\): run this as root$"
    ):
        output("--client", fake_client(tmp_path, script), *words)


def test_client_that_cannot_be_run(tmp_path: Path) -> None:
    """A client that is no program is named."""
    with pytest.raises(CommandError, match="cannot be run: Permission denied"):
        output("--client", str(tmp_path), "status")


@pytest.mark.parametrize(
    "words",
    [
        ["--log", "security.log"],
        ["--log", "/srv/a b.log"],
        ["--log", "/srv/%(x)s.log"],
        ["--log", "/srv/x\n[sshd]\nenabled = false"],
        ["--set", "region"],
        ["--set", "region=x]"],
        ["--set", "a b=c"],
    ],
)
def test_options_that_fail2ban_would_misread(words: list[str]) -> None:
    """What would mean something else in Fail2ban's files is refused."""
    with pytest.raises(CommandError, match=r"^--(log|set) "):
        output("render", *words)


def test_render_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A directory that cannot be is named, without a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="Not a directory"):
        output("render", str(tmp_path / "file" / "x"))


@pytest.mark.parametrize(("word", "has_examples"), [("install", True), ("check", True), ("status", False)])
def test_help(word: str, has_examples: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The command's help has examples of every kind, and so has that of the two which are run at night."""
    said = []
    for words in ([], [word]):
        with pytest.raises(SystemExit):
            Command().create_parser("manage.py", "security_fail2ban").parse_args([*words, "--help"])
        said.append(capsys.readouterr().out)
    assert (f"security_fail2ban {word}" in said[0], "examples:\n" in said[1]) == (True, has_examples)
