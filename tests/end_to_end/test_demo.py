"""The demo: a real attack on the example site is logged, found and stopped, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
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


def start_demo(*words: str, project: Path = EXAMPLE) -> subprocess.Popen[str]:
    """Start Python with these words in the demo's directory, without a terminal."""
    require_fail2ban()
    require_nginx()
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, *words], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, encoding="utf-8",
    )  # fmt: skip


# Play the story with the named steps alone, or all of it.
SOME_STEPS = """
import sys, demo
wanted = sys.argv.pop(1).split(",")
demo.STORY = [step for step in demo.STORY if step.name in wanted]
raise SystemExit(demo.main())
"""


def told_until(demo: subprocess.Popen[str], text: str) -> str:
    """Read the story that the demo tells on standard error up to the line with the text."""
    assert demo.stderr
    story = ""
    late = threading.Timer(SECONDS, demo.kill)
    late.start()
    for line in demo.stderr:
        story += line
        if text in line:
            break
    late.cancel()
    assert text in story, story
    return story


def interrupted_at(text: str, number: signal.Signals, steps: str) -> tuple[int, Summary]:
    """Signal the demo, of which these steps are played, when its story says `text`; return exit status and summary."""
    with start_demo("-c", SOME_STEPS, steps, "--json") as demo:
        told_until(demo, text)
        demo.send_signal(number)
        output, _story = demo.communicate(timeout=SECONDS)
    return demo.returncode, json.loads(output)


def left_by(summary: Summary) -> tuple[list[str], bool]:
    """Return the processes of a run that still live, and whether its directory is still there."""
    directory = summary["run_directory"]
    return processes_of_run(directory), bool(directory) and Path(directory).exists()


def processes_of_run(directory: str) -> list[str]:
    """Return the processes that have the run directory in their command line or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if directory and directory.encode() in told:
                found.append(told.decode(errors="replace"))
    return found


@dataclass(frozen=True)
class Played:
    """What came of a run of the whole demo."""

    status: int
    summary: Summary
    story: str
    page: str


@pytest.fixture(scope="module")
def demo() -> Played:
    """
    Run the whole demo once, with --keep.

    While the site is kept, visit it; then press Ctrl-C, and once more when the demo is cleaning up.
    """
    with start_demo("demo.py", "--json", "--keep") as demo:
        story = told_until(demo, "Ctrl-C ends")
        door = re.search(r"http://localhost:\d+/", story)
        page = subprocess.run(["curl", "-s", door[0] if door else ""], capture_output=True, text=True, check=False)
        demo.send_signal(signal.SIGINT)
        story += told_until(demo, "Everything is cleaned up")
        demo.send_signal(signal.SIGINT)
        output, rest = demo.communicate(timeout=SECONDS)
    return Played(demo.returncode, json.loads(output), story + rest, page.stdout)


def test_exit_status_says_that_all_went_well(demo: Played) -> None:
    """The exit status is 0 when each step happened, also when Ctrl-C has ended a site that was kept."""
    assert (demo.status, demo.summary["ok"]) == (0, True), demo.story


@pytest.mark.parametrize("name", [step.name for step in (*STORY, CLEAN_UP)])
def test_step_happens(demo: Played, name: str) -> None:
    """Each step was played, and everything that was looked at was as expected."""
    step = next(step for step in demo.summary["steps"] if step["name"] == name)
    wrong = [finding for finding in step["findings"] if not finding["ok"]]
    assert (step["reached"], wrong) == (True, [])


def test_kept_site_answers(demo: Played) -> None:
    """With --keep the site answers browsers after the story."""
    assert "A quiet place" in demo.page


def test_second_interrupt_leaves_nothing_behind(demo: Played) -> None:
    """A signal while the demo cleans up does not keep it from that."""
    assert left_by(demo.summary) == ([], False)


def test_story_shows_the_lines_of_the_log(demo: Played) -> None:
    """The story shows the attempts with the address that made them."""
    assert len(re.findall(r"\u2502 \S+ login_failed +203\.0\.113\.66 +admin bad_credentials", demo.story)) == 5


@pytest.mark.parametrize(("event", "count"), [("login_failed", 5), ("banned", 2), ("unbanned", 2)])
def test_story_ends_in_cloudwatch(demo: Played, event: str, count: int) -> None:
    """The stream in CloudWatch and the answer to the query both show the attack, the bans and their end."""
    _before, tail, query = re.split(r"manage\.py security_cloudwatch (?:tail --once|query timeline)", demo.story)
    line = re.compile(rf" {event} +203\.0\.113\.66 ")
    assert (len(line.findall(tail)), len(line.findall(query))) == (count, count)


def test_demo_ends_with_the_report_of_a_drill(demo: Played) -> None:
    """The last thing that is played is a rehearsed drill, and its report is printed."""
    last = [step["name"] for step in demo.summary["steps"]][-2:]
    assert (last, len(re.findall(r"^ *# Incident drill drill-\w+: passed$", demo.story, re.MULTILINE))) == (
        ["drill", "clean_up"],
        1,
    )


def test_missing_moto_is_said() -> None:
    """Without a CloudWatch of its own the demo says so, asks no other, and ends well all the same."""
    without = "import demonstration.cloudwatch as c; c.NEEDED = ('no_such_package',)"
    with start_demo("-c", without + SOME_STEPS, "stage,cloudwatch") as demo:
        story, _errors = demo.communicate(timeout=SECONDS)
    assert (demo.returncode, "CloudWatch: left out, no_such_package not installed" in story) == (0, True)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (r"│ \S+ login_failed +203\.0\.113\.77 +admin csrf", 5),
        (r"│ \S+ login_failed +203\.0\.113\.88 +admin not_staff", 1),
        (r"│ \S+ permission_denied +203\.0\.113\.88 +admin not_staff", 1),
    ],
    ids=["tool without CSRF token", "user who is not staff", "page for the staff"],
)
def test_story_shows_what_no_signal_tells(demo: Played, line: str, count: int) -> None:
    """The story shows the attempts of which Django sends no signal."""
    assert len(re.findall(line, demo.story)) == count


def test_story_cannot_steer_the_terminal(demo: Played) -> None:
    """The escape sequences of a hostile user name do not reach the terminal."""
    assert "\x1b" not in demo.story


@pytest.mark.parametrize(
    ("text", "number", "steps"),
    [
        ("The stage is set", signal.SIGTERM, "stage"),
        ("gunicorn (pid", signal.SIGHUP, "stage"),
        ("attempt 2", signal.SIGINT, "stage,attack"),
        ("security_drill --rehearse", signal.SIGTERM, "stage,drill"),
    ],
)
def test_interrupted_demo(text: str, number: signal.Signals, steps: str) -> None:
    """Whenever the demo is ended, its status is that of Ctrl-C, and no process and no directory of it remains."""
    status, summary = interrupted_at(text, number, steps)
    assert (status, summary["interrupted"], summary["ok"], left_by(summary)) == (130, True, False, ([], False))


def test_demo_notices_a_proxy_that_lets_clients_lie() -> None:
    """With an nginx that passes a forged header on as it is, the demo fails: the visitor would be blamed."""
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        project = Path(directory) / "example_project"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("data", "__pycache__"))
        shutil.copytree(ROOT / "fail2ban", Path(directory) / "fail2ban")
        config = project / "deploy" / "harbour_site.conf"
        config.write_text(config.read_text().replace("$proxy_add_x_forwarded_for", "$http_x_forwarded_for"))
        with start_demo("demo.py", "--json", project=project) as demo:
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
