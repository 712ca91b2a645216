"""What the tests of the CloudWatch part have at hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from cloudwatch.fault_endpoint import FaultEndpoint, fault_endpoint, make_certificate
from cloudwatch.moto_server import moto_server, reset
from security_logging.cloudwatch import CloudWatchHandler
from security_logging.cloudwatch.credentials import connect
from security_logging.internal.queue import pauses


@pytest.fixture(autouse=True)
def _no_last_word() -> Iterator[None]:
    """Let the handlers of a test end before the next one: what they log last would arrive there."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2  # one that a test has made immortal
    for thread in set(threading.enumerate()) - before:
        if thread.name == "security-logging-queue":
            thread.join(max(0, deadline - time.monotonic()))


@pytest.fixture
def endpoint() -> Iterator[FaultEndpoint]:
    """Yield a CloudWatch Logs that works."""
    with fault_endpoint() as found:
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory for spools."""
    path = tmp_path / "cloudwatch"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def settings_for(directory: Path) -> Callable[[str], override_settings]:
    """Return a function that makes the settings of a site whose CloudWatch is at a URL."""

    def make(url: str, **others: object) -> override_settings:
        return override_settings(
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_REGION="eu-central-1",
            SECURITY_LOGGING_CLOUDWATCH_SITE="shop",
            SECURITY_LOGGING_CLOUDWATCH_ENVIRONMENT="test",
            SECURITY_LOGGING_CLOUDWATCH_ENDPOINT_URL=url,
            SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(directory),
            SECURITY_LOGGING_CLOUDWATCH_INTERVAL=0.02,
            SECURITY_LOGGING_CLOUDWATCH_HEARTBEAT=0,
            **others,
        )

    return make


@pytest.fixture
def site(endpoint: FaultEndpoint, settings_for: Callable[[str], override_settings]) -> Iterator[None]:
    """Have the settings point to the endpoint."""
    with settings_for(endpoint.url):
        yield


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a queue try again at once."""
    monkeypatch.setattr(pauses, "LONGEST", 0.05)


@pytest.fixture
def handler(site: None) -> Iterator[CloudWatchHandler]:
    """Yield a handler on the logger "security"."""
    found = CloudWatchHandler()
    logger = logging.getLogger("security")
    logger.addHandler(found)
    yield found
    logger.removeHandler(found)
    found.close()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Run one moto server for all tests."""
    with moto_server() as url:
        yield url


@pytest.fixture
def aws(moto_url: str, settings_for: Callable[[str], override_settings]) -> Iterator[str]:
    """Have the settings point to an empty moto server."""
    reset(moto_url)
    with settings_for(moto_url):
        yield moto_url


@pytest.fixture
def logs(aws: str) -> Any:
    """Return a client of CloudWatch Logs in which the log group exists."""
    client = connect()
    client.create_log_group(logGroupName="/shop/test/security")
    return client
