"""Events as data, and the registry of event types."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from security_logging.events import type_registry
from security_logging.events.ecs import parse_json, render_json
from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.line import parse, render
from security_logging.events.type_registry import counted, event_types, get, register
from security_logging.events.types import LOGIN_FAILED, LOGOUT, EventType, Proof
from security_logging.fail2ban.files.render import render_filter

TIME = datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)
ID = "4f1c0a2b9d3e4c5f60718293"
VOUCHER_GUESSED = EventType(
    "shop_voucher_guessed", "probe", logging.WARNING, "A voucher that does not exist was tried.",
    ("user", "path", "object"), counted_as="probe", proofs=(Proof.CREDENTIAL_CHECKED,),
)  # fmt: skip


def _event(**changes: Any) -> SecurityEvent:
    return replace(SecurityEvent(LOGIN_FAILED, TIME, 412, ID, {"ip": "203.0.113.7", "user": "alice"}), **changes)


def _through_a_queue(event: SecurityEvent) -> object:
    return pickle.loads(pickle.dumps(event))  # noqa: S301 (our own)


def test_head_is_always_there() -> None:
    """What nobody knows of the head is a dash."""
    assert _event().fields == {"ip": "203.0.113.7", "net": "-", "surface": "-", "reason": "-", "user": "alice"}


def test_fields_are_in_line_order() -> None:
    """The order of the fields is that of the vocabulary, whatever order they are given in."""
    given = {"path": "/", "user": "alice", "reason": "x", "ip": "-"}
    assert list(_event(fields=given).fields) == ["ip", "net", "surface", "reason", "user", "path"]


def test_address() -> None:
    """The address is at hand."""
    assert _event().address == "203.0.113.7"


def test_time_is_utc_in_milliseconds() -> None:
    """The time is in UTC and has no more digits than the line, or the line could not be read back."""
    berlin = timezone(timedelta(hours=2))
    event = _event(time=datetime(2026, 8, 1, 14, 0, 0, 123999, tzinfo=berlin))
    assert (event.time, event.time.tzinfo) == (TIME, timezone.utc)


def test_event_cannot_be_changed() -> None:
    """An event that was logged stays what it was."""
    with pytest.raises(FrozenInstanceError):
        _event().pid = 1  # type: ignore[misc]  # that is what is tested


def test_event_does_not_follow_its_source() -> None:
    """Changing the dictionary that an event was made of does not change the event."""
    fields = {"user": "alice"}
    event = _event(fields=fields)
    fields["user"] = "mallory"
    assert event.fields["user"] == "alice"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, _through_a_queue])
def test_copy(copied: Any) -> None:
    """A copy equals the event, also one that a queue carried into another process."""
    render(_event())
    assert copied(_event()) == _event()


def test_hash() -> None:
    """Equal events are one element of a set."""
    assert len({_event(), _event()}) == 1


def test_rendering_does_not_change_an_event() -> None:
    """An event that was written equals one that was not."""
    event = _event()
    render(event)
    assert (event, repr(event)) == (_event(), repr(_event()))


def test_what_is_rendered_follows_the_event() -> None:
    """A changed copy of an event that was written is written anew."""
    event = _event()
    render(event)
    assert 'user="bob"' in render(replace(event, fields={"user": "bob"}))


@pytest.mark.parametrize(
    ("wrong", "changes", "error"),
    [
        ("a field of another event type", {"fields": {"jail": "x"}}, "login_failed declares no field jail"),
        ("fields that do not exist", {"fields": {"b": 1, "a": 1}}, "login_failed declares no field a, b"),
        ("an address that is none", {"fields": {"ip": "somebody"}}, "somebody"),
        ("a number that is none", {"fields": {"status": "ok"}}, "ok"),
        ("a time without a zone", {"time": TIME.replace(tzinfo=None)}, "time without a zone: 2026-08-01 12:00:00.123"),
        ("an id that is none", {"id": "x"}, "not an id: 'x'"),
        ("an id with a line end", {"id": f"{ID}\n"}, "not an id"),
    ],
)
def test_refused(wrong: str, changes: dict[str, object], error: str) -> None:
    """An event that could not be read back, or that would name somebody by chance, is not made."""
    with pytest.raises(ValueError, match=error):
        _event(**changes)


def test_make_event() -> None:
    """A new event is of now and of this process, and what is None is left out."""
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    event = make_event(LOGOUT, ip="203.0.113.7", user="alice", user_id=None)
    assert before <= event.time <= datetime.now(timezone.utc)
    assert (event.type, event.pid, event.fields.get("user_id")) == (LOGOUT, os.getpid(), None)


def test_identifiers_differ() -> None:
    """Two events of the same moment are two events."""
    assert make_event(LOGOUT).id != make_event(LOGOUT).id


@pytest.mark.usefixtures("own_event_types")
def test_register() -> None:
    """A project's own event type is found like ours, behind ours."""
    assert register(VOUCHER_GUESSED) is VOUCHER_GUESSED
    assert (get("shop_voucher_guessed"), event_types()[-1]) == (VOUCHER_GUESSED, VOUCHER_GUESSED)


@pytest.mark.usefixtures("own_event_types")
def test_register_twice() -> None:
    """Registering the same type again, as a reloaded module does, changes nothing."""
    register(VOUCHER_GUESSED)
    register(replace(VOUCHER_GUESSED))
    assert event_types().count(VOUCHER_GUESSED) == 1


@pytest.mark.usefixtures("own_event_types")
def test_own_type_is_counted() -> None:
    """The modes of its family count it, the others do not."""
    register(VOUCHER_GUESSED)
    assert {mode: VOUCHER_GUESSED in counted(mode) for mode in type_registry.MODES} == {
        "normal": False,
        "admin": False,
        "probe": True,
        "aggressive": True,
        "locked": False,
    }


@pytest.mark.usefixtures("own_event_types")
def test_own_type_reaches_the_filter() -> None:
    """The filter that is rendered afterwards counts it."""
    register(VOUCHER_GUESSED)
    assert "\n_counted-probe = probe|shop_voucher_guessed\n" in render_filter()


@pytest.mark.usefixtures("own_event_types")
def test_own_type_reaches_the_line() -> None:
    """Its line is written and read like any other."""
    event = make_event(register(VOUCHER_GUESSED), ip="203.0.113.7", user="alice", object="voucher 7")
    assert parse(render(event)) == event


@pytest.mark.usefixtures("own_event_types")
def test_own_type_reaches_the_json_form() -> None:
    """Its JSON is written and read like any other, and leaves out what the standards do not call it."""
    event = make_event(register(VOUCHER_GUESSED), ip="203.0.113.7", object="voucher 7")
    written = json.loads(render_json(event))
    assert parse_json(render_json(event)) == event
    assert written["event"].keys() == {"action", "id", "kind", "outcome", "provider", "dataset", "severity"}


@pytest.mark.usefixtures("own_event_types")
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "the name must be 1 to 32 characters of a-z, 0-9 and _, begin with a letter, and not be 'log'."),
        ({"name": "log"}, "and not be 'log'."),
        ({"name": "Voucher"}, "the name must be"),
        ({"name": "7_vouchers"}, "the name must be"),
        ({"name": "a|b"}, "the name must be"),
        ({"name": "a b"}, "the name must be"),
        ({"name": "a\n"}, "the name must be"),
        ({"name": "x" * 33}, "the name must be"),
        ({"name": "login_failed"}, "another event type has this name; choose a name of your own"),
        ({"event_class": "shop"}, "event_class 'shop' is unknown; write one of auth, account, probe,"),
        ({"counted_as": "admin"}, "counted_as 'admin' is unknown; write one of normal, probe, locked or None."),
        ({"fields": ("voucher",)}, "fields ['voucher'] do not exist; choose from"),
        ({"fields": ("ip", "user", "id")}, "fields ['ip', 'id'] do not exist"),
        ({"fields": ("user", "user")}, "fields ['user'] are named twice"),
        ({"fields": ("user", "path", "agent", "detail", "target", "group", "before", "after", "object")}, "bytes long"),
    ],
)
def test_register_refuses(changes: dict[str, Any], problem: str) -> None:
    """A type that could break the line or the filter is refused, with what to write instead."""
    with pytest.raises(ValueError, match=r"Event type .+: ") as caught:
        register(replace(VOUCHER_GUESSED, **changes))
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["coffee_made", "", "log"])
def test_get_unknown(name: str) -> None:
    """A name that no type has is a KeyError."""
    with pytest.raises(KeyError):
        get(name)


def test_counted_in_an_unknown_mode() -> None:
    """A mode that the filter does not have is a KeyError."""
    with pytest.raises(KeyError):
        counted("everything")
