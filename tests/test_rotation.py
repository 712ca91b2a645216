"""Rotation without logrotate: several processes share a file that is renamed under them, and lose nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

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
