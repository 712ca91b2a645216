"""A Django process that logs on command: it reads commands from standard input and answers each with a line of JSON."""

from __future__ import annotations

import json
import logging
import logging.config
import os
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def main() -> None:
    """Set Django up and do what standard input says until it ends."""
    import django

    django.setup()
    from security_logging.internal.queue import pauses

    pauses.LONGEST = float(os.environ.get("TEST_PAUSE", "0.3"))
    answer({"started": time.perf_counter() - STARTED, "boto3": "boto3" in sys.modules})
    for line in sys.stdin:
        name, *arguments = line.split()
        if name == "exit":
            break
        answer(COMMANDS[name](*map(int, arguments)))


def log(count: int, per_second: int = 0) -> dict[str, float]:
    """Log events, as fast as it goes or at a rate, and return the seconds that a call took."""
    from security_logging.events.types import LOGIN_FAILED
    from security_logging.logger import log_event

    times, ids = [], []
    begun = time.perf_counter()
    for number in range(count):
        before = time.perf_counter()
        event = log_event(LOGIN_FAILED, ip="203.0.113.7", reason="bad_credentials", user=f"user{number}")
        times.append(time.perf_counter() - before)
        ids.append(event.id if event else "lost")
        if per_second:
            time.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
    with Path(os.environ["TEST_IDS"]).open("a") as file:
        file.write("".join(f"{found}\n" for found in ids))
    times.sort()
    return {"p50": times[count // 2], "p99": times[count * 99 // 100], "max": times[-1]}


def counts() -> dict[str, int]:
    """Return what the handler has counted."""
    return dict(vars(handler().counts))


def flush() -> dict[str, float]:
    """Flush the handler and return how long that took."""
    begun = time.perf_counter()
    handler().flush()
    return {"seconds": time.perf_counter() - begun}


def configure() -> dict[str, float]:
    """Configure logging again and return how long that took."""
    from django.conf import settings

    begun = time.perf_counter()
    logging.config.dictConfig(settings.LOGGING)
    return {"seconds": time.perf_counter() - begun}


def badly() -> dict[str, bool]:
    """Log with arguments that do not fit."""
    logging.raiseExceptions = False
    logging.getLogger("security.auth").warning("user %d failed", "alice")
    return {"raised": False}


def fork(children: int, count: int) -> dict[str, list[int]]:
    """Fork, have each child log events, and return their exit codes."""
    found = []
    for _ in range(children):
        found.append(os.fork())
        if found[-1] == 0:
            log(count)
            sys.exit(0)
    return {"codes": [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in found]}


def vanish(children: int, count: int, milliseconds: int, flush: int = 0) -> dict[str, list[int]]:
    """Fork children that log, go on for that long, and end without any of the steps of an exit; return their codes."""
    found = []
    for _ in range(children):
        found.append(os.fork())
        if found[-1] == 0:
            log(count)
            time.sleep(milliseconds / 1000)
            if flush:
                from security_logging.handlers import flush_queues

                flush_queues()
            os._exit(0)
    return {"codes": [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in found]}


def soon(count: int) -> dict[str, float]:
    """Log events, one after the other, and return the seconds until each was on disk or with the log server."""
    spools, times = Path(os.environ["TEST_DIRECTORY"]), []
    for number in range(count):
        time.sleep(0.01 + number % 17 / 100)  # at any moment of the thread's turn
        begun, found = time.perf_counter(), one()
        while hasattr(handler(), "waiting") and handler().waiting:
            time.sleep(0.0005)
        while not hasattr(handler(), "waiting") and not _is_on_disk(spools, found):
            time.sleep(0.0005)
        times.append(time.perf_counter() - begun)
    times.sort()
    return {"p50": times[count // 2], "p99": times[count * 99 // 100], "max": times[-1]}


def _is_on_disk(spools: Path, event_id: str) -> bool:
    for path in spools.glob("spool-*.jsonl"):
        try:
            if event_id in path.read_text():
                return True
        except FileNotFoundError:  # delivered
            continue
    return False


def starve(seconds: int) -> dict[str, float]:
    """Log the first event while no file and no socket can be opened; that ends after some seconds."""
    import resource
    import threading

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.environ["TEST_IDS"]).open("a") as file:  # while that is possible
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        threading.Timer(seconds, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard))).start()
        file.write(f"{one()}\n")
    return {}


def threadless(seconds: int) -> dict[str, float]:
    """Log the first event while the system starts no thread; that ends after some seconds."""
    import threading

    start, begun = threading.Thread.start, time.monotonic()

    def refuse(thread: threading.Thread) -> None:
        if time.monotonic() - begun < seconds:
            raise RuntimeError("can't start new thread")
        start(thread)

    threading.Thread.start = refuse  # type: ignore[assignment, method-assign]
    with Path(os.environ["TEST_IDS"]).open("a") as file:
        file.write(f"{one()}\n")
    return {}


def one() -> str:
    """Log one event and return its id."""
    from security_logging.events.types import LOGIN_FAILED
    from security_logging.logger import log_event

    event = log_event(LOGIN_FAILED, ip="203.0.113.7", reason="bad_credentials", user="first")
    return event.id if event else "lost"


def pool(processes: int, count: int) -> dict[str, int]:
    """Have processes of multiprocessing, which end without atexit, log events."""
    import multiprocessing

    context = multiprocessing.get_context("fork")
    found = [context.Process(target=log, args=(count,)) for _ in range(processes)]
    for process in found:
        process.start()
    for process in found:
        process.join(20)
    return {"codes": sum(process.exitcode or 0 for process in found)}


def memory() -> dict[str, float]:
    """Return the largest memory this process has had, in MB."""
    found = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return {"mb": int(found.split()[0]) / 1024}


def handler() -> Any:
    """Return the handler of the security log."""
    return logging.getLogger("security").handlers[0]


def answer(document: object) -> None:
    """Write the answer."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


COMMANDS: dict[str, Any] = {
    command.__name__: command
    for command in (log, counts, flush, configure, badly, fork, vanish, soon, starve, threadless, pool, memory)
}

if __name__ == "__main__":
    main()
