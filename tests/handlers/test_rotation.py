"""Rotation, by logrotate and without it: a file is renamed under several processes, and they lose nothing."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from requires import require_program

SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "logrotate.d" / "django-security"
ROTATIONS = 3
WRITERS, RECORDS = 3, 300
_WRITE = """
import logging, logging.config, sys
import django
from security_logging.logging_config import build_logging
django.setup()
config = build_logging("file", directory=sys.argv[1], streams="functions", rotate_bytes=10_000, rotate_files=100)
logging.config.dictConfig(config)
for number in range(int(sys.argv[3])):
    logging.getLogger("shop").info("%s-%d", sys.argv[2], number)
"""


def test_shared_rotation(tmp_path: Path) -> None:
    """Each record of each process is there once, in one of the rotated files, which nobody else may read."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _WRITE, str(tmp_path), str(writer), str(RECORDS)],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for writer in range(WRITERS)
    ]
    errors = [writer.communicate(timeout=60)[1] for writer in writers]
    files = list(tmp_path.glob("application.log*"))
    found = Counter(line.split()[-1] for path in files for line in path.read_text().splitlines())
    expected = {f"{writer}-{number}": 1 for writer in range(WRITERS) for number in range(RECORDS)}
    assert (errors, len(files) > 3, dict(found)) == ([b""] * WRITERS, True, expected)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}


_WRITE_ON = """
import logging, logging.config, pathlib, sys, time
import django
from security_logging.logging_config import build_logging
django.setup()
directory, name = sys.argv[1:]
logging.config.dictConfig(build_logging("file", "json", directory=directory))
number, deadline = 0, time.monotonic() + 60
while time.monotonic() < deadline and not pathlib.Path(directory, "stop").exists():
    logging.getLogger("shop").info("%s-%d", name, number)
    number += 1
    time.sleep(0.001)
print(number)
"""


def shipped_rules(directory: Path) -> str:
    """Return the shipped configuration for logs of this user's in that directory."""
    text = SHIPPED.read_text().replace("/var/log/django", str(directory))
    return re.sub(r"(su|create 0640) .*", rf"\1 {directory.owner()} {directory.group()}", text)


def test_shipped_logrotate(tmp_path: Path) -> None:
    """The real logrotate with our file renames and compresses under several processes: each record is there once."""
    require_program("logrotate", "logrotate")
    logs, rules = tmp_path / "log", tmp_path / "rules"
    logs.mkdir(mode=0o750)
    rules.write_text(shipped_rules(logs))
    rules.chmod(0o600)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "error", "-c", _WRITE_ON, str(logs)]
    writers = [
        subprocess.Popen([*command, str(writer)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for writer in range(WRITERS)
    ]
    for _ in range(ROTATIONS):
        rotate(rules, logs)
    (logs / "stop").touch()
    said = [writer.communicate(timeout=60) for writer in writers]
    expected = {f"{writer}-{number}": 1 for writer, (out, _) in enumerate(said) for number in range(int(out))}
    assert [error for _, error in said] == [b""] * WRITERS
    assert [dict(records(logs, suffix)) for suffix in ("log", "json")] == [expected] * 2
    assert len(list(logs.glob("application.log-*"))) == ROTATIONS


def rotate(rules: Path, logs: Path) -> None:
    """Have logrotate do its work once there is something in a log, in a second of its own, as the names want it."""
    deadline = time.monotonic() + 30
    rotated = len(list(logs.glob("application.log-*")))
    while len(list(logs.glob("application.log-*"))) == rotated and time.monotonic() < deadline:
        time.sleep(0.3)
        if (logs / "application.log").exists() and (logs / "application.log").stat().st_size:
            command = ["logrotate", "--force", "--state", str(rules.with_suffix(".state")), str(rules)]
            subprocess.run(command, check=False, timeout=30, capture_output=True)


def records(logs: Path, suffix: str) -> Counter[str]:
    """Return the records in all files that have been that one."""
    found: Counter[str] = Counter()
    for path in logs.glob(f"application.{suffix}*"):
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        found.update(re.findall(r"\b\d+-\d+(?=\n|\")", text.decode()))
    return found
