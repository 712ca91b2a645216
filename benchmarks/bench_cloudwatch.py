"""
What CloudWatch costs: the caller of a log call, the throughput of the shipper, the memory of a worker.

    python benchmarks/bench_cloudwatch.py [EVENTS]

Everything goes to an endpoint on loopback in a process of its own. Baselines run in the same run: raw watchtower, a
plain file handler, and direct put_log_events in full batches.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.table import Table  # noqa: E402
from cloudwatch.fault_endpoint import refusing_url  # noqa: E402
from cloudwatch.faults import FAULTS  # noqa: E402
from cloudwatch.site_process import SiteProcess, site_environment  # noqa: E402

ROUNDS = 10
SHIPPINGS = 5
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
SERVE = """
import sys
from cloudwatch.fault_endpoint import FaultEndpoint
endpoint = FaultEndpoint()
endpoint.keep = False
print(endpoint.url, flush=True)
for line in sys.stdin:
    endpoint.mode = line.strip()
endpoint.close()
"""
SHIP = """
import json, resource, time
import django
django.setup()
from pathlib import Path
from django.core.management import call_command
from security_logging.cloudwatch.shipping import ship_command
from security_logging.management.commands import security_cloudwatch
client = ship_command.connect()  # neither this nor the imports are throughput, as with direct puts
ship_command.connect = lambda **_: client
begun, used = time.perf_counter(), time.process_time()
call_command("security_cloudwatch", "ship")
done = time.perf_counter() - begun, time.process_time() - used
status = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
print(json.dumps([*done, int(status.split()[0]) / 1024]))
"""
DIRECT = """
import json, time
import django
django.setup()
from pathlib import Path
from django.conf import settings
from security_logging.cloudwatch.sending.batches import batches
from security_logging.cloudwatch.shipping.documents import log_events
import boto3
keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
client = boto3.client("logs", endpoint_url=settings.SECURITY_LOGGING_CLOUDWATCH_ENDPOINT_URL, **keys)
data = Path(settings.SECURITY_LOGGING_CLOUDWATCH_FILE).read_bytes()
full = list(batches(event for _, event in log_events(data)))
target = {"logGroupName": "direct", "logStreamName": str(time.time())}
client.create_log_stream(**target)
begun, used = time.perf_counter(), time.process_time()
for batch in full:
    client.put_log_events(**target, logEvents=batch)
print(json.dumps([time.perf_counter() - begun, time.process_time() - used]))
"""


class Endpoint:
    """A CloudWatch Logs in a process of its own, so that it takes no time of those that are measured."""

    def __init__(self) -> None:
        """Start it."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", SERVE]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def set(self, mode: str) -> None:
        """Change the mode."""
        assert self.process.stdin is not None
        self.process.stdin.write(mode + "\n")
        self.process.stdin.flush()
        time.sleep(0.1)

    def close(self) -> None:
        """Stop it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def callers(fault: str, handlers: Sequence[str], url: str, count: int) -> dict[str, dict[str, float]]:
    """
    Return for each handler the seconds of a log call, medians over the rounds, and the MB of its process.

    The processes log in turn, in one run, so that whatever else the machine does disturbs all of them alike.
    """
    with tempfile.TemporaryDirectory() as parent, contextlib.ExitStack() as stack:
        sites = {}
        for handler in handlers:
            directory = Path(parent) / handler
            directory.mkdir()
            credentials = {} if fault == "no credentials" else KEYS
            of_ours = {"TEST_ACCESS_KEY": "", "TEST_SECRET_KEY": ""} if fault == "no credentials" else {}
            environment = {"TEST_HANDLER": handler, "TEST_INTERVAL": "1", "AWS_DEFAULT_REGION": "eu-central-1"}
            environment |= {**credentials, **of_ours}
            sites[handler] = SiteProcess(directory, url, **environment)
            stack.callback(_end, sites[handler])
        for site in sites.values():
            site.ask("log 100")
        if "guarded" in sites:
            sites["guarded"].ask("flush")  # boto3 is imported now, which is no steady load
        rounds = [{name: site.ask(f"log {count // ROUNDS}") for name, site in sites.items()} for _ in range(ROUNDS)]
        return {name: _summary(rounds, name) | site.ask("memory") for name, site in sites.items()}


def _summary(rounds: Sequence[dict[str, dict[str, float]]], name: str) -> dict[str, float]:
    return {number: median(found[name][number] for found in rounds) * 1e6 for number in ("p50", "p99")}


def _end(site: SiteProcess) -> None:
    site.kill()
    site.__exit__(None, None, None)


def throughput(url: str, count: int) -> tuple[list[float], list[float], float]:
    """
    Return medians: wall and processor seconds of the shipper, with its MB, and of direct puts of the same lines.

    The third is the shipper's MB for a tenth of them.
    """
    with tempfile.TemporaryDirectory() as directory:
        environment = site_environment(Path(directory), url, TEST_HANDLER="file")
        write = [sys.executable, "-m", "cloudwatch.writer"]
        subprocess.run([*write, str(count // 10), "1000000"], env=environment, check=True)
        few = _ship(directory, environment)
        subprocess.run([*write, str(count - count // 10), "1000000"], env=environment, check=True)
        rounds = [(_ship(directory, environment), _json(DIRECT, environment)) for _ in range(SHIPPINGS)]
    shipped, direct = ([median(numbers) for numbers in zip(*found, strict=True)] for found in zip(*rounds, strict=True))
    return shipped, direct, few[2]


def _ship(directory: str, environment: dict[str, str]) -> list[float]:
    for path in (Path(directory) / "cloudwatch").glob("shipper-*"):
        path.unlink()  # so that it begins anew
    found: list[float] = _json(SHIP, environment)
    return found


def _json(program: str, environment: dict[str, str]) -> Any:
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def tables(count: int = 20_000) -> list[Table]:
    """Measure and return the tables."""
    endpoint = Endpoint()
    try:
        calls = _calls(endpoint, count)
        endpoint.set("ok")
        shipped, direct, few = throughput(endpoint.url, count * 5)
    finally:
        endpoint.close()
    number = count * 5
    return [
        Table("A log call on its way to CloudWatch", ("handler", "CloudWatch", "p50 us", "p99 us", "memory MB"), calls),
        Table(
            f"Shipping {number:,} events",
            ("how", "events/s", "processor us each", "memory MB"),
            [
                ("direct put_log_events", f"{number / direct[0]:,.0f}", f"{direct[1] / number * 1e6:.1f}", ""),
                ("shipper", f"{number / shipped[0]:,.0f}", f"{shipped[1] / number * 1e6:.1f}", f"{shipped[2]:.0f}"),
                ("shipper, a tenth of them", "", "", f"{few:.0f}"),
                ("ratio", f"{direct[0] / shipped[0]:.2f}", f"{direct[1] / shipped[1]:.2f}", ""),
            ],
        ),
    ]


def _calls(endpoint: Endpoint, count: int) -> list[tuple[str, ...]]:
    names = {"guarded": "CloudWatchHandler", "raw": "watchtower"}
    without_aws = {"none": "none", "file": "JSON file (shipper mode)"}
    rows = []
    for fault in FAULTS:
        endpoint.set("ok" if fault in ("refused", "no credentials") else fault)
        url = refusing_url() if fault == "refused" else endpoint.url
        shown = {**(without_aws if fault == "ok" else {}), **names}
        for name, found in callers(fault, list(shown), url, count).items():
            rows.append((shown[name], fault, *(f"{found[number]:.0f}" for number in ("p50", "p99", "mb"))))
    return rows


if __name__ == "__main__":
    for table in tables(*(int(argument) for argument in sys.argv[1:])):
        print(table)
