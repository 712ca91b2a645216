"""The event types: well formed, named as the standards name them, and none forgotten."""

from __future__ import annotations

import ast
import json
import logging
import re
from pathlib import Path

import pytest

from security_logging.events import types as event_types
from security_logging.events.fields import FIELDS, HEAD, Field
from security_logging.events.type_registry import (
    COUNTED_AS,
    EVENT_CLASSES,
    FOREIGN,
    LINE_LIMIT,
    MODES,
    counted,
    get,
    longest_line,
)
from security_logging.events.types import EVENT_TYPES, LOCKED, EventType

TESTS = Path(__file__).parent.parent
PACKAGE = TESTS.parent / "security_logging"
ECS = json.loads((TESTS / "data/ecs-9.4.0.json").read_text("ascii"))
OWASP = json.loads((TESTS / "data/owasp-logging-vocabulary.json").read_text("ascii"))
CONSTANTS = {name: value for name, value in vars(event_types).items() if isinstance(value, EventType)}

every_type = pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)


@every_type
def test_name(event_type: EventType) -> None:
    """A name is a word in lower case that is not the word of foreign records, and its constant is called so."""
    assert re.fullmatch("[a-z]+(_[a-z]+)*", event_type.name)
    assert event_type.name != FOREIGN
    assert CONSTANTS[event_type.name.upper()] is event_type


@every_type
def test_meaning(event_type: EventType) -> None:
    """What an event type means is said in one sentence."""
    assert re.fullmatch(r"[A-Z][^.]+\.", event_type.meaning)


@every_type
def test_class_and_family(event_type: EventType) -> None:
    """Its class has a logger, its family has a mode of the filter."""
    assert event_type.event_class in EVENT_CLASSES
    assert event_type.counted_as in {None, *COUNTED_AS}


@every_type
def test_proof(event_type: EventType) -> None:
    """A type that is counted says what proves intent, and only such a type does."""
    assert bool(event_type.proofs) is (event_type.counted_as not in (None, LOCKED))


@pytest.mark.parametrize("family", [family for family in COUNTED_AS if family != LOCKED])
def test_counted_without_a_proof(family: str) -> None:
    """A type that is counted without a proof of intent cannot be made."""
    with pytest.raises(ValueError, match=f"'voucher' is counted as '{family}' without a proof of intent: name what"):
        EventType("voucher", "probe", logging.WARNING, "A voucher was guessed.", (), counted_as=family)


def test_lock_out_proves_nothing() -> None:
    """What a lock-out refuses has no proof, so no mode but its own counts it."""
    refused = EventType("refused", "auth", logging.WARNING, "A lock-out refused a login.", (), counted_as=LOCKED)
    assert refused.proofs == ()
    assert {mode: families for mode, (families, _) in MODES.items() if LOCKED in families} == {LOCKED: (LOCKED,)}


@every_type
def test_level(event_type: EventType) -> None:
    """Its level is one of those that mail nobody: a 403 is no reason to wake somebody, lost events are an error."""
    assert event_type.level in {logging.INFO, logging.WARNING, logging.ERROR}
    assert (event_type.level == logging.ERROR) <= (event_type.event_class == "system")


@every_type
def test_counted_types_are_warnings(event_type: EventType) -> None:
    """What Fail2ban counts is at least a warning, so that no usual level keeps it out of the file."""
    assert event_type.counted_as is None or event_type.level >= logging.WARNING


@every_type
def test_fields_are_declared(event_type: EventType) -> None:
    """Its fields are those of the registry, each once, without what every event has."""
    assert set(event_type.fields) <= FIELDS.keys() - {*HEAD, "id"}
    assert len(set(event_type.fields)) == len(event_type.fields)


@every_type
def test_user_comes_first(event_type: EventType) -> None:
    """The user name stands directly behind the head, where the filter reads it for the list of bans."""
    assert "user" not in event_type.fields[1:]


@every_type
def test_line_is_short(event_type: EventType) -> None:
    """Its longest line stays whole in one write."""
    assert longest_line(event_type) < LINE_LIMIT


def test_every_field_is_used() -> None:
    """No field is declared for nothing."""
    assert set(FIELDS) == {*HEAD, "id"}.union(*(event_type.fields for event_type in EVENT_TYPES))


def test_every_constant_is_in_the_vocabulary() -> None:
    """A type that is declared and not listed would be logged and never found."""
    assert sorted(t.name for t in CONSTANTS.values()) == sorted(t.name for t in EVENT_TYPES)


def test_names_are_unique() -> None:
    """One name stands for one event."""
    assert len({event_type.name for event_type in EVENT_TYPES}) == len(EVENT_TYPES)


@every_type
def test_get(event_type: EventType) -> None:
    """A type is found by its name."""
    assert get(event_type.name) is event_type


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("normal", {"login_failed", "mfa_failed", "token_failed", "password_change_failed"}),
        ("admin", {"login_failed", "mfa_failed", "token_failed", "password_change_failed"}),
        ("probe", {"probe"}),
        ("aggressive", {"login_failed", "mfa_failed", "token_failed", "password_change_failed", "probe"}),
        ("locked", {"login_blocked"}),
    ],
)
def test_counted(mode: str, names: set[str]) -> None:
    """Counted is what no honest visitor's browser produces; the list is a decision, so it stands here in full."""
    assert {event_type.name for event_type in counted(mode)} & {t.name for t in EVENT_TYPES} == names


def test_only_admin_is_bound_to_a_surface() -> None:
    """The mode admin counts at the admin, the others wherever it happened."""
    assert {mode: surface for mode, (_, surface) in MODES.items()} == {
        "normal": None,
        "admin": "admin",
        "probe": None,
        "aggressive": None,
        "locked": None,
    }


@every_type
def test_ecs_lists(event_type: EventType) -> None:
    """Categories, types and outcome are values of the closed lists of the Elastic Common Schema."""
    assert set(event_type.ecs_categories) <= ECS["categories"].keys()
    assert set(event_type.ecs_types) <= set(ECS["types"])
    assert event_type.ecs_outcome in ECS["outcomes"]
    assert event_type.ecs_categories
    assert event_type.ecs_types


@every_type
def test_ecs_types_fit_the_categories(event_type: EventType) -> None:
    """Each ECS type is expected in one of the event's categories, and each category expects one of its types."""
    expected = {category: set(ECS["categories"][category]) for category in event_type.ecs_categories}
    assert set(event_type.ecs_types) <= set().union(*expected.values())
    assert [category for category, types in expected.items() if not types & set(event_type.ecs_types)] == []


@every_type
def test_ecs_iam_events_say_what_was_acted_on(event_type: EventType) -> None:
    """An event about users or groups alone carries two types: what happened, and to whom (ECS, iam)."""
    if event_type.ecs_categories == ("iam",):
        assert set(event_type.ecs_types) & {"user", "group"}
        assert set(event_type.ecs_types) - {"user", "group"}


@every_type
def test_owasp(event_type: EventType) -> None:
    """Its OWASP name is in the OWASP Logging Vocabulary, where that has one."""
    assert event_type.owasp in {"", *OWASP["names"]}


@every_type
def test_ocsf(event_type: EventType) -> None:
    """Its OCSF class is one of those that we map to, and it has an activity."""
    ocsf_class, activity = event_type.ocsf
    assert ocsf_class in {3001, 3002, 3005, 3006, 4002, 6001, 6002, 7004}
    assert 0 < activity <= 99


@every_type
def test_attack(event_type: EventType) -> None:
    """Its MITRE technique has the form of one."""
    assert re.fullmatch(r"(T\d{4}(\.\d{3})?)?", event_type.attack)


@every_type
def test_severity(event_type: EventType) -> None:
    """Its severity runs from 0 to 100, and a warning is never less severe than what is merely noted."""
    assert 0 <= event_type.severity <= 100
    assert event_type.level < logging.ERROR or event_type.severity >= 80


def test_every_field_has_a_place_in_ecs() -> None:
    """Each field's place is one of the schema, or among the labels, which are free."""
    places = {field.ecs for field in FIELDS.values()}
    assert {place for place in places if not place.startswith("labels.")} <= ECS["fields"].keys()


FITTING = {
    "address": {"ip"},
    "network": {"keyword"},
    "word": {"keyword"},
    "text": {"keyword", "wildcard"},
    "integer": {"long"},
}


@pytest.mark.parametrize("field", [f for f in FIELDS.values() if not f.ecs.startswith("labels.")], ids=lambda f: f.name)
def test_ecs_type_of_field(field: Field) -> None:
    """A field's kind fits the type of its place, and an index keeps all of it."""
    place = ECS["fields"][field.ecs]
    assert place["type"] in FITTING[field.kind.value]
    assert field.max_length <= place.get("ignore_above", field.max_length)


def _names_used(path: Path) -> set[str]:
    """Return every name that a module reads, as itself or as the attribute of another."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_none_is_forgotten() -> None:
    """Each event type is logged somewhere in the package: none is a promise."""
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "event_types.py"]
    used = set().union(*map(_names_used, modules))
    assert {value.name for name, value in CONSTANTS.items() if name not in used} == set()
