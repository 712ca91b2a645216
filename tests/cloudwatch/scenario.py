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
    from security_logging.cloudwatch.sender import Sender

    (Sender.__init__.__kwdefaults__ or {})["pause"] = float(os.environ.get("TEST_PAUSE", "0.3"))
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
    command.__name__: command for command in (log, counts, flush, configure, badly, fork, pool, memory)
}

if __name__ == "__main__":
    main()
