"""Failed logins are shared between processes by real caches, and no login waits for one or fails with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_servers import memcached_cache, postgresql, redis_cache
from waiting import wait_until

pytestmark = [pytest.mark.end_to_end]
SCRIPT = Path(__file__).parents[1] / "failing_logins.py"


class Worker:
    """A process of the site."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, line: str) -> str:
        """Have it do what the line says, and return what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def login(self, name: str, address: str) -> int:
        """Return how many failures it knows of."""
        return int(self.do(f"login {name} {address}"))


@contextmanager
def workers(number: int, cache: dict[str, Any], database: dict[str, Any] | None = None) -> Iterator[list[Worker]]:
    """Run so many processes with that cache."""
    settings: dict[str, Any] = {"CACHES": {"default": cache}, "DATABASES": {"default": database} if database else {}}
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"FAILING_LOGINS": json.dumps(settings), "PYTHONWARNINGS": "ignore"}
    with ExitStack() as stack:
        made = []
        for _ in range(number):
            command = [sys.executable, str(SCRIPT)]
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
            )
            stack.callback(process.kill)
            made.append(Worker(process))
        for worker in made:
            assert worker.do("start") == "started"
        yield made


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run PostgreSQL with the table of a DatabaseCache."""
    with postgresql(tmp_path_factory.mktemp("database")) as found:
        _run_command(found, "createcachetable")
        yield found


@pytest.fixture(params=["redis", "memcached", "database", "files"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Run a cache that several processes share; return it with the database it needs."""
    match request.param:
        case "redis":
            with redis_cache(tmp_path) as (found, _):
                yield found, None
        case "memcached":
            with memcached_cache(tmp_path) as found:
                yield found, None
        case "database":
            # The table is that of all tests; what another test has counted must not be found.
            yield {**TABLE, "KEY_PREFIX": tmp_path.name}, request.getfixturevalue("database")
        case _:
            yield {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path)}, None


TABLE = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}


def _run_command(database: dict[str, Any], *command: str) -> None:
    code = (
        "import django, json, os\nfrom django.conf import settings\nfrom django.core.management import call_command\n"
        "settings.configure(**json.loads(os.environ['SETTINGS']))\ndjango.setup()\ncall_command(*os.environ['RUN'].split())"
    )
    settings = {"CACHES": {"default": TABLE}, "DATABASES": {"default": database}, "INSTALLED_APPS": []}
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"SETTINGS": json.dumps(settings), "RUN": " ".join(command)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


def test_four_workers(cache: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    """Three failures on three workers are known to the fourth; the login forgets them everywhere."""
    with workers(4, *cache) as (first, second, third, fourth):
        for worker, address in ((first, "192.0.2.1"), (second, "192.0.2.2"), (third, "192.0.2.3")):
            worker.do(f"fail alice {address}")
        # Asked for a name that nobody has: asking for alice would be her login.
        addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
        assert wait_until(lambda: [fourth.login("nobody", address) for address in addresses] == [1, 1, 1])
        assert fourth.login("alice", "198.51.100.1") == 3
        first.do("fail carol 192.0.2.9")
        assert wait_until(lambda: second.login("nobody", "192.0.2.9") == 1)
        assert second.login("alice", "198.51.100.1") in (0, 3)  # the login may be on its way
        assert wait_until(lambda: third.login("alice", "198.51.100.1") == 0)


def test_worker_that_starts_later(cache: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    """A worker that has just started learns what was counted before."""
    with workers(1, *cache) as (first,):
        for _ in range(5):
            first.do("fail alice 192.0.2.1")
        first.do("fail bob 192.0.2.8")
        with workers(1, *cache) as (later,):
            assert wait_until(lambda: later.login("nobody", "192.0.2.8") == 1)
            assert later.login("alice", "198.51.100.1") == 5


def test_cache_that_does_not_answer(tmp_path: Path) -> None:
    """While the cache hangs, which Redis' client waits for without end, the process knows its own failures."""
    with redis_cache(tmp_path) as (cache, server), workers(2, cache) as (first, second):
        first.do("fail bob 192.0.2.1")
        assert wait_until(lambda: second.login("nobody", "192.0.2.1") == 1)
        server.send_signal(signal.SIGSTOP)
        for _ in range(3):
            assert first.do("fail alice 192.0.2.7") == "failed"
        assert first.login("nobody", "192.0.2.7") == 3
        server.send_signal(signal.SIGCONT)
        assert wait_until(lambda: second.login("nobody", "192.0.2.7") == 3)


def test_cache_that_is_away(tmp_path: Path) -> None:
    """Without a cache each process knows its own failures."""
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"unix://{tmp_path}/none.sock"}
    with workers(1, cache) as (worker,):
        for _ in range(3):
            worker.do("fail alice 192.0.2.7")
        assert worker.login("alice", "198.51.100.1") == 3
