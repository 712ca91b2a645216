"""
Put handler, shipper and raw watchtower through every fault and write the tables in docs/.

    make test-cloudwatch-faults                       100,000 events for each fault; takes seven minutes
    python -m cloudwatch.measure_faults 2000          quicker, and printed only
    python -m cloudwatch.measure_faults 2000 hang ok  these faults only
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from cloudwatch.fault_endpoint import fault_endpoint, refusing_url
from cloudwatch.faults import FAULTS, faulty_site
from cloudwatch.shipping import Shipping
from cloudwatch.site_process import SiteProcess, kept_ids, site_environment, wait_until
from log_server import LogServer

DOCS = Path(__file__).parents[2] / "docs"
END = "<!-- end -->"
COUNT = 100_000
START_PATIENCE = 20  # seconds; raw watchtower takes 182 in a black hole
EXIT_PATIENCE = 100  # seconds; raw watchtower takes 60
OUTAGE = 1.0  # seconds for which a shipper meets the fault
HEAD = (
    "Fault",
    "Start",
    "Call p99",
    "Memory",
    "Sent / on disk / lost",
    "Exit",
    "Shipper, after the fault",
    "watchtower: start",
    "call p99",
    "lost",
    "exit",
)
NAMES = {
    "ok": "none",
    "refused": "connection refused",
    "reset": "connection reset",
    "hang": "accepts, never answers",
    "slow": "every call 200 ms slow",
    "500": "HTTP 500",
    "503": "HTTP 503",
    "throttled": "throttled",
    "denied PutLogEvents": "PutLogEvents denied",
    "denied CreateLogStream": "CreateLogStream denied",
    "missing": "log group missing",
    "expired": "token expired",
    "no credentials": "no credentials",
}


def raw_environment(fault: str) -> dict[str, str]:
    """Return what raw watchtower needs to find the endpoint."""
    found = {"TEST_HANDLER": "raw", "AWS_DEFAULT_REGION": "eu-central-1"}
    if fault != "no credentials":
        found |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    return found


def raw_start(fault: str) -> str:
    """Return how Django starts with watchtower as its documentation shows it."""
    with tempfile.TemporaryDirectory() as directory, fault_endpoint(_mode(fault)) as endpoint:
        url = refusing_url() if fault == "refused" else endpoint.url
        environment = site_environment(Path(directory), url, **raw_environment(fault), TEST_CREATE_GROUP="1")
        command = [sys.executable, "-c", "import django; django.setup()"]
        begun = time.monotonic()
        try:
            done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=START_PATIENCE)
        except subprocess.TimeoutExpired:
            return f"**no**, > {START_PATIENCE} s"
        seconds = time.monotonic() - begun
        return f"yes, {seconds:.1f} s" if done.returncode == 0 else f"**no**, {seconds:.1f} s"


def raw_run(fault: str, count: int, leaving: ThreadPoolExecutor) -> tuple[str, Future[tuple[str, str]]]:
    """Return the p99 of a call of raw watchtower, and, once it has ended, what it lost and how long its exit took."""
    directory, context = tempfile.TemporaryDirectory(), fault_endpoint(_mode(fault))
    endpoint = context.__enter__()
    endpoint.keep = False
    url = refusing_url() if fault == "refused" else endpoint.url
    site = SiteProcess(Path(directory.name), url, TEST_INTERVAL="1", **raw_environment(fault))
    times = site.ask(f"log {count}")

    def leave() -> tuple[str, str]:
        with directory, site:
            site.leave(EXIT_PATIENCE)
            lost = len(site.ids - set(endpoint.events))
        context.__exit__(None, None, None)
        return f"{lost / count:.0%}", f"{site.exit_seconds:.1f} s"

    return _milliseconds(times), leaving.submit(leave)


def handler_run(fault: str, count: int) -> list[str]:
    """Return start, p99 of a call, memory, what becomes of the events, and exit of the handler."""
    with (
        tempfile.TemporaryDirectory() as directory,
        faulty_site(fault, Path(directory), TEST_INTERVAL="1") as (site, endpoint),
    ):
        endpoint.keep = False
        site.ask("log 10")
        site.ask("flush")  # boto3 is imported now, which is no steady load
        before = site.ask("memory")["mb"]
        times = site.ask(f"log {count}")
        memory = site.ask("memory")["mb"] - before
        site.leave()
        delivered, kept = site.ids & set(endpoint.events), site.ids & set(kept_ids(site.directory))
        return [
            f"{site.started['started']:.1f} s",
            _milliseconds(times),
            f"{memory:+.0f} MB",
            f"{len(delivered):,} / {len(kept - delivered):,} / {len(site.ids - delivered - kept):,}",
            f"{site.exit_seconds:.1f} s",
        ]


def shipper_run(fault: str, log: Shipping) -> str:
    """Return what the shipper loses of a log when the fault is there first and then ends."""
    if fault in ("refused", "no credentials"):  # an endpoint cannot end these while the shipper runs
        return "as reset" if fault == "refused" else "as expired"
    with tempfile.TemporaryDirectory() as directory, fault_endpoint(_mode(fault)) as endpoint:
        endpoint.keep = False
        shipping = Shipping(Path(directory), endpoint)
        shipping.path.hardlink_to(log.path)
        (shipping.directory / "ids.txt").hardlink_to(log.directory / "ids.txt")
        shipping.start()
        wait_until(lambda: sum(endpoint.calls.values()) > 0)
        time.sleep(OUTAGE)
        endpoint.mode = "ok"
        endpoint.released.set()
        count = len((log.directory / "ids.txt").read_text().split())
        wait_until(lambda: len(endpoint.events) >= count, 120)  # cheaper than to look for each
        lost = shipping.missing(10)
        duplicates = sum(endpoint.events.values()) - len(endpoint.events)
        shipping.close()
        return f"{len(lost):,} lost, {duplicates:,} twice"


def rows(faults: Sequence[str], count: int) -> list[str]:
    """Measure and return the rows of the table; what is compared with a clock runs alone."""
    with ThreadPoolExecutor(2) as starting, ThreadPoolExecutor(len(faults)) as leaving:
        starts = list(starting.map(raw_start, faults))
        found = []
        for fault in faults:
            ours = handler_run(fault, count)
            found.append((fault, ours, *raw_run(fault, count // 5, leaving)))
            print(fault, *ours, flush=True)
        with tempfile.TemporaryDirectory() as directory, fault_endpoint() as nobody:
            log = Shipping(Path(directory), nobody)
            log.write(2, count // 2)
            log.written()
            shipped = [shipper_run(fault, log) for fault in faults]
        return [
            f"| {' | '.join([NAMES[fault], *ours, ships, start, p99, *left.result()])} |"
            for (fault, ours, p99, left), ships, start in zip(found, shipped, starts, strict=True)
        ]


def soon() -> str:
    """Return the table of how soon an event is out of the process that logs it."""
    found = ["| destination | median | 99 of 100 | longest of 300 |", "|---|---|---|---|"]
    for fault, name in (("ok", "CloudWatch"), ("500", "CloudWatch, which fails"), ("hang", "CloudWatch, which hangs")):
        with (
            tempfile.TemporaryDirectory() as directory,
            faulty_site(fault, Path(directory), TEST_INTERVAL="1", TEST_PAUSE="30") as (site, _),
        ):
            site.ask("log 10")
            site.ask("flush")
            found.append(_soon_row(name, site.ask("soon 300")))
    server = LogServer()
    options = {"TEST_HANDLER": "syslog", "TEST_SYSLOG": str(server.port)}
    with (
        tempfile.TemporaryDirectory() as directory,
        SiteProcess(Path(directory), "http://127.0.0.1:9", **options) as site,
    ):
        site.ask("log 10")
        site.ask("flush")
        found.append(_soon_row("syslog over TCP", site.ask("soon 300")))
    server.stop()
    return "\n".join(found)


def _soon_row(name: str, times: dict[str, float]) -> str:
    milliseconds = " | ".join(f"{times[number] * 1000:,.0f} ms" for number in ("p50", "p99", "max"))
    return f"| {name} | {milliseconds} |"


def write(page: str, mark: str, text: str) -> None:
    """Write the text between the marks of a page."""
    before = (DOCS / page).read_text()
    begin = f"<!-- measured: {mark} -->\n"
    start = before.index(begin) + len(begin)
    (DOCS / page).write_text(f"{before[:start]}{text}\n{before[before.index(END, start) :]}")


def main(count: int = COUNT, *faults: str) -> None:
    """Measure, print, and write the table when everything was measured."""
    begun, (load, *_) = time.monotonic(), os.getloadavg()
    table = "\n".join([f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}", *rows(faults or FAULTS, count)])
    print(f"{table}\n{time.monotonic() - begun:.0f} seconds")
    if count == COUNT and not faults:
        write("logging.md", "soon", f"\n{soon()}\n")
        note = (
            f"{count:,} events for each fault, {count // 5:,} for watchtower, as fast as one thread can log; "
            f"{os.cpu_count()} cores, load {load:.1f} before."
        )
        write("cloudwatch.md", "faults", f"{note}\n\n{table}")


def _milliseconds(times: dict[str, float]) -> str:
    return f"{times['p99'] * 1000:.2f} ms"


def _mode(fault: str) -> str:
    return "ok" if fault in ("refused", "no credentials") else fault


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else COUNT, *sys.argv[2:])
