"""
Put handler, shipper and raw watchtower through every fault and write the table in docs/cloudwatch.md.

    make test-cloudwatch-faults            100,000 events for each fault; takes half an hour
    python -m cloudwatch.measure_faults 2000 handler       quicker, and printed only
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cloudwatch.fault_endpoint import fault_endpoint, refusing_url
from cloudwatch.faults import FAULTS, faulty_site
from cloudwatch.shipping import Shipping
from cloudwatch.site_process import SiteProcess, kept_ids, site_environment, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "cloudwatch.md"
BEGIN, END = "<!-- measured: faults -->\n", "<!-- end -->"
START_PATIENCE = 20  # seconds; raw watchtower takes 182 in a black hole
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
        begun = time.monotonic()
        try:
            code = subprocess.run(
                [sys.executable, "-c", "import django; django.setup()"],
                env=environment,
                capture_output=True,
                check=False,
                timeout=START_PATIENCE,
            ).returncode
        except subprocess.TimeoutExpired:
            return f"no, > {START_PATIENCE} s"
        seconds = time.monotonic() - begun
        return f"yes, {seconds:.1f} s" if code == 0 else f"**no**, {seconds:.1f} s"


def raw_run(fault: str, count: int) -> list[str]:
    """Return what raw watchtower loses, and how long its exit takes."""
    with tempfile.TemporaryDirectory() as directory, fault_endpoint(_mode(fault)) as endpoint:
        endpoint.keep = False
        url = refusing_url() if fault == "refused" else endpoint.url
        with SiteProcess(Path(directory), url, **raw_environment(fault)) as site:
            site.ask(f"log {count}")
            site.leave(100)
            return [f"{len(site.ids - set(endpoint.events)):,}", f"{site.exit_seconds:.1f} s"]


def handler_run(fault: str, count: int) -> list[str]:
    """Return start, p99 of a call, memory, what becomes of the events, and exit of the handler."""
    with tempfile.TemporaryDirectory() as directory, faulty_site(fault, Path(directory)) as (site, endpoint):
        endpoint.keep = False
        site.ask("log 10")
        site.ask("flush")
        before = site.ask("memory")["mb"]
        times = site.ask(f"log {count}")
        memory = site.ask("memory")["mb"] - before
        site.leave()
        delivered, kept = site.ids & set(endpoint.events), site.ids & set(kept_ids(site.directory))
        lost = site.ids - delivered - kept
        return [
            f"{site.started['started']:.1f} s",
            f"{times['p99'] * 1000:.1f} ms",
            f"{memory:+.0f} MB",
            f"{len(delivered):,} / {len(kept - delivered):,} / {len(lost):,}",
            f"{site.exit_seconds:.1f} s",
        ]


def shipper_run(fault: str, count: int) -> list[str]:
    """Return what the shipper loses when the fault ends after a while."""
    if fault in ("refused", "no credentials"):  # an endpoint cannot end these while the shipper runs
        return ["as reset" if fault == "refused" else "as expired"]
    with tempfile.TemporaryDirectory() as directory, fault_endpoint(_mode(fault)) as endpoint:
        endpoint.keep = False
        shipping = Shipping(Path(directory), endpoint)
        shipping.start()
        shipping.write(2, count // 2)
        shipping.written()
        wait_until(lambda: sum(endpoint.calls.values()) > 0)
        endpoint.mode = "ok"
        endpoint.released.set()
        lost = shipping.missing(120)
        duplicates = sum(endpoint.events.values()) - len(endpoint.events)
        shipping.close()
        return [f"{len(lost):,} lost, {duplicates:,} twice"]


def main(count: int = 100_000, only: str = "") -> None:
    """Measure, print, and write the table when everything was measured."""
    head = ["Fault", "Start", "Call p99", "Memory", "Sent / on disk / lost", "Exit", "Shipper, after the fault"]
    head += ["watchtower: start", "lost", "exit"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    runs: list[Callable[[str], list[str]]] = [lambda fault: handler_run(fault, count)]
    if only != "handler":
        runs += [lambda fault: shipper_run(fault, count), lambda fault: [raw_start(fault)]]
        runs += [lambda fault: raw_run(fault, count)]
    for fault in FAULTS:
        cells = [cell for run in runs for cell in run(fault)]
        lines.append(f"| {NAMES[fault]} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if not only:
        text = PAGE.read_text()
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END, text.index(BEGIN))
        table = "\n".join(lines)
        PAGE.write_text(f"{text[:start]}{count:,} events for each fault.\n\n{table}\n{text[end:]}")


def _mode(fault: str) -> str:
    return "ok" if fault in ("refused", "no credentials") else fault


if __name__ == "__main__":
    main(*(int(argument) if argument.isdigit() else argument for argument in sys.argv[1:]))  # type: ignore[arg-type]
