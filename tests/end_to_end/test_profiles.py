"""Each profile and their combination under gunicorn, uvicorn and Celery: every record once, where it belongs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from log_sinks import Found, Sinks, sinks

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

REQUESTS = 6
TRANSPORTS = ("udp", "tcp", "unix")
SINGLE = ["console", "file", "json", "cloudwatch", "journald", *(f"syslog-{transport}" for transport in TRANSPORTS)]
ALL = ["console", "file", "json", "cloudwatch", "journald", "syslog-tcp"]
GUNICORN = ["gunicorn", "profile_site.wsgi", "--workers=2", "--bind=127.0.0.1:{port}"]
SERVERS = {
    "gunicorn": [*GUNICORN, "-c", "python:profile_site.gunicorn_conf"],
    "uvicorn": ["profile_site.serve", "{port}"],
}


def environment(directory: Path, ends: Sinks, profiles: list[str], **options: Any) -> dict[str, str]:
    """Return the environment of a site that logs to these ends."""
    transport = next((name.partition("-")[2] for name in profiles if name.startswith("syslog-")), "unix")
    url = {"udp": ends.udp_url, "tcp": ends.tcp_url, "unix": ends.unix_url}[transport]
    chosen = {"directory": str(directory), "site": "shop.example.com", "env": "test", "syslog": url, **options}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV_", "PYTEST"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "DJANGO_SETTINGS_MODULE": "profile_site.settings",
        "TEST_PROFILES": ",".join(name.partition("-")[0] for name in profiles),
        "TEST_OPTIONS": json.dumps(chosen),
        "TEST_JOURNAL": ends.journal_path,
        "TEST_ENDPOINT": ends.cloudwatch.url,
        "TEST_DIRECTORY": str(directory),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until the condition holds, and tell whether it does."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def get(url: str) -> int:
    """Return the status of the page, 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (our own site)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


@contextmanager
def running(command: list[str], variables: dict[str, str], log: Path) -> Iterator[None]:
    """Run a module of Python's until the block ends, then stop it as systemd does."""
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", *command], env=variables, stdout=output, stderr=output)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), log.read_text()
    finally:
        process.kill()
        process.wait(10)


def drive(server: str, variables: dict[str, str], log: Path) -> None:
    """Serve the site and ask it for pages, missing ones and its health."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with running([part.format(port=port) for part in SERVERS[server]], variables, log):
        assert wait_until(lambda: get(f"{base}/healthz") == 200), log.read_text()
        for number in range(REQUESTS):
            statuses = [get(f"{base}/{page}") for page in (f"speak/{number}", f"missing-{number}", "healthz")]
            assert statuses == [200, 404, 200], log.read_text()


def expected(*, is_web: bool = True, application: str = "application") -> Found:
    """Return what must arrive at each end: every record once, and no health check."""
    found: Found = Counter()
    for number in range(REQUESTS):
        found["security", f"user-{number}"] += 1
        found[application, f"order-{number}"] += 1
        if is_web:
            found["django", f"Not Found: /missing-{number}"] += 1
            found["django", f"GET /speak/{number}"] += 1
    return found


def without_streams(found: Found) -> Found:
    """Return the marks alone."""
    marks: Found = Counter()
    for (_, mark), count in found.items():
        marks["", mark] += count
    return marks


def arrived(ends: Sinks, profile: str, log: Path) -> Callable[[], Found]:
    """Return what reads the end of a profile."""
    return {
        "console": lambda: ends.console(log.read_text()),
        "file": ends.file,
        "json": ends.json,
        "cloudwatch": ends.cloudwatch_documents,
        "journald": ends.journald,
        "syslog": ends.syslog,
    }[profile.partition("-")[0]]


def check(ends: Sinks, profiles: list[str], log: Path, wanted: Found) -> None:
    """Compare every end with what must be there, and make sure that nothing was complained about."""
    for profile in profiles:
        read = arrived(ends, profile, log)
        wanted_here = without_streams(wanted) if profile == "console" else wanted
        wait_until(lambda read=read, wanted_here=wanted_here: read() == wanted_here, 5)  # type: ignore[misc]  # mypy 2
        assert read() == wanted_here, profile
    text = log.read_text()
    assert ("Traceback" in text, "security_logging:" in text) == (False, False), text


@pytest.mark.parametrize("profile", SINGLE)
def test_gunicorn(tmp_path: Path, profile: str) -> None:
    """Under gunicorn with two workers each profile gets every record once, in its stream, well formed."""
    with sinks(tmp_path) as ends:
        drive("gunicorn", environment(tmp_path, ends, [profile]), tmp_path / "stderr.txt")
        check(ends, [profile], tmp_path / "stderr.txt", expected())


@pytest.mark.parametrize("server", SERVERS)
def test_all_together(tmp_path: Path, server: str) -> None:
    """All profiles at once do not get into each other's way, under gunicorn as under uvicorn."""
    with sinks(tmp_path) as ends:
        drive(server, environment(tmp_path, ends, ALL), tmp_path / "stderr.txt")
        check(ends, ALL, tmp_path / "stderr.txt", expected())


def test_celery(tmp_path: Path) -> None:
    """A Celery worker with two processes logs as the site does, with task and memory on each record of a task."""
    log = tmp_path / "stderr.txt"
    (tmp_path / "queue").mkdir()
    worker = ["celery", "-A", "profile_site.tasks", "worker", "--concurrency=2", "--without-heartbeat"]
    with sinks(tmp_path) as ends:
        variables = environment(tmp_path, ends, ALL, streams="split")
        send = f"from profile_site.tasks import speak\nfor number in range({REQUESTS}): speak.delay(number)"
        with running([*worker, "--without-gossip", "--without-mingle", "--pool=prefork"], variables, log):
            subprocess.run([sys.executable, "-c", send], env=variables, check=True, timeout=30)
            wanted = expected(is_web=False, application="app")
            assert wait_until(lambda: ends.json() == wanted), log.read_text()
        check(ends, ALL, log, wanted)
    records = [json.loads(line) for line in (tmp_path / "app.json").read_text().splitlines()]
    labels = [record["labels"] for record in records if record["log"]["logger"] == "shop.tasks"]
    known = [(each["task"], each["memory_mb"] > 0, each["available_mb"] > 0, "swap_mb" in each) for each in labels]
    assert known == [("speak", True, True, True)] * REQUESTS
    assert (tmp_path / "system.log").read_text().count("succeeded in") == REQUESTS
