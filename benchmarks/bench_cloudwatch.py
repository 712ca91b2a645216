"""
What CloudWatch costs: the caller of a log call, the throughput of the shipper, the memory of a worker.

    python benchmarks/bench_cloudwatch.py [EVENTS]

Everything goes to an endpoint on loopback in a process of its own. Baselines run in the same run: raw watchtower, a
plain file handler, and direct put_log_events in full batches.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.table import Table  # noqa: E402
from cloudwatch.site_process import SiteProcess, site_environment  # noqa: E402

ROUNDS = 3
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
from security_logging.cloudwatch import ship_command
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
from security_logging.cloudwatch.batches import batches
from security_logging.cloudwatch.documents import log_events
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


def caller(handler: str, url: str, count: int) -> dict[str, float]:
    """Return the best of some rounds: seconds of a log call, and MB of the process."""
    with tempfile.TemporaryDirectory() as directory:
        raw = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
        with SiteProcess(Path(directory), url, TEST_HANDLER=handler, **raw) as site:
            site.ask("log 100")
            time.sleep(1)
            rounds = [site.ask(f"log {count}") for _ in range(ROUNDS)]
            return {
                "p50": min(found["p50"] for found in rounds) * 1e6,
                "p99": min(found["p99"] for found in rounds) * 1e6,
                "mb": site.ask("memory")["mb"],
            }


def throughput(url: str, count: int) -> tuple[list[float], list[float]]:
    """Return wall and processor seconds of the shipper, with its MB, and of direct puts of the same lines."""
    with tempfile.TemporaryDirectory() as directory:
        environment = site_environment(Path(directory), url, TEST_HANDLER="file")
        writer = [sys.executable, "-m", "cloudwatch.writer", str(count), "1000000"]
        subprocess.run(writer, env=environment, check=True)
        shipped, direct = [], []
        state = Path(directory) / "cloudwatch"
        for _ in range(ROUNDS):
            for path in state.glob("shipper-*"):
                path.unlink()
            shipped.append(_json(SHIP, environment))
            direct.append(_json(DIRECT, environment))
        return min(shipped), min(direct)


def _json(program: str, environment: dict[str, str]) -> Any:
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def tables(count: int = 20_000) -> list[Table]:
    """Measure and return the tables."""
    endpoint = Endpoint()
    try:
        calls = _calls(endpoint, count)
        endpoint.set("ok")
        shipped, direct = throughput(endpoint.url, count * 5)
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
                ("ratio", f"{direct[0] / shipped[0]:.2f}", f"{direct[1] / shipped[1]:.2f}", ""),
            ],
        ),
    ]


def _calls(endpoint: Endpoint, count: int) -> list[tuple[str, ...]]:
    names = {"none": "none", "file": "JSON file (shipper mode)", "guarded": "CloudWatchHandler", "raw": "watchtower"}
    cases = [(handler, "ok") for handler in names]
    cases += [(handler, fault) for fault in ("500", "throttled", "hang") for handler in ("guarded", "raw")]
    rows = []
    for handler, fault in cases:
        endpoint.set(fault)
        found = caller(handler, endpoint.url, count)
        rows.append((names[handler], fault, *(f"{found[name]:.0f}" for name in ("p50", "p99", "mb"))))
    return rows


if __name__ == "__main__":
    for table in tables(*(int(argument) for argument in sys.argv[1:])):
        print(table)
