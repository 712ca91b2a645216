"""
Profiles and their combinations under gunicorn, uvicorn and Celery: every record once, where it belongs.

Each profile runs alone, and as many combinations more as it takes to see every pair of choices together; with
LONG=1 in the environment all 762 do, in half an hour.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import profile_combinations as combinations
from free_port import free_port
from log_sinks import Found, Sinks, sinks
from profile_combinations import Combination
from waiting import status_of, wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

Wanted = dict[str, tuple[Callable[[], Found], Found]]  # for each profile what reads its end, and what must be there

REQUESTS = 6
ALL = [*combinations.PLAIN, "syslog-tcp"]
COMBINATIONS = combinations.every() if os.environ.get("LONG") else combinations.few()
SERVERS = {
    "gunicorn": ["gunicorn", "profile_site.wsgi", "--workers=2", "--bind=127.0.0.1:{port}", "--config={config}"],
    "uvicorn": ["profile_site.serve", "{port}"],
    "uvicorn command": ["uvicorn", "profile_site.asgi:application", "--port={port}"],
    "daphne command": ["daphne", "-v", "0", "-p", "{port}", "profile_site.asgi:application"],
}
CELERY = ["celery", "-A", "profile_site.tasks"]
WORKER = [*CELERY, "worker", "--concurrency=2", "--pool=prefork"]
WORKER_ALONE = ["--without-heartbeat", "--without-gossip", "--without-mingle"]


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


@contextmanager
def running(command: list[str], variables: dict[str, str], log: Path, *, gently: bool = True) -> Iterator[None]:
    """Run a module of Python's until the block ends, then stop it as systemd does, or kill it with its children."""
    with log.open("wb") as output:
        words = [sys.executable, "-m", *command]
        process = subprocess.Popen(words, env=variables, stdout=output, stderr=output, start_new_session=True)
    try:
        yield
        if gently:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM), log.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def drive(server: str, variables: dict[str, str], log: Path, wanted: Wanted) -> None:
    """Serve the site and ask it for pages, missing ones and its health; stop it when all has arrived."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    words = [part.format(port=port, config="python:profile_site.gunicorn_conf") for part in SERVERS[server]]
    with running(words, variables, log):
        assert wait_until(lambda: status_of(f"{base}/healthz") == 200), log.read_text()
        for number in range(REQUESTS):
            statuses = [status_of(f"{base}/{page}") for page in (f"speak/{number}", f"missing-{number}", "healthz")]
            assert statuses == [200, 404, 200], log.read_text()
        wait_until(lambda: have_all(wanted), every=0.2)


def work(variables: dict[str, str], log: Path, wanted: Wanted, *, gently: bool = False) -> None:
    """Run a Celery worker and give it tasks; stop it when all has arrived: gently that takes it five seconds."""
    (Path(variables["TEST_DIRECTORY"]) / "queue").mkdir()
    send = f"from profile_site.tasks import speak\nfor number in range({REQUESTS}): speak.delay(number)"
    with running([*WORKER, *WORKER_ALONE], variables, log, gently=gently):
        subprocess.run([sys.executable, "-c", send], env=variables, check=True, timeout=60)
        wait_until(lambda: have_all(wanted), every=0.2)


def expected(server: str, streams: str = "functions") -> Found:
    """Return what must arrive at each end: every record once, and no health check."""
    application, accesses = {"functions": ("application", "django"), "split": ("app", "server")}[streams]
    found: Found = Counter()
    for number in range(REQUESTS):
        found["security", f"user-{number}"] += 1
        found[application, f"order-{number}"] += 1
        if server != "celery":
            found["django", f"Not Found: /missing-{number}"] += 1
        if server not in ("celery", "daphne command"):  # daphne's own access log does not go through logging
            found[accesses, f"GET /speak/{number}"] += 1
    return found


def without_streams(found: Found) -> Found:
    """Return the marks alone."""
    marks: Found = Counter()
    for (_, mark), count in found.items():
        marks["", mark] += count
    return marks


def reader(ends: Sinks, profile: str, log: Path) -> Callable[[], Found]:
    """Return what reads the end of a profile."""
    return {
        "console": lambda: ends.console(log.read_text()),
        "file": ends.file,
        "json": ends.json,
        "cloudwatch": ends.cloudwatch_documents,
        "journald": ends.journald,
        "syslog": ends.syslog,
    }[profile.partition("-")[0]]


def at_ends(ends: Sinks, profiles: list[str], log: Path, found: Found) -> Wanted:
    """Return for each profile what reads its end, and what must be there."""
    return {
        profile: (reader(ends, profile, log), without_streams(found) if profile == "console" else found)
        for profile in profiles
    }


def have_all(wanted: Wanted) -> bool:
    """
    Tell whether everything has arrived everywhere.

    Not to be asked all the time: it would keep this process from taking datagrams, of which a socket holds ten.
    """
    return all(read() == found for read, found in wanted.values())


def check(wanted: Wanted, log: Path) -> None:
    """Compare every end with what must be there, and make sure that nothing was complained about."""
    wait_until(lambda: have_all(wanted), 5)
    assert {profile: read() for profile, (read, _found) in wanted.items()} == {
        profile: found for profile, (_read, found) in wanted.items()
    }
    text = log.read_text()
    assert ("Traceback" in text, "security_logging:" in text) == (False, False), text


def test_few_combinations() -> None:
    """The few combinations have every pair of choices that all of them have."""
    of_few, of_all = (
        set().union(*map(combinations.pairs, found)) for found in (combinations.few(), combinations.every())
    )
    assert of_few == of_all


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_combination(tmp_path: Path, combination: Combination) -> None:
    """Each profile and combination gets every record once, in its stream, well formed."""
    server, streams, profiles, log = combination.server, combination.streams, combination.profiles, tmp_path / "log.txt"
    with sinks(tmp_path) as ends:
        variables = environment(tmp_path, ends, profiles, streams=streams)
        wanted = at_ends(ends, profiles, log, expected(server, streams))
        if server == "celery":
            work(variables, log, wanted)
        else:
            drive(server, variables, log, wanted)
        check(wanted, log)


@pytest.mark.parametrize("server", ["uvicorn command", "daphne command"])
def test_command(tmp_path: Path, server: str) -> None:
    """The commands `uvicorn` and `daphne -v 0` need no line at all: LOGGING serves them."""
    log = tmp_path / "log.txt"
    with sinks(tmp_path) as ends:
        wanted = at_ends(ends, ALL, log, expected(server))
        drive(server, environment(tmp_path, ends, ALL), log, wanted)
        check(wanted, log)


def test_exit_of_uvicorn(tmp_path: Path) -> None:
    """What waits for CloudWatch at SIGTERM is sent or kept on disk, although uvicorn raises the signal again."""
    log = tmp_path / "log.txt"
    with sinks(tmp_path) as ends:
        variables = environment(tmp_path, ends, ["cloudwatch"]) | {"TEST_INTERVAL": "3600"}
        drive("uvicorn", variables, log, {})
        kept = "".join(path.read_text() for path in tmp_path.glob("spool-*.jsonl"))
        sent = json.dumps(ends.cloudwatch.received())
    assert [number for number in range(REQUESTS) if f"order-{number}" not in sent + kept] == []


def test_records_of_tasks(tmp_path: Path) -> None:
    """A worker that ends by itself has lost and repeated nothing; its records know their task, and the memory."""
    log = tmp_path / "log.txt"
    with sinks(tmp_path) as ends:
        wanted = at_ends(ends, ALL, log, expected("celery", "split"))
        work(environment(tmp_path, ends, ALL, streams="split"), log, wanted, gently=True)
        check(wanted, log)
    records = [json.loads(line) for line in (tmp_path / "app.json").read_text().splitlines()]
    labels = [record["labels"] for record in records if record["log"]["logger"] == "shop.tasks"]
    known = [(each["task"], each["memory_mb"] > 0, each["available_mb"] > 0, "swap_mb" in each) for each in labels]
    assert known == [("speak", True, True, True)] * REQUESTS
    assert (tmp_path / "system.json").read_text().count("succeeded in") == REQUESTS


def test_beat(tmp_path: Path) -> None:
    """Celery's beat logs as the site does, with its memory on each record and nothing of Celery's own format."""
    log, system = tmp_path / "log.txt", tmp_path / "system.json"
    (tmp_path / "queue").mkdir()
    with sinks(tmp_path) as ends:
        variables = environment(tmp_path, ends, ["json"], streams="split")
        with running([*CELERY, "beat", f"--schedule={tmp_path / 'schedule'}"], variables, log):
            assert wait_until(lambda: system.exists() and "Sending due task" in system.read_text()), log.read_text()
    due = next(json.loads(line) for line in system.read_text().splitlines() if "Sending due task" in line)
    assert (due["log"]["logger"], due["labels"]["stream"], due["labels"]["memory_mb"] > 0) == (
        "celery.beat",
        "system",
        True,
    )
    assert "Sending due task" not in log.read_text()
