"""`manage.py security_drill`: a rehearsal with the real Fail2ban, and what the command refuses."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from documented import blocks
from patient import healthy
from requires import require_fail2ban
from security_logging.fail2ban.client import Client, ClientError
from security_logging.log_filters import drill_id
from security_logging.operations.drill import private_fail2ban
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.login_client import Answer, Attempt
from security_logging.operations.drill.perform import perform
from security_logging.operations.drill.plan import make_plan
from security_logging.operations.drill.rehearsal import rehearsal
from working_drill import LOGIN, result_of, states, working_drill

Report = dict[str, Any]


def run(*arguments: object) -> tuple[int, str]:
    """Run the command; return its exit status and what it prints."""
    out = io.StringIO()
    try:
        call_command("security_drill", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    raise AssertionError("the command always says how it ended")


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> tuple[int, Report, Path]:
    """Rehearse once, with the real Fail2ban; return the exit status, the report and where it was written."""
    require_fail2ban()
    path = tmp_path_factory.mktemp("drill") / "report"
    with django_db_blocker.unblock():
        status, text = run("--rehearse", "--strict", "--json", "--report", path)
    return status, json.loads(text), path


@pytest.mark.real_fail2ban
def test_shown_report(rehearsed: tuple[int, Report, Path]) -> None:
    """docs/operations.md shows lines of this report, except for the times."""
    shown, real = (
        re.sub(r"\d+\.\d+", "n", text).splitlines()
        for text in (blocks("operations.md", "")[3], rehearsed[2].with_suffix(".md").read_text())
    )
    assert ([line for line in shown if line not in real], len(shown)) == ([], 14)


@pytest.mark.real_fail2ban
def test_rehearsal_passes(rehearsed: tuple[int, Report, Path]) -> None:
    """Every step passes."""
    status, report, _path = rehearsed
    failed = {result["name"]: result for result in report["results"] if result["state"] != "passed"}
    assert (status, failed) == (0, {})


@pytest.mark.real_fail2ban
def test_rehearsal_is_timed(rehearsed: tuple[int, Report, Path]) -> None:
    """The times are measured, and within their targets."""
    _status, report, _path = rehearsed
    assert report["times"].keys() == {"log", "detect", "ban", "alert"}
    assert [name for name, seconds in report["times"].items() if seconds > report["targets"][name]] == []


@pytest.mark.real_fail2ban
def test_rehearsal_bans_both_families(rehearsed: tuple[int, Report, Path]) -> None:
    """The attacker of each family is banned: in the jail, in the action's own store, and in the log."""
    _status, report, _path = rehearsed
    seen = {item["what"]: item["seen"] for r in report["results"] if r["name"] == "banned" for item in r["evidence"]}
    attackers = sorted(report["addresses"][:2])
    names = ("the drill's addresses that are banned", "stored by the action", "events banned in the log")
    assert [sorted(seen[name]) for name in names] == [attackers] * 3


@pytest.mark.real_fail2ban
def test_rehearsal_searches_everywhere(rehearsed: tuple[int, Report, Path]) -> None:
    """The secret is looked for in the logs, in what Fail2ban keeps, and at the stubs, none of which is empty."""
    _status, report, _path = rehearsed
    places = [item["what"] for r in report["results"] if r["name"] == "secrets" for item in r["evidence"]]
    wanted = ("security.log (", "security.json (", "fail2ban.log (", "fail2ban.sqlite3 (", "remote sink (", "alerts (")
    assert [name for name in wanted if not any(name in place and "(0 bytes" not in place for place in places)] == []


@pytest.mark.real_fail2ban
def test_rehearsal_leaves_nothing(rehearsed: tuple[int, Report, Path]) -> None:
    """No directory, no process and no handler is left."""
    _status, report, _path = rehearsed
    place = next(item["what"] for r in report["results"] if r["name"] == "secrets" for item in r["evidence"])
    directory = place.partition(" in ")[2].partition("/log/")[0]
    processes = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert (Path(directory).exists(), directory in processes) == (False, False)
    assert not [handler for handler in logging.getLogger("security").handlers if "drill" in str(vars(handler))]
    assert drill_id.get() == ""


@pytest.mark.real_fail2ban
def test_reports_are_written(rehearsed: tuple[int, Report, Path]) -> None:
    """The report is kept in both forms."""
    _status, report, path = rehearsed
    title = path.with_suffix(".md").read_text().splitlines()[0]
    assert title == f"# Incident drill {report['drill_id']}: passed"
    assert json.loads(path.with_suffix(".json").read_text()) == report


@pytest.mark.django_db
def test_rehearsal_without_fail2ban(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Fail2ban the rest is rehearsed; if strict, that is not enough."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    status, text = run("--rehearse", "--strict")
    assert (status, "Fail2ban is not installed here" in text) == (1, True)


@pytest.mark.django_db
@pytest.mark.parametrize(("said", "reason"), [("bad jail\n", "bad jail"), ("", "it prints nothing")])
def test_fail2ban_that_does_not_start(monkeypatch: pytest.MonkeyPatch, said: str, reason: str) -> None:
    """A Fail2ban that does not start is a reason to skip, and is ended."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(["sh", "-c", f"printf '{said}'; exec sleep 60"], **options))
        return started[0]

    def refuse(client: Client, *words: str) -> str:
        raise ClientError("no server")

    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/fail2ban-client")
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(Client, "run", refuse)
    monkeypatch.setattr(private_fail2ban, "_START_SECONDS", 0.3)
    monkeypatch.setattr(private_fail2ban, "_STOP_SECONDS", 0.1)
    with rehearsal(make_plan(), LOGIN) as rehearsed_scene:
        detector = rehearsed_scene.detector
    assert (detector, started[0].poll()) == (f"Fail2ban does not start: {reason}", -9)


@pytest.mark.django_db
def test_fail2ban_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is missing leaves nothing behind."""

    def start(command: list[str], **options: Any) -> None:
        raise FileNotFoundError("fail2ban-server")

    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/fail2ban-client")
    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(FileNotFoundError), rehearsal(make_plan(), LOGIN):
        pass


def test_place_of_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of Fail2ban's socket fits, however long TMPDIR is."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: f"/var/{'x' * 80}")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with rehearsal(make_plan(), LOGIN) as drill:
        assert len(f"{drill.log.path.parents[1]}/fail2ban.sock") < 108


@pytest.mark.django_db
def test_live_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live drill without a Fail2ban that answers proves the log, and its status is that of unknown."""
    with healthy(tmp_path, monkeypatch) as patient:
        status, text = run("--live", "--client", "false", "--target-log", 5)
        failures = re.findall(r"^\S+ \S+ login_failed ", patient.log.read_text(), re.MULTILINE)
    assert (status, len(failures), "live, in process, /admin/login/" in text) == (2, 8, True), text
    assert "\n## Detected: skipped\n\nFail2ban cannot be asked (it prints nothing).\n\n## Banned" in text


@pytest.mark.django_db
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """A drill that is told to end cleans up first, and leaves the signals as they were."""
    before = signal.getsignal(number)
    real = InProcess.log_in

    def end(way: InProcess, attempt: Attempt) -> Answer:
        os.kill(os.getpid(), number)
        return real(way, attempt)

    monkeypatch.setattr(InProcess, "log_in", end)
    with healthy(tmp_path, monkeypatch) as patient:
        with pytest.raises(SystemExit) as ended:
            call_command("security_drill", "--live", "--client", "false")
        assert (ended.value.code, "step=clean_up" in patient.log.read_text()) == (128 + number, True)
    assert signal.getsignal(number) is before


def test_outside_of_the_main_thread() -> None:
    """In another thread, where signals cannot be handled, they are left alone."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(CommandError, match="no log file that exists"):
        pool.submit(run, "--live").result()


@pytest.mark.django_db
def test_live_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer ends the drill after one attempt."""
    with healthy(tmp_path, monkeypatch):
        status, text = run("--live", "--url", "http://127.0.0.1:9/admin/login/", "--target-log", 0.1)
    assert (status, "no failed login arrived" in text) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "one of the arguments --rehearse --live is required"),
        (["--rehearse", "--url", "http://127.0.0.1/admin/login/"], "leave out --url"),
        (["--live", "--url", "http://shop.example.com/admin/login/"], "add --allow-host shop.example.com"),
        (["--live", "--url", "ftp://127.0.0.1/admin/login/"], "must begin with http://"),
        (["--live", "--url", "https://127.0.0.1/admin/login/", "--proxy-protocol"], "works with http:// only"),
        (["--live", "--path", "/nothing/"], "/nothing/ leads to no view"),
        (["--live"], "no log file that exists"),
        (["--rehearse", "--report", "/nonexistent/drill"], "directory of --report /nonexistent/drill does not exist"),
    ],
)
def test_refused(arguments: list[str], problem: str) -> None:
    """What could do harm or makes no sense is refused before anything happens, with the status of what is unknown."""
    with pytest.raises(CommandError, match=problem) as refused:
        run(*arguments)
    assert refused.value.returncode == (1 if "required" in problem else 2)


def test_host_that_is_allowed() -> None:
    """A host of your own may be named: the drill then ends only because there is no log here."""
    url = "https://shop.example.com/admin/login/"
    with pytest.raises(CommandError, match="no log file that exists"):
        run("--live", "--url", url, "--allow-host", "shop.example.com")


@pytest.mark.django_db
def test_secret_is_found_wherever_it_is(tmp_path: Path) -> None:
    """The search for the secret can fail: it finds one in the last sink."""
    with working_drill(tmp_path) as played:
        played.secret_places = lambda: {"a": b"", "b": played.plan.secret.encode()}
        outcome = perform(played, "live")
    assert ([item.ok for item in result_of(outcome, "secrets").evidence], states(outcome)["lifted"]) == (
        [True, True, True, False],
        "passed",
    )
