"""Identical lines above a rate become one, and no other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory, override_settings

from clock import Clock
from security_logging.events import types as event_types
from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.line import render_message
from security_logging.events.types import EventType
from security_logging.internal import flood
from security_logging.internal.flood import Flood
from security_logging.logger import flood_control, log_event, write_folded

ADDRESS = "203.0.113.7"


@pytest.fixture
def control(clock: Clock) -> Flood:
    """Return flood control in its first window."""
    return Flood(clock)


def probe(path: str = "/.env", kind: EventType = event_types.PROBE, **fields: object) -> SecurityEvent:
    """Return an event of one address."""
    return make_event(
        kind, **{"ip": ADDRESS, "net": ADDRESS, "surface": "site", "reason": "bait", "path": path, **fields}
    )


def written(control: Flood, events: list[SecurityEvent]) -> list[SecurityEvent]:
    """Return what is written at once of the events."""
    return [due for event in events for due in control.fold(event)]


def counts(events: list[SecurityEvent]) -> list[object]:
    """Return of each event for how many it stands."""
    return [event.fields.get("count", 1) for event in events]


def test_below_the_rate(control: Flood) -> None:
    """Ten identical lines of an address are ten lines."""
    assert len(written(control, [probe() for _ in range(10)])) == 10


def test_above_the_rate(control: Flood) -> None:
    """What is above the rate is one line with a count, and no request is lost."""
    at_once = written(control, [probe() for _ in range(1000)])
    assert (counts(at_once), counts(control.take())) == ([1] * 10, [990])


def test_window_ends(control: Flood, clock: Clock) -> None:
    """The next event after the end of the window brings the line with the count, and starts a window."""
    written(control, [probe() for _ in range(12)])
    clock.now += 60
    assert counts(control.fold(probe())) == [2, 1]


def test_event_while_a_window_ends(control: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signal handler logs while the lines with a count are being made is not lost."""
    written(control, [probe() for _ in range(12)])
    make, told = flood._with_count, list[SecurityEvent]()

    def interrupted(*arguments: Any) -> SecurityEvent:
        told.extend(control.fold(probe()))
        return make(*arguments)

    monkeypatch.setattr(flood, "_with_count", interrupted)
    ended = control.take()
    monkeypatch.undo()
    assert counts([*ended, *told, *control.take()]) == [2, 1]


def test_window_ends_with_any_event(control: Flood, clock: Clock) -> None:
    """A failed login brings it too, and stands behind it."""
    written(control, [probe() for _ in range(12)])
    clock.now += 60
    due = control.fold(make_event(event_types.LOGIN_FAILED, ip=ADDRESS))
    assert [event.type.name for event in due] == ["probe", "login_failed"]


def test_window_goes_on(control: Flood, clock: Clock) -> None:
    """Within the window a failed login is written alone."""
    written(control, [probe() for _ in range(12)])
    clock.now += 59
    assert len(control.fold(make_event(event_types.LOGIN_FAILED, ip=ADDRESS))) == 1


def test_first_lines_of_each_window(control: Flood, clock: Clock) -> None:
    """Fail2ban sees the first lines of an address in every window."""
    written(control, [probe() for _ in range(50)])
    clock.now += 60
    assert counts(written(control, [probe() for _ in range(50)])) == [40, *[1] * 10]


@pytest.mark.parametrize(
    "kind", [kind for kind in event_types.EVENT_TYPES if kind.event_class != "probe"], ids=lambda kind: kind.name
)
def test_never_folded(control: Flood, kind: EventType) -> None:
    """Only the class probe is folded: each failed login, token and second factor is a line."""
    assert len(written(control, [make_event(kind, ip=ADDRESS) for _ in range(300)])) == 300


@pytest.mark.parametrize(
    "kind", [kind for kind in event_types.EVENT_TYPES if kind.event_class == "probe"], ids=lambda kind: kind.name
)
def test_folded(control: Flood, kind: EventType) -> None:
    """Every event of the class probe can be folded."""
    assert len(written(control, [probe(kind=kind) for _ in range(300)])) == 10


def test_own_event_without_a_count(control: Flood) -> None:
    """A project's event that declares no count is not folded."""
    kind = EventType("voucher_guessed", "probe", 30, "A voucher was guessed.", ("path",))
    assert len(written(control, [probe(kind=kind) for _ in range(20)])) == 20


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/.git/config"},
        {"ip": "203.0.113.8", "net": "203.0.113.8"},
        {"surface": "api"},
        {"reason": "other"},
        {"method": "POST"},
        {"kind": event_types.CROSSSITE_REQUEST},
    ],
    ids=lambda other: next(iter(other)),
)
def test_not_identical(control: Flood, other: dict[str, Any]) -> None:
    """Lines that differ in what matters are not folded into each other."""
    written(control, [probe() for _ in range(20)])
    assert len(control.fold(probe(**other))) == 1


@pytest.mark.parametrize("name", ["agent", "request_id", "claimed"])
def test_what_a_client_varies_at_will(control: Flood, name: str) -> None:
    """A client escapes folding neither by another agent nor by another claim."""
    varied: list[dict[str, Any]] = [{name: f"198.51.100.{number}"} for number in range(20)]
    events = [probe(**values) for values in varied]
    assert len(written(control, events)) == 10


def test_members_of_a_network(control: Flood) -> None:
    """The addresses of one IPv6 /64 are one client."""
    events = [probe(ip=f"2001:db8::{number:x}", net="2001:db8::/64") for number in range(20)]
    assert len(written(control, events)) == 10


def test_unknown_addresses(control: Flood) -> None:
    """Where the address is unknown, the peer tells clients apart."""
    events = [probe(ip="-", net="-", peer=f"10.0.0.{number}") for number in range(20)]
    assert len(written(control, events)) == 20


def test_many_paths(control: Flood) -> None:
    """An address that asks for ever new paths is folded too, far above what Fail2ban needs."""
    at_once = written(control, [probe(f"/.git/{number}") for number in range(1000)])
    assert (counts(at_once), counts(control.take())) == ([1] * 200, [800])


def test_line_of_many_paths(control: Flood) -> None:
    """Its line names none of the paths, since it stands for all."""
    written(control, [probe(f"/.git/{number}", agent="x", method="GET") for number in range(300)])
    line = render_message(control.take()[0]).rpartition(" id=")[0]
    assert line == f"probe ip={ADDRESS} net={ADDRESS} surface=site reason=bait count=100"


def test_line_of_identical(control: Flood) -> None:
    """The line of identical requests says what each of them would have said."""
    written(control, [probe(method="GET") for _ in range(12)])
    line = render_message(control.take()[0]).rpartition(" id=")[0]
    assert line == f'probe ip={ADDRESS} net={ADDRESS} surface=site reason=bait method="GET" path="/.env" count=2'


def test_time_of_the_line(control: Flood) -> None:
    """It has the time of the last request, so that Fail2ban does not take an old one for new."""
    events = [probe() for _ in range(12)]
    written(control, events)
    assert control.take()[0].time == events[-1].time


def test_one_above_the_rate(control: Flood) -> None:
    """A single request above the rate keeps its line as it is."""
    events = [probe() for _ in range(11)]
    written(control, events)
    assert control.take() == [events[-1]]


@override_settings(SECURITY_LOGGING_FLOOD_WINDOW=0)
def test_switched_off(control: Flood) -> None:
    """Without a window each line is written."""
    assert len(written(control, [probe() for _ in range(300)])) == 300


@override_settings(SECURITY_LOGGING_FLOOD_LINES=3, SECURITY_LOGGING_FLOOD_ADDRESS_LINES=5)
def test_settings(control: Flood) -> None:
    """The settings say how many lines are written."""
    events = [probe(f"/.git/{number // 4}") for number in range(12)]
    assert len(written(control, events)) == 5


def test_bounded_memory(control: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many kinds of lines are told apart, further ones are written, and those known still folded."""
    monkeypatch.setattr(flood, "MAX_KEYS", 10)
    for number in range(100):
        control.fold(probe(ip=f"203.0.113.{number}", net=f"203.0.113.{number}"))
    assert len(written(control, [probe(ip="203.0.113.200", net="203.0.113.200") for _ in range(300)])) == 300


def test_threads(control: Flood) -> None:
    """With many threads at once each event is written or counted, once."""
    at_once: list[SecurityEvent] = []

    def attack() -> None:
        at_once.extend(written(control, [probe() for _ in range(200)]))

    threads = [threading.Thread(target=attack) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(at_once), counts(control.take())) == (10, [1590])


def test_log_event_folds(captured: list[SecurityEvent], rf: RequestFactory) -> None:
    """Events of requests go through flood control on their way into the log."""
    for _ in range(15):
        log_event("probe", rf.get("/.env"))
    assert len(captured) == 10


def test_end_of_the_process(captured: list[SecurityEvent], rf: RequestFactory) -> None:
    """At the end of the process what waits for the end of its window is written."""
    for _ in range(15):
        log_event("probe", rf.get("/.env"))
    write_folded()
    assert counts(captured) == [*[1] * 10, 5]


def test_after_the_end(captured: list[SecurityEvent], rf: RequestFactory) -> None:
    """Once a process has said that it ends, no line is kept back: nobody would write it."""
    write_folded()
    for _ in range(15):
        log_event("probe", rf.get("/.env"))
    assert counts(captured) == [1] * 15


def test_interrupted_by_the_end(control: Flood) -> None:
    """What a signal has interrupted while it was folded is written with the next event."""
    control.end()
    control._folded["interrupted",] = (probe(), 7)
    assert counts(control.fold(probe())) == [7, 1]


def test_request_knows_folded_events(rf: RequestFactory) -> None:
    """An event that is folded has happened all the same: log_event returns it."""
    events = [log_event("probe", rf.get("/.env")) for _ in range(15)]
    assert None not in events


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other tests have left threads that wait for nothing
def test_forked_process(rf: RequestFactory, run_forked: Callable[[Callable[[], int]], int]) -> None:
    """A forked process does not write again what its parent has folded."""
    for _ in range(15):
        log_event("probe", rf.get("/.env"))
    assert (run_forked(lambda: len(flood_control.take())), counts(flood_control.take())) == (0, [5])


@pytest.fixture
def run_forked() -> Callable[[Callable[[], int]], int]:
    """Return a function that calls another one in a forked process and returns its small number."""

    def run(work: Callable[[], int]) -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(work())
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run
