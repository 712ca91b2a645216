"""Children that end by os._exit(), which runs neither atexit nor anything else: what they log is not lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudwatch.fault_endpoint import FaultEndpoint
from cloudwatch.faults import faulty_site
from cloudwatch.site_process import SiteProcess, kept_ids, site_environment, unaccounted
from log_server import LogServer
from waiting import wait_until

pytestmark = pytest.mark.end_to_end

TASKS = {1: 16, 5: 30, 10: 40}  # by the number of tasks after which a child is replaced
SEND = "from cloudwatch.tasks import attempt\nfor _ in range({}): attempt.delay()"
WORKER = ["celery", "-A", "cloudwatch.tasks", "worker", "--concurrency=2", "--pool=prefork", "--loglevel=warning"]
ALONE = ["--without-heartbeat", "--without-gossip", "--without-mingle"]
# Milliseconds after the last event until the child ends. docs/cloudwatch.md and docs/logging.md say half a second; what
# a quiet machine needs is measured by `make test-cloudwatch-faults`.
SOON = 500


@pytest.fixture
def log_server() -> Iterator[LogServer]:
    """Yield a log server."""
    running = LogServer()
    yield running
    running.stop()


def run_tasks(directory: Path, per_child: int, **environment: str) -> set[str]:
    """Run tasks that log, by a real worker that replaces its children, and return the ids of the events."""
    (directory / "cloudwatch").mkdir(mode=0o700, exist_ok=True)
    (directory / "cloudwatch" / "queue").mkdir()
    subprocess.run([sys.executable, "-c", SEND.format(TASKS[per_child])], env=environment, check=True, timeout=60)
    command = [sys.executable, "-m", *WORKER, *ALONE, f"--max-tasks-per-child={per_child}"]
    with (directory / "stderr.txt").open("wb") as errors:
        worker = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors, cwd=directory)
    ids = directory / "ids.txt"
    try:
        done = wait_until(lambda: ids.exists() and len(ids.read_text().split()) == TASKS[per_child], 120)
        worker.terminate()
        worker.wait(60)
    finally:
        worker.kill()
        worker.wait(10)
    assert done, (directory / "stderr.txt").read_text()
    return set(ids.read_text().split())


@pytest.mark.parametrize("per_child", TASKS)
def test_celery_to_cloudwatch(per_child: int, tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """However often a Celery worker replaces its children, each event is in CloudWatch or on disk."""
    logged = run_tasks(tmp_path, per_child, **site_environment(tmp_path, endpoint.url, TEST_INTERVAL="1"))
    assert logged - set(endpoint.events) - set(kept_ids(tmp_path)) == set()


@pytest.mark.parametrize("per_child", [5])
def test_celery_to_a_log_server(per_child: int, tmp_path: Path, log_server: LogServer) -> None:
    """The same for a log server over TCP: each event has arrived."""
    options = {"TEST_HANDLER": "syslog", "TEST_SYSLOG": str(log_server.port)}
    logged = run_tasks(tmp_path, per_child, **site_environment(tmp_path, "http://127.0.0.1:9", **options))
    assert wait_until(lambda: logged <= log_server.ids), logged - log_server.ids


@pytest.mark.parametrize("fault", ["ok", "500", "hang"])
def test_fork_to_cloudwatch(fault: str, tmp_path: Path) -> None:
    """What a child logs is on disk half a second later, also while CloudWatch is away, and survives os._exit()."""
    with faulty_site(fault, tmp_path, TEST_INTERVAL="1") as (site, endpoint):
        assert site.ask(f"vanish 4 30 {SOON}") == {"codes": [0] * 4}
        assert (len(site.ids), unaccounted(site, endpoint)) == (120, set())


def test_fork_to_a_log_server(tmp_path: Path, log_server: LogServer) -> None:
    """What a child logs is with the log server half a second later, and survives os._exit()."""
    options = {"TEST_HANDLER": "syslog", "TEST_SYSLOG": str(log_server.port)}
    with SiteProcess(tmp_path, "http://127.0.0.1:9", **options) as site:
        site.ask(f"vanish 4 30 {SOON}")
        assert wait_until(lambda: site.ids <= log_server.ids), len(site.ids - log_server.ids)


@pytest.mark.parametrize("handler", ["guarded", "syslog"])
def test_flush_before_the_end(handler: str, tmp_path: Path, endpoint: FaultEndpoint, log_server: LogServer) -> None:
    """A child that calls flush_queues() may end at once."""
    options = {"TEST_HANDLER": handler, "TEST_SYSLOG": str(log_server.port), "TEST_INTERVAL": "1"}
    with SiteProcess(tmp_path, endpoint.url, **options) as site:
        site.ask("vanish 4 30 0 1")
        assert wait_until(lambda: site.ids <= set(endpoint.events) | set(kept_ids(tmp_path)) | log_server.ids)
