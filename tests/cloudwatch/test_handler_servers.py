"""The handler inside the servers that run Django: what their workers log arrives, also when they are stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudwatch.fault_endpoint import FaultEndpoint
from cloudwatch.site_process import kept_ids, site_environment, wait_until
from free_port import free_port

pytestmark = pytest.mark.end_to_end

GUNICORN = ["gunicorn", "cloudwatch.web:wsgi", "--workers=2", "--bind=127.0.0.1:{port}", "--log-level=warning"]
SERVERS = {
    "sync": GUNICORN,
    "preload": [*GUNICORN, "--preload"],
    "recycled": [*GUNICORN, "--max-requests=40"],
    "threads": [*GUNICORN, "--worker-class=gthread", "--threads=4"],
    "gevent": [*GUNICORN, "--worker-class=gevent"],
    "uvicorn": ["uvicorn", "cloudwatch.web:asgi", "--workers=2", "--port={port}", "--log-level=warning"],
}
REQUESTS = {"recycled": 120}  # so that both workers are
FEW_REQUESTS = 40
# The exit of a worker takes 3 seconds at most, on a busy machine the servers some more; gunicorn kills after 30.
STOP_SECONDS = 15


@contextmanager
def server(name: str, directory: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the server with two workers and yield it with its URL."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[name])]
    with (directory / "stderr.txt").open("wb") as errors:
        environment = site_environment(directory, url, TEST_INTERVAL="0.5")
        process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
    base = f"http://127.0.0.1:{port}/attempt"
    try:
        assert wait_until(lambda: _answers(base), 20), (directory / "stderr.txt").read_text()
        yield process, base
    finally:
        process.kill()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url + "/nothing", timeout=2)  # noqa: S310  # our own loopback URL
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return False


def attempt(url: str) -> list[str]:
    """Have the site log an event and return its id, and that of the worker."""
    for _ in range(20):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own loopback URL
                return str(answer.read().decode()).split()
        except (ConnectionError, urllib.error.URLError):  # a worker was recycled just then
            time.sleep(0.05)
    raise AssertionError("the site does not answer")


def stop(process: subprocess.Popen[bytes]) -> float:
    """Stop the server as systemd does and return how long that took."""
    begun = time.monotonic()
    process.terminate()
    process.wait(60)
    return time.monotonic() - begun


@pytest.mark.parametrize("name", SERVERS)
def test_server(name: str, tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """Under every server each event arrives before the server has stopped."""
    with server(name, tmp_path, endpoint.url) as (process, url):
        ids, workers = map(set, zip(*(attempt(url) for _ in range(REQUESTS.get(name, FEW_REQUESTS))), strict=True))
        seconds = stop(process)
    assert (ids - set(endpoint.events), seconds < STOP_SECONDS) == (set(), True)
    assert (len(workers) > 2) == (name == "recycled")


@pytest.mark.parametrize("name", ["recycled", "gevent", "uvicorn"])
def test_server_under_a_black_hole(name: str, tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """While CloudWatch swallows everything the site answers, stops in time, and keeps each event."""
    endpoint.mode = "hang"
    with server(name, tmp_path, endpoint.url) as (process, url):
        ids, slowest = set(), 0.0
        for _ in range(REQUESTS.get(name, FEW_REQUESTS)):
            begun = time.monotonic()
            ids.add(attempt(url)[0])
            slowest = max(slowest, time.monotonic() - begun)
        seconds = stop(process)
    assert (ids - set(kept_ids(tmp_path)), seconds < STOP_SECONDS, slowest < 15) == (set(), True, True)


@pytest.mark.parametrize("hook", [True, False])
def test_heartbeats_of_gunicorn(hook: bool, tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """With one line in gunicorn.conf.py each worker sends heartbeats from its start on; without it, not before."""
    configuration = tmp_path / "gunicorn.conf.py"
    line = "from security_logging.logging_config import post_worker_init\n"
    configuration.write_text(line if hook else "")
    port = free_port()
    command = [*GUNICORN, "--preload", f"--config={configuration}"]
    command = [sys.executable, "-m", *(part.format(port=port) for part in command)]
    with (tmp_path / "stderr.txt").open("wb") as errors:
        environment = site_environment(tmp_path, endpoint.url, TEST_INTERVAL="0.1")
        process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
    try:
        came = wait_until(lambda: len(heartbeats(endpoint)) == 2, 20 if hook else 3)
        assert (came, process.pid in heartbeats(endpoint)) == (hook, False), (tmp_path / "stderr.txt").read_text()
        if not hook:
            assert wait_until(lambda: _answers(f"http://127.0.0.1:{port}/attempt"), 20)
            assert wait_until(lambda: heartbeats(endpoint))
    finally:
        stop(process)


def heartbeats(endpoint: FaultEndpoint) -> set[int]:
    """Return the ids of the processes whose heartbeats came."""
    documents = [json.loads(item["message"]) for item in list(endpoint.messages)]
    return {found["process"]["pid"] for found in documents if found["event"]["action"] == "heartbeat"}


def test_celery(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """What the children of a Celery worker log arrives before they end."""
    environment = site_environment(tmp_path, endpoint.url, TEST_INTERVAL="0.5")
    (tmp_path / "cloudwatch" / "queue").mkdir()
    send = "from cloudwatch.tasks import attempt\nfor _ in range(10): attempt.delay()"
    subprocess.run([sys.executable, "-c", send], env=environment, check=True, timeout=60)
    command = [sys.executable, "-m", "celery", "-A", "cloudwatch.tasks", "worker", "--concurrency=2", "--pool=prefork"]
    with (tmp_path / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors, cwd=tmp_path)
    try:
        ids = tmp_path / "ids.txt"
        done = wait_until(lambda: ids.exists() and len(ids.read_text().split()) == 10, 30)
        process.terminate()
        process.wait(30)
    finally:
        process.kill()
    assert done, (tmp_path / "stderr.txt").read_text()
    assert set(ids.read_text().split()) <= set(endpoint.events)
