"""A moto server on loopback: the AWS API as others have written it down, in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from cloudwatch.site_process import wait_until
from free_port import free_port


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    """Run a moto server and yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: _answers(url), 40), "moto does not start"
        yield url
    finally:
        process.terminate()
        process.wait(10)


def reset(url: str) -> None:
    """Forget everything the server was told."""
    request = urllib.request.Request(url + "/moto-api/reset", method="POST")  # noqa: S310  # our own loopback URL
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310  # our own loopback URL


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url + "/moto-api/data.json", timeout=2).close()  # noqa: S310  # our own loopback URL
    except OSError:
        return False
    return True
