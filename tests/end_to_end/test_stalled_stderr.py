"""A real server whose standard error nobody reads: it answers every login, and the file has each of them."""

from __future__ import annotations

import http.cookiejar
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from free_port import free_port
from security_logging.events.line import parse
from stalled_pipe import stalled_pipe
from waiting import status_of, wait_until

pytestmark = pytest.mark.end_to_end

LOGINS, CLIENTS = 100, 8
SECONDS = 20  # for a start, and for an answer
SETTINGS = 'LOGGING = build_logging("console", "file", directory=os.environ["TEST_DIRECTORY"])'
SERVER_LOG = """
import os
from security_logging.logging_config import gunicorn_logging
logconfig_dict = gunicorn_logging("console", "file", directory=os.environ["TEST_DIRECTORY"])
"""


def test_gunicorn(tmp_path: Path) -> None:
    """With two processes of four threads each and a stalled pipe, a hundred logins are answered and in the file."""
    (tmp_path / "conf.py").write_text(SERVER_LOG)
    port = free_port()
    server = ["gunicorn", "proxied_site.wsgi", "--workers=2", "--threads=4", f"--bind=127.0.0.1:{port}"]
    with stalled_pipe(4096) as pipe:
        command = [sys.executable, "-m", *server, f"--config={tmp_path / 'conf.py'}", "--worker-class=gthread"]
        process = subprocess.Popen(
            command, env=_environment(tmp_path), stderr=pipe.stream, cwd=tmp_path, start_new_session=True
        )
        try:
            answers = _attack(f"http://127.0.0.1:{port}/accounts/login/")
        finally:
            code = _end(process)
        shown = pipe.read()
    assert (answers, code, sorted(_users(tmp_path / "security.log"))) == (
        [200] * LOGINS,
        0,
        sorted(f"user-{number}" for number in range(LOGINS)),
    )
    assert "login_failed" in shown
    assert len(shown) <= 4096


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a worker that hangs


def _attack(url: str) -> list[int]:
    """Try to log in many times at once; return the status of each answer, 0 for none."""
    assert wait_until(lambda: status_of(url) == 200, SECONDS)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(url, timeout=SECONDS) as page:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert found is not None

    hung = threading.Event()

    def log_in(number: int) -> int:
        if hung.is_set():
            return 0
        form = {"username": f"user-{number}", "password": "wrong", "csrfmiddlewaretoken": found[1]}
        try:
            with browser.open(url, urllib.parse.urlencode(form).encode(), timeout=SECONDS) as answer:
                return int(answer.status)
        except OSError:
            hung.set()
            return 0

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(log_in, range(LOGINS)))


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DJANGO_SETTINGS_MODULE": "proxied_site.settings",
        "TEST_DIRECTORY": str(directory),
        "TEST_SETTINGS": SETTINGS,
    }


def _users(log: Path) -> list[str]:
    events = [parse(line) for line in log.read_text().splitlines()]
    return [str(event.fields["user"]) for event in events if event.type.name == "login_failed"]
