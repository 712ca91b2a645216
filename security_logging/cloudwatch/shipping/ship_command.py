"""The command `manage.py security_cloudwatch ship`."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.directory import directory
from security_logging.cloudwatch.sending.delivery import Delivery
from security_logging.cloudwatch.shipping.progress_bar import ProgressBar
from security_logging.cloudwatch.shipping.shipper import Shipper

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_TIMEOUT = 20  # seconds; no request waits for the shipper, and a timeout may send a batch twice
_NOISY = ("boto3", "botocore", "urllib3")


class _Stopped(BaseException):
    """SIGTERM or SIGINT was received. It is not an Exception, so that no library catches it."""


def ship(path: Path, *, follow: bool, terminal: TextIO) -> bool:
    """
    Ship the file until everything is shipped, or with `follow` until SIGTERM; return whether all was delivered.

    It is safe to stop during a call: the next start sends the batch again. Raises AlreadyRunning.
    """
    for name in _NOISY:  # at DEBUG they would write into the file that is shipped
        logging.getLogger(name).setLevel(logging.WARNING)
    stop = threading.Event()
    delivery = Delivery(partial(connect, read_timeout=_READ_TIMEOUT))
    shipper = Shipper(path, directory(), delivery, wait=stop.wait, say=ProgressBar(terminal))
    with _stopped_by_signals():
        try:
            return shipper.run(follow=follow)
        except _Stopped:
            return follow


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
