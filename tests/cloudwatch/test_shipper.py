from __future__ import annotations

import io
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from cloudwatch.fault_endpoint import FaultEndpoint
from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.sending.delivery import Delivery
from security_logging.cloudwatch.shipping import shipper as shipping
from security_logging.cloudwatch.shipping.progress_bar import ProgressBar
from security_logging.cloudwatch.shipping.shipper import Progress, Shipper
from security_logging.cloudwatch.shipping.shipper_state import ShipperState
from security_logging.events.ecs import render_json
from security_logging.events.event import make_event
from security_logging.events.types import HEARTBEAT, LOGIN_FAILED
from security_logging.testing import capture_events

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log."""
    return tmp_path / "security.json"


def write(path: Path, count: int) -> list[str]:
    """Append events to the log and return their ids."""
    found = [make_event(LOGIN_FAILED, ip="203.0.113.7", user="alice") for _ in range(count)]
    with path.open("a") as file:
        file.write("".join(f"{render_json(event)}\n" for event in found))
    return [event.id for event in found]


def stop_after(count: int) -> Callable[[float], bool]:
    """Return a `wait` that does not wait and stops at the nth call."""
    calls = iter(range(1, count + 1))
    return lambda _seconds: next(calls) == count


def make(path: Path, directory: Path, **options: Any) -> Shipper:
    """Return a shipper that waits for nothing."""
    options.setdefault("wait", stop_after(3))
    return Shipper(path, directory, Delivery(connect), **options)


def test_once(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """What is in the log arrives, once."""
    ids = write(path, 100)
    done = [make(path, directory).run(follow=False), make(path, directory).run(follow=False)]
    assert (done, endpoint.events == dict.fromkeys(ids, 1)) == ([True, True], True)


def test_empty_lines(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """Empty lines are passed over."""
    path.write_text("\n\n")
    assert make(path, directory).run(follow=False)
    assert sum(endpoint.events.values()) == 0


def test_follow(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """What comes later arrives too."""
    ids = write(path, 1)

    def wait(_seconds: float) -> bool:
        ids.extend(write(path, 1))
        return len(ids) > 3

    make(path, directory, wait=wait).run(follow=True)
    assert set(ids[:3]) == set(endpoint.events)


@pytest.mark.parametrize("fault", ["500", "reset", "throttled", "denied PutLogEvents", "missing"])
def test_outage(fault: str, path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """A shipper tries until CloudWatch is back, and delivers each event once."""
    ids = write(path, 20)
    endpoint.mode = fault

    def wait(_seconds: float) -> bool:
        endpoint.mode = "ok"
        return False

    done = make(path, directory, wait=wait).run(follow=False)
    assert (done, endpoint.events == dict.fromkeys(ids, 1)) == (True, True)


def test_stopped_during_an_outage(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """A shipper that is stopped before it could deliver begins there again."""
    ids = write(path, 5)
    endpoint.mode = "500"
    done = make(path, directory).run(follow=False)
    endpoint.mode = "ok"
    make(path, directory).run(follow=False)
    assert (done, set(endpoint.events)) == (False, set(ids))


def test_renamed_before_the_first_success(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """A log that is renamed while CloudWatch has never answered yet, and no shipper runs, is shipped all the same."""
    ids = write(path, 5)
    endpoint.mode = "500"
    make(path, directory).run(follow=False)
    os.utime(path, (1, 1))
    path.rename(path.with_name("security.json.1"))
    ids += write(path, 5)
    endpoint.mode = "ok"
    make(path, directory).run(follow=False)
    assert set(endpoint.events) == set(ids)


def test_refused(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """What CloudWatch refuses for good is put aside with the reason, and the shipper goes on."""
    write(path, 3)
    endpoint.rejected = {"tooOldLogEventEndIndex": 2}
    shipper = make(path, directory)
    shipper.run(follow=False)
    kept = [json.loads(line)["reason"] for line in (directory / "refused.jsonl").read_text().splitlines()]
    assert (shipper.counts.sent, kept) == (1, ["older than 14 days or than the retention"] * 2)


def test_long_outage_is_told(
    path: Path,
    directory: Path,
    endpoint: FaultEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    security_records: list[logging.LogRecord],
) -> None:
    """An outage that lasts is told in the local log, once."""
    monkeypatch.setattr(shipping, "_SAID_LATE_AFTER", -1)
    write(path, 1)
    endpoint.mode = "expired"
    make(path, directory).run(follow=False)
    told = [record.getMessage() for record in security_records]
    assert (len(told), "sink=cloudwatch_shipper" in told[0], "ExpiredTokenException" in told[0]) == (1, True, True)


def test_heartbeat(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """A shipper tells that it is alive, also when there is nothing to ship."""
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_HEARTBEAT=60):
        make(path, directory).run(follow=False)
    beat = json.loads(endpoint.messages[0]["message"])
    assert (beat["event"]["action"], beat["labels"]["sink"], beat["labels"]["lag"]) == (
        "heartbeat",
        "cloudwatch_shipper",
        0,
    )


def test_lag(path: Path, directory: Path) -> None:
    """The lag is the age of the oldest event in hand."""
    shipper = make(path, directory)
    before = shipper.lag
    shipper._oldest = 0
    assert (before, shipper.lag > 1_000_000_000) == (0, True)


def test_second_shipper(path: Path, directory: Path, settings: Any) -> None:
    """A second shipper of the same log goes at once."""
    settings.SECURITY_LOGGING_CLOUDWATCH_FILE = str(path)
    first = ShipperState(directory, path)
    first.acquire()
    with pytest.raises(CommandError, match="another shipper"):
        call_command("security_cloudwatch", "ship")
    first.release()


def test_command(path: Path, endpoint: FaultEndpoint) -> None:
    """`ship` sends the log."""
    ids = write(path, 3)
    call_command("security_cloudwatch", "ship", "--once", f"--file={path}")
    assert set(endpoint.events) == set(ids)


def test_log_that_does_not_exist(path: Path, endpoint: FaultEndpoint) -> None:
    """A log that nobody writes is an error, and not a stream in which nothing happens."""
    with pytest.raises(CommandError, match=f'{path} does not exist: the site writes it with the profile "json"'):
        call_command("security_cloudwatch", "ship", "--once", f"--file={path}")


def test_waiting_for_a_log(path: Path, endpoint: FaultEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows is told that there is nothing to follow yet."""

    def run(self: Shipper, *, follow: bool) -> bool:
        return follow

    monkeypatch.setattr(Shipper, "run", run)
    errors = io.StringIO()
    call_command("security_cloudwatch", "ship", "--follow", f"--file={path}", stderr=errors)
    assert errors.getvalue().endswith("of build_logging; waiting for it\n")


def test_signal(path: Path, endpoint: FaultEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends a shipper, also in the middle of a call, and is no error while it follows."""

    def put(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    write(path, 3)
    monkeypatch.setattr(Delivery, "_put", put)
    before = signal.getsignal(signal.SIGTERM)
    call_command("security_cloudwatch", "ship", "--follow", f"--file={path}")
    assert signal.getsignal(signal.SIGTERM) is before


def test_signal_before_the_end(path: Path, endpoint: FaultEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipper that was to send everything and was stopped says that it has not."""

    def put(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    write(path, 3)
    monkeypatch.setattr(Delivery, "_put", put)
    with pytest.raises(CommandError, match="stopped before"):
        call_command("security_cloudwatch", "ship", f"--file={path}")


def test_state_that_cannot_be_read(path: Path, directory: Path) -> None:
    """A damaged state is an error and not a new beginning."""
    state = ShipperState(directory, path)
    state.path.write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        state.load()


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal() -> None:
    """A backlog is drawn from its first to its last byte."""
    output = Terminal()
    bar = ProgressBar(output)
    for progress in (Progress(10, 100), Progress(15, 60), Progress(20, 0), Progress(21, 0)):
        bar(progress)
    drawn = output.getvalue()
    assert (drawn.count("\r"), "100%" in drawn, drawn.endswith("\n")) == (2, True, True)


def test_progress_in_a_service() -> None:
    """Where nobody looks nothing is drawn."""
    output = io.StringIO()
    ProgressBar(output)(Progress(1, 100))
    assert output.getvalue() == ""


def test_heartbeats_in_the_log(path: Path, directory: Path, endpoint: FaultEndpoint) -> None:
    """A log of nothing but heartbeats is nothing to ship, and no reason for one more of them."""
    with path.open("a") as file:
        file.write(f"{render_json(make_event(HEARTBEAT, sink='file'))}\n" * 3)
    shipper = make(path, directory)
    with capture_events() as logged:
        done = shipper.run(follow=False)
    assert (done, shipper.counts.accepted, logged) == (True, 0, [])
    assert ShipperState(directory, path).read()["position"]["offset"] == path.stat().st_size


def test_heartbeat_in_the_local_log(path: Path, directory: Path) -> None:
    """A shipper that has sent something says so in the local log."""
    write(path, 2)
    with capture_events() as logged:
        make(path, directory).run(follow=False)
    assert [(event.type.name, event.fields["sink"], event.fields["sent"]) for event in logged] == [
        ("heartbeat", "cloudwatch_shipper", 2)
    ]
