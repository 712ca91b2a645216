"""Whatever an attacker writes into whatever field: the real Fail2ban counts the true addresses and no others."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fail2ban_server import SHIPPED, SYSTEM_PYTHON, command, short_directory
from random_events import as_network, expected, random_record
from security_logging.events.type_registry import MODES
from security_logging.formatters.security import ECSFormatter, SecurityLineFormatter

pytestmark = pytest.mark.real_fail2ban

SCRIPT = Path(__file__).parent / "count_lines.py"
COMBINATIONS = [(mode, key) for mode in MODES for key in ("ip", "net")]
LINE, BARE, ECS = SecurityLineFormatter(), SecurityLineFormatter(bare=True), ECSFormatter(service="shop")
# How each logtype carries a record; syslog and the journal put their own words before it.
LOG_TYPES: dict[str, Callable[[logging.LogRecord], str]] = {
    "file": LINE.format,
    "short": lambda record: f"Aug  1 14:00:00 web1 django-security[412]: {BARE.format(record)}",
    "journal": lambda record: f"web1 django-security[412]: {BARE.format(record)}",
    "docker": lambda record: json.dumps({"log": LINE.format(record) + "\n", "stream": "stderr"}, separators=(",", ":")),
    "json": ECS.format,
}


def check(seed: int, number: int) -> None:
    """Let Fail2ban count `number` records of each logtype, in every mode and with both keys."""
    source = random.Random(seed)
    records = [random_record(source) for _ in range(number)]
    jobs, wanted = [], []
    with short_directory() as directory:
        shutil.copytree(SHIPPED, directory / "config")
        shutil.copy(SCRIPT, directory)
        for log_type, write in LOG_TYPES.items():
            path = directory / f"{log_type}.log"
            path.write_bytes(b"".join(write(record).encode("ascii") + b"\n" for record, _ in records))
            for mode, key in COMBINATIONS:
                jobs.append({"path": str(path), "options": {"logtype": log_type, "mode": mode, "key": key}})
                wanted.append([expected(event, mode, key) for _, event in records])
        answer = subprocess.run(
            command(SYSTEM_PYTHON, str(directory / SCRIPT.name), str(directory / "config")),
            input=json.dumps(jobs), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    for job, found, true in zip(jobs, json.loads(answer.stdout), wanted, strict=True):
        wrong = [pair for pair in zip(found, true, strict=True) if as_network(pair[0]) != as_network(pair[1])]
        assert not wrong, f"seed {seed}, {job['options']}: {wrong[:3]}"


def test_counted_addresses_are_the_true_ones() -> None:
    """In every logtype, mode and key exactly the counted events count, with their own address, whatever they say."""
    check(seed=20261121, number=2000)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("LONG"), reason="takes minutes: `make test-long` runs it")
def test_counted_addresses_are_the_true_ones_in_100000_events() -> None:
    """The same for 100,000 events of each logtype that nobody has seen before; the failure names the seed."""
    for _ in range(20):
        check(seed=int.from_bytes(os.urandom(4), sys.byteorder), number=5000)
