"""The shipper in a process of its own: through every outage, kills and rotations nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudwatch.fault_endpoint import FaultEndpoint
from cloudwatch.shipping import Shipping
from cloudwatch.site_process import wait_until

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def shipping(tmp_path: Path, endpoint: FaultEndpoint) -> Iterator[Shipping]:
    """Yield a log and its shipper."""
    endpoint.keep = False
    found = Shipping(tmp_path, endpoint)
    yield found
    found.close()


def duplicates(endpoint: FaultEndpoint) -> int:
    """Return how many events came more than once."""
    return sum(endpoint.events.values()) - len(endpoint.events)


@pytest.mark.parametrize("fault", ["ok", "reset", "hang", "500", "503", "throttled", "denied", "expired", "missing"])
def test_outage(fault: str, shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """After an outage from the start everything is delivered, once, and SIGTERM ends the shipper at once."""
    endpoint.mode = fault
    shipping.start()
    shipping.write(2, 1000)
    assert shipping.written()
    assert wait_until(lambda: sum(endpoint.calls.values()) > 0)
    endpoint.mode = "ok"
    endpoint.released.set()
    assert (shipping.missing(), duplicates(endpoint)) == (set(), 0)
    code, seconds = shipping.stop()
    assert (code, seconds < 15) == (0, True)


def test_stop_in_a_black_hole(shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """SIGTERM ends a shipper that waits for an answer, and the next one delivers."""
    endpoint.mode = "hang"
    shipping.write(1, 500)
    assert shipping.written()
    shipping.start()
    assert wait_until(lambda: sum(endpoint.calls.values()) > 0)
    code, seconds = shipping.stop()
    endpoint.mode = "ok"
    shipping.start()
    assert (code, seconds < 15, shipping.missing()) == (0, True, set())


def test_killed_shipper(shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """However often the shipper is killed, nothing is lost; what is delivered twice has the same id."""
    shipping.write(2, 4000, per_second=2000)
    for _ in range(4):
        shipping.start()
        seen = len(endpoint.events)
        wait_until(lambda seen=seen: len(endpoint.events) > seen or not shipping.is_writing, 5)
        shipping.kill()
    assert shipping.written()
    shipping.start()
    assert shipping.missing() == set()


def test_rotation_under_load(shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """A log that is renamed again and again while workers write and the shipper reads loses nothing."""
    shipping.start()
    assert wait_until(shipping.has_begun, 60)
    shipping.write(2, 4000, per_second=1500)
    for _ in range(6):
        time.sleep(0.5)
        shipping.rotate()
    assert shipping.written()
    assert (shipping.missing(), duplicates(endpoint)) == (set(), 0)


def test_rotation_while_away(shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """Logs that were renamed while no shipper ran are shipped, the oldest first."""
    shipping.write(1, 100)
    assert shipping.written()
    shipping.start()
    assert shipping.missing() == set()
    assert wait_until(shipping.has_noted)  # else it would rightly send the same again
    shipping.stop()
    for _ in range(3):
        shipping.write(1, 300)
        assert shipping.written()
        shipping.rotate()
    shipping.start()
    assert (shipping.missing(), duplicates(endpoint)) == (set(), 0)


def test_second_shipper(shipping: Shipping, endpoint: FaultEndpoint) -> None:
    """A second shipper goes at once, with an error that names the log."""
    shipping.write(1, 100)
    assert shipping.written()
    shipping.start()
    assert shipping.missing() == set()
    first = shipping.shipper
    shipping.start()
    assert shipping.shipper is not None
    code = shipping.shipper.wait(20)
    shipping.shipper = first
    errors = (shipping.directory / "shipper.txt").read_text()
    assert (code, str(shipping.path) in errors) == (1, True)
