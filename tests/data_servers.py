"""Redis, memcached and PostgreSQL from the system's packages, each with a directory and a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from requires import require, require_program
from waiting import wait_until

_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def running(command: list[str], ready: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until its socket is there, and end it after the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            if not wait_until(ready.exists):
                raise TimeoutError(f"{command[0]} does not start")
            yield process
        finally:
            process.send_signal(signal.SIGCONT)  # a test may have stopped it
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def redis_cache(directory: Path) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """Run Redis; yield the cache for Django's CACHES, and the process."""
    require_program("redis-server", "redis-server")
    socket = directory / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(directory)]
    with running(["redis-server", *options], socket) as process:
        yield {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"unix://{socket}"}, process


@contextmanager
def memcached_cache(directory: Path) -> Iterator[dict[str, Any]]:
    """Run memcached; yield the cache for Django's CACHES."""
    require_program("memcached", "memcached")
    socket = directory / "memcached.sock"
    with running(["memcached", "-s", str(socket), "-u", "root" if os.geteuid() == 0 else ""], socket):
        yield {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": f"unix:{socket}"}


@contextmanager
def postgresql(directory: Path) -> Iterator[dict[str, Any]]:
    """Make a database cluster below the directory, run it, and yield the entry for Django's DATABASES."""
    require(bool(_POSTGRES), "PostgreSQL is missing: run `make test-packages`, or install Debian's postgresql")
    place, as_user = directory / "postgresql", _unprivileged()
    place.mkdir()
    if as_user:
        shutil.chown(place, "postgres")
        for parent in place.parents[:-1]:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o001)
    tools = _POSTGRES[-1]
    make = ["-D", str(place / "data"), "--no-sync", "--auth=trust", "--username=postgres"]
    subprocess.run([*as_user, str(tools / "initdb"), *make], check=True, capture_output=True, timeout=120, cwd=place)
    options = ["-D", str(place / "data"), "-k", str(place), "-c", "listen_addresses=", "-c", "fsync=off"]
    with running([*as_user, str(tools / "postgres"), *options], place / ".s.PGSQL.5432"):
        database = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"}
        yield {**database, "HOST": str(place), "ATOMIC_REQUESTS": True}


def _unprivileged() -> list[str]:
    """Return what runs a command as the user postgres; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
