"""Write events to the JSON log as a worker does: `python -m cloudwatch.writer COUNT PER_SECOND`."""

from __future__ import annotations

import sys
import time


def main(count: int, per_second: int) -> None:
    """Log the events through the file handler."""
    import django

    django.setup()
    from cloudwatch.scenario import log

    if "boto3" in sys.modules:
        raise SystemExit("boto3 was imported in a worker")
    for _ in range(max(1, count // 100)):
        begun = time.monotonic()
        log(min(count, 100))
        time.sleep(max(0.0, 100 / per_second - (time.monotonic() - begun)))
    if "boto3" in sys.modules:
        raise SystemExit("boto3 was imported in a worker")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
