"""`manage.py security_events`: what it shows, and what it says when it cannot."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from patient import healthy
from written_log import START, event, write

NEXT_DAY = START + timedelta(days=1)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log with an attack, an honest login and a line that is not ours."""
    return write(
        tmp_path / "security.log",
        event(ip="203.0.113.7", surface="admin", reason="bad_credentials", user="alice"),
        "not ours",
        event("login", time=NEXT_DAY, ip="198.51.100.23", surface="site", user="maren"),
    )


def run(*arguments: object, **options: object) -> tuple[str, str]:
    """Return what the command writes to standard output and to standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command("security_events", *map(str, arguments), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_shown(log: Path) -> None:
    """Events are shown in columns, with a line for each day; what is skipped is counted."""
    output, errors = run("--file", log)
    assert errors == "1 lines without an event, 0 of them of other loggers\n"
    assert output.splitlines() == [
        "2026-08-01 (UTC)",
        "12:00:00 login_failed   203.0.113.7     admin bad_credentials user=alice",
        "2026-08-02 (UTC)",
        "12:00:00 login          198.51.100.23   site user=maren",
    ]


@pytest.mark.parametrize(
    ("arguments", "users"),
    [
        (["--event", "login"], ["maren"]),
        (["--event", "login", "--event", "login_failed"], ["alice", "maren"]),
        (["--event", "auth.*"], ["alice", "maren"]),
        (["--address", "203.0.113.0/24"], ["alice"]),
        (["--user", "maren"], ["maren"]),
        (["--surface", "admin"], ["alice"]),
        (["--since", "2026-08-02"], ["maren"]),
        (["--counted"], ["alice"]),
        (["--counted", "--user", "maren"], []),
    ],
)
def test_json_of_what_is_asked_for(log: Path, arguments: list[str], users: list[str]) -> None:
    """With --json each event that was asked for is one line of ECS."""
    output, _errors = run("--file", log, "--json", *arguments)
    assert [json.loads(line)["user"]["name"] for line in output.splitlines()] == users


def test_two_events_of_a_day(tmp_path: Path) -> None:
    """The day is written once."""
    path = write(tmp_path / "security.log", event(user="alice"), event(user="bob"))
    assert run("--file", path)[0].count("(UTC)") == 1


def test_summary(log: Path) -> None:
    """The summary lists events, addresses and users with their counts."""
    output, _errors = run("--file", log, "--summary")
    assert output == (
        "2 events from 2026-08-01 12:00 to 2026-08-02 12:00 UTC\n"
        "\nevents\n       1  login\n       1  login_failed\n"
        "\naddresses\n       1  198.51.100.23\n       1  203.0.113.7\n"
        "\nusers\n       1  alice\n       1  maren\n"
    )


def test_summary_of_nothing(tmp_path: Path) -> None:
    """Of an empty log there is nothing to sum up."""
    output, _errors = run("--file", write(tmp_path / "empty.log"), "--summary")
    assert output.splitlines()[0] == "0 events"


def test_summary_in_json(log: Path) -> None:
    """The summary as JSON has the same numbers."""
    output, _errors = run("--file", log, "--summary", "--json", "--top", "1")
    assert json.loads(output) == {
        "total": 2,
        "first": "2026-08-01T12:00:00+00:00",
        "last": "2026-08-02T12:00:00+00:00",
        "events": {"login": 1},
        "addresses": {"198.51.100.23": 1},
        "users": {"alice": 1},
    }


def test_hostile_user_in_the_summary(tmp_path: Path) -> None:
    """A user name cannot steer the terminal that shows the summary."""
    path = write(tmp_path / "security.log", event(user="\x1b[2Jroot"))
    assert "\n       1  \\u001b[2Jroot\n" in run("--file", path, "--summary")[0]


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, False),
        ({"force_color": True}, {}, True),
        ({"no_color": True}, {"FORCE_COLOR": "1"}, False),
        ({}, {"FORCE_COLOR": "1"}, True),
        ({}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_color(
    log: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], environment: dict[str, str], *, expected: bool
) -> None:
    """A pipe is coloured when it is asked for, by an option or the environment."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in run("--file", log, **options)[0]) is expected


def test_follow_until_interrupted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--follow shows what comes and nothing of the past, and Ctrl-C is no error."""

    def sleep(seconds: float) -> None:
        if log.stat().st_size > size:
            raise KeyboardInterrupt
        write(log, event(user="eve"))

    size = log.stat().st_size
    monkeypatch.setattr("time.sleep", sleep)
    output, _errors = run("--file", log, "--follow")
    assert ("user=eve" in output, "user=alice" in output) == (True, False)


def test_follow_since(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --since the past comes first."""

    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    assert "user=alice" in run("--file", log, "--follow", "--since", "2026-08-01")[0]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--file", "/nowhere/security.log"], "/nowhere/security.log cannot be read: No such file or directory"),
        ([], "LOGGING writes no file that can be read; name one with --file."),
        (["--follow", "--summary"], "--follow never ends, so it cannot be used with --summary."),
        (["--since", "yesterday"], "argument --since: .*yesterday"),
        (["--event", "logins"], "argument --event: 'logins' is not an event type"),
        (["--address", "10.0.0.0/33"], "argument --address: "),
    ],
)
def test_problem(arguments: list[str], problem: str) -> None:
    """What cannot be done is said."""
    with pytest.raises(CommandError, match=problem):
        run(*arguments)


def test_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --file it reads what LOGGING writes."""
    with healthy(tmp_path, monkeypatch) as patient:
        write(patient.log, event("login", user="maren"))
        assert "user=maren" in run()[0]


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows how to use it, line by line."""
    with pytest.raises(SystemExit):
        call_command("security_events", "--help")
    assert "  manage.py security_events --since 2h      " in capsys.readouterr().out
