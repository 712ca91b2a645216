"""The demo: a real attack on the example site is logged, found and stopped, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from demonstration.processes import PATH
from demonstration.story import CLEAN_UP, STORY
from requires import require_fail2ban, require_nginx, require_program

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "example_project"
SECONDS = 180  # the demo takes ten; a loaded machine is slow

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

Summary = dict[str, Any]


def start_demo(*options: str, project: Path = EXAMPLE) -> subprocess.Popen[str]:
    """Start the demo as a user would, without a terminal."""
    require_fail2ban()
    require_nginx()
    command = [sys.executable, str(project / "demo.py"), *options]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, encoding="utf-8"
    )


@functools.cache
def interrupted_at(text: str, number: signal.Signals) -> tuple[int, Summary, list[str]]:
    """Signal the demo when its story says `text`; return exit status, summary and the processes left behind."""
    with start_demo("--json") as demo:
        assert demo.stderr
        for line in demo.stderr:
            if text in line:
                demo.send_signal(number)
                break
        output, _story = demo.communicate(timeout=SECONDS)
    summary = json.loads(output)
    return demo.returncode, summary, processes_of_run(summary["run_directory"])


def processes_of_run(directory: str) -> list[str]:
    """Return the processes that have the run directory in their command line or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if directory and directory.encode() in told:
                found.append(told.decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def demo() -> tuple[int, Summary, str]:
    """Run the demo once; return its exit status, its summary and the story it told."""
    process = start_demo("--json")
    output, story = process.communicate(timeout=SECONDS)
    return process.returncode, json.loads(output), story


def test_exit_status_says_that_all_went_well(demo: tuple[int, Summary, str]) -> None:
    """The exit status is 0 when each step happened."""
    status, summary, story = demo
    assert (status, summary["ok"]) == (0, True), story


@pytest.mark.parametrize("name", [step.name for step in (*STORY, CLEAN_UP)])
def test_step_happens(demo: tuple[int, Summary, str], name: str) -> None:
    """Each step was played, and everything that was looked at was as expected."""
    _status, summary, _story = demo
    step = next(step for step in summary["steps"] if step["name"] == name)
    wrong = [finding for finding in step["findings"] if not finding["ok"]]
    assert (step["reached"], wrong) == (True, [])


def test_story_is_short(demo: tuple[int, Summary, str]) -> None:
    """Nobody has to wait long: less than a minute, and on a loaded machine less than three."""
    _status, summary, _story = demo
    assert summary["seconds"] < SECONDS


def test_story_shows_the_lines_of_the_log(demo: tuple[int, Summary, str]) -> None:
    """The story shows the attempts with the address that made them."""
    _status, _summary, story = demo
    assert len(re.findall(r"\u2502 \S+ login_failed +203\.0\.113\.66 +admin bad_credentials", story)) == 5


@pytest.mark.parametrize(("event", "count"), [("login_failed", 5), ("banned", 2), ("unbanned", 2)])
def test_story_ends_in_cloudwatch(demo: tuple[int, Summary, str], event: str, count: int) -> None:
    """The stream in CloudWatch and the answer to the query both show the attack, the bans and their end."""
    _status, _summary, story = demo
    _before, tail, query = re.split(r"manage\.py security_cloudwatch (?:tail --once|query timeline)", story)
    line = re.compile(rf" {event} +203\.0\.113\.66 ")
    assert (len(line.findall(tail)), len(line.findall(query))) == (count, count)


def test_demo_ends_with_the_report_of_a_drill(demo: tuple[int, Summary, str]) -> None:
    """The last thing that is played is a rehearsed drill, and its report is printed."""
    _status, summary, story = demo
    last = [step["name"] for step in summary["steps"]][-2:]
    assert (last, len(re.findall(r"^ *# Incident drill drill-\w+: passed$", story, re.MULTILINE))) == (
        ["drill", "clean_up"],
        1,
    )


def test_missing_moto_is_said() -> None:
    """Without a CloudWatch of its own the demo says so, asks no other, and is well all the same."""
    code = (
        "import demo, demonstration.cloudwatch as c; c.NEEDED = ('no_such_package',);"
        "demo.STORY = [step for step in demo.STORY if step.name in ('stage', 'cloudwatch')];"
        "raise SystemExit(demo.main([]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLE, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (result.returncode, "CloudWatch: left out, no_such_package not installed" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (r"│ \S+ login_failed +203\.0\.113\.77 +admin csrf", 5),
        (r"│ \S+ login_failed +203\.0\.113\.88 +admin not_staff", 1),
        (r"│ \S+ permission_denied +203\.0\.113\.88 +admin not_staff", 1),
    ],
    ids=["tool without CSRF token", "user who is not staff", "page for the staff"],
)
def test_story_shows_what_no_signal_tells(demo: tuple[int, Summary, str], line: str, count: int) -> None:
    """The story shows the attempts of which Django sends no signal."""
    _status, _summary, story = demo
    assert len(re.findall(line, story)) == count


def test_story_cannot_steer_the_terminal(demo: tuple[int, Summary, str]) -> None:
    """The escape sequences of a hostile user name do not reach the terminal."""
    _status, _summary, story = demo
    assert "\x1b" not in story


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The stage is set", signal.SIGTERM),
        ("gunicorn (pid", signal.SIGHUP),
        ("attempt 2", signal.SIGINT),
        ("security_drill --rehearse", signal.SIGTERM),
        ("Everything is cleaned up", signal.SIGINT),
    ],
)
def test_interrupted_demo_leaves_nothing_behind(text: str, number: signal.Signals) -> None:
    """Whenever the demo is ended, no process and no directory of it remains."""
    _status, summary, left = interrupted_at(text, number)
    directories = [path for path in (summary["run_directory"],) if path and Path(path).exists()]
    assert (left, directories) == ([], [])


def test_interrupted_demo_says_so() -> None:
    """An interrupted demo has the exit status that a shell gives to Ctrl-C, not that of success."""
    status, summary, _left = interrupted_at("attempt 2", signal.SIGINT)
    assert (status, summary["interrupted"], summary["ok"]) == (130, True, False)


def test_kept_site_runs_until_it_is_interrupted() -> None:
    """With --keep the site answers browsers after the story; Ctrl-C then ends it well."""
    with start_demo("--keep") as demo:
        assert demo.stdout
        story = ""
        for line in demo.stdout:
            story += line
            if "Ctrl-C ends" in line:
                break
        door = re.search(r"http://localhost:\d+/", story)
        page = subprocess.run(["curl", "-s", door[0] if door else ""], capture_output=True, text=True, check=False)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=SECONDS)
    assert ("A quiet place" in page.stdout, demo.returncode) == (True, 0)


def test_demo_notices_a_proxy_that_lets_clients_lie() -> None:
    """With an nginx that passes a forged header on as it is, the demo fails: the visitor would be blamed."""
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        project = Path(directory) / "example_project"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("data", "__pycache__"))
        shutil.copytree(ROOT / "fail2ban", Path(directory) / "fail2ban")
        config = project / "deploy" / "harbour_site.conf"
        config.write_text(config.read_text().replace("$proxy_add_x_forwarded_for", "$http_x_forwarded_for"))
        with start_demo("--json", project=project) as demo:
            summary = json.loads(demo.communicate(timeout=SECONDS)[0])
    failed = next(step["name"] for step in summary["steps"] if not step["ok"])
    assert (demo.returncode, failed) == (1, "honest_login")


def test_missing_nginx_is_said() -> None:
    """Without nginx the demo says what to do and exits with 2."""
    code = "import demo, demonstration.nginx as n; n.PATH = ''; raise SystemExit(demo.main([]))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLE, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (result.returncode, "run `make demo`" in result.stdout) == (2, True)


def run_manage(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py of the example site, with the defaults of its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARBOUR_", "DJANGO_"))}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command,
        cwd=EXAMPLE,
        env={**environment, "HARBOUR_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_settings_pass_the_deployment_checks(tmp_path: Path) -> None:
    """The settings are those of a real deployment: Django's and our checks have nothing to say."""
    result = run_manage(tmp_path, "check", "--deploy", "--fail-level", "DEBUG")
    assert result.stdout + result.stderr == "System check identified no issues (0 silenced).\n"


def test_migrations_are_complete(tmp_path: Path) -> None:
    """The example site needs no migration of its own, and neither do we."""
    assert run_manage(tmp_path, "makemigrations", "--check").stdout == "No changes detected\n"


def test_pages_of_the_site(tmp_path: Path) -> None:
    """The site's own tests pass."""
    result = run_manage(tmp_path, "test", "example")
    assert result.returncode == 0, result.stderr


def test_secret_is_kept_and_private(tmp_path: Path) -> None:
    """The secret is made once, and only its owner may read it."""
    run_manage(tmp_path, "check")
    first = (tmp_path / "secret_key").read_text()
    run_manage(tmp_path, "check")
    assert ((tmp_path / "secret_key").read_text(), (tmp_path / "secret_key").stat().st_mode & 0o777) == (first, 0o600)


def test_nginx_accepts_the_production_configuration(tmp_path: Path) -> None:
    """The nginx files for production are valid; only paths and ports are changed for the test."""
    require_nginx()
    require_program("openssl", "openssl")
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=harbour.example.org"]
    files = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    subprocess.run([*certificate, *files], check=True, capture_output=True, timeout=60)
    (tmp_path / "django-security-deny.conf").write_text("203.0.113.66 1; # django-auth\n")
    shutil.copy(EXAMPLE / "deploy" / "harbour_site.conf", tmp_path)
    text = (EXAMPLE / "deploy" / "harbour_nginx.conf").read_text()
    for ours in ("/etc/nginx", "/etc/letsencrypt/live/harbour.example.org"):
        text = text.replace(ours, str(tmp_path))
    text = re.sub(r"(listen (?:\[::\]:)?)(\d+)", r"\g<1>10\2", text)
    paths = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {paths} {text} }}")
    nginx = shutil.which("nginx", path=PATH) or "nginx"
    result = subprocess.run(
        [nginx, "-t", "-c", str(config), "-g", f"error_log {tmp_path}/error.log;"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
