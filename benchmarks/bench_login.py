"""What a failed login costs with us, with a plain logging receiver, and with the neighbours."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.table import Table, spread

HERE = Path(__file__).parent
VARIANTS = {
    "bare": "Django alone",
    "plain": "one `logger.warning` and a FileHandler",
    "ours": "django-security-logging",
    "ours_middleware": "the same with its middleware",
    "axes_cache": "django-axes, cache handler (locmem)",
    "axes_database": "django-axes, database handler",
    "defender": "django-defender (Redis and database)",
    "easyaudit": "django-easy-audit",
}
ROUNDS = 15


class Worker:
    """A process that measures one variant on demand."""

    def __init__(self, variant: str, directory: str, redis: str) -> None:
        """Start it; it is ready when it answers."""
        environment = {**os.environ, "VARIANT": variant, "BENCHMARK_DIRECTORY": directory, "BENCHMARK_REDIS": redis}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "login_worker.py")],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self, kind: str, times: int) -> dict[str, float]:
        """Return what it measured."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{kind} {times}\n")
        self.process.stdin.flush()
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)


def tables() -> Iterator[Table]:
    """Measure and yield the tables: the receiver alone, the whole login, and an ordinary page."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(redis_server(directory))
        chosen = [name for name in VARIANTS if name != "defender" or redis]
        workers = {name: Worker(name, directory, redis) for name in chosen}
        for worker in workers.values():
            stack.callback(worker.stop)
            worker.measure("seen", 20)
        yield receiver_table({name: workers[name] for name in ("bare", "plain", "ours")})
        yield login_table(workers)
        yield page_table(workers["ours_middleware"])


def receiver_table(workers: dict[str, Worker]) -> Table:
    """Return the cost of our receiver as a ratio to the plain receiver's, the signal without receivers deducted."""
    ratios: dict[str, list[float]] = {"seen": [], "unseen": []}
    costs: dict[str, list[float]] = {"plain": [], "seen": [], "unseen": []}
    for _ in range(ROUNDS * 2):
        found = {
            (name, kind): worker.measure(kind, 40)["signal"] for name, worker in workers.items() for kind in ratios
        }
        for kind, collected in ratios.items():
            plain = found["plain", kind] - found["bare", kind]
            cost = found["ours", kind] - found["bare", kind]
            costs["plain"].append(plain)
            costs[kind].append(cost)
            collected.append(cost / plain)
    rows = [["plain receiver", f"{median(costs['plain']):.0f}", "1.00", ""]]
    for kind, title in (("seen", "ours, address seen before"), ("unseen", "ours, address never seen")):
        rows.append([title, f"{median(costs[kind]):.0f}", f"{median(ratios[kind]):.2f}", spread(ratios[kind])])
    return Table("The receiver in a failed login", ["receiver", "median, us", "ratio", "10 % to 90 %"], rows)


def login_table(workers: dict[str, Worker]) -> Table:
    """Return the cost of a whole failed login through the view, as a ratio to Django alone in the same round."""
    ratios: dict[str, list[float]] = {name: [] for name in workers}
    times: dict[str, list[float]] = {name: [] for name in workers}
    queries: dict[str, float] = {}
    for _ in range(ROUNDS):
        found = {name: worker.measure("seen", 40) for name, worker in workers.items()}
        for name, answer in found.items():
            ratios[name].append(answer["request"] / found["bare"]["request"])
            times[name].append(answer["request"])
            queries[name] = answer["queries"]
    rows = [
        [VARIANTS[name], f"{median(times[name]):.0f}", f"{median(ratios[name]):.2f}", spread(ratios[name]),
         f"{queries[name] - queries['bare']:+.0f}"]
        for name in workers
    ]  # fmt: skip
    if "defender" not in workers:
        rows.append([VARIANTS["defender"], "not measured: no redis-server here", "", "", ""])
    return Table(
        "A failed login through the view (MD5 as password hasher, sqlite)",
        ["with", "median, us", "ratio", "10 % to 90 %", "queries"],
        rows,
    )


def page_table(worker: Worker) -> Table:
    """Return the cost that the middleware adds to an ordinary page, in a sync and in an async server."""
    rows = [page_row(worker, "page", "WSGI"), page_row(worker, "async_page", "ASGI, no other middleware")]
    title = "An ordinary page with our middleware"
    return Table(title, ["server", "page, us", "added, us", "ratio", "10 % to 90 %"], rows)


def page_row(worker: Worker, kind: str, title: str) -> list[str]:
    """Return the row of one server: medians over rounds in which pages with and without ours took turns."""
    found = [worker.measure(kind, 200) for _ in range(ROUNDS * 2)]
    ratios = [1 + answer["added"] / answer["without"] for answer in found]
    without, added = (median(answer[name] for answer in found) for name in ("without", "added"))
    return [title, f"{without:.0f}", f"{added:+.1f}", f"{median(ratios):.3f}", spread(ratios, 3)]


@contextmanager
def redis_server(directory: str) -> Iterator[str]:
    """Run a Redis of our own on loopback and yield its address; yield nothing where none is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)
