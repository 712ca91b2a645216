from __future__ import annotations

import re

import pytest

from security_logging.cloudwatch.setup import queries
from security_logging.cloudwatch.setup.queries import Query
from security_logging.events.fields import FIELDS
from security_logging.events.type_registry import counted, event_types

ALL = queries.queries()
every_query = pytest.mark.parametrize("query", ALL, ids=lambda query: query.name)
COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
KNOWN = {"@timestamp", "message", "log.logger", "event.action", "event.id", "event.outcome"} | {
    field.ecs for field in FIELDS.values()
}


def test_number() -> None:
    """There are at least fifteen questions, each with a name of its own."""
    assert len({query.name for query in ALL}) == len(ALL) >= 15


@every_query
def test_question(query: Query) -> None:
    """A title is a question."""
    assert re.fullmatch(r"[A-Z].*\?", query.question)


@every_query
def test_commands(query: Query) -> None:
    """Each line is a command of Logs Insights."""
    assert {line.split()[0] for line in query.render().split("\n| ")} <= COMMANDS


@every_query
def test_fields(query: Query) -> None:
    """Each field that is asked for is one that our documents have."""
    text = re.sub(r'"[^"]*"|/[^/]*/', "", query.render())
    assert set(re.findall(r"@?[a-z_]+(?:\.[a-z_]+)+", text)) <= KNOWN


@every_query
def test_event_types(query: Query) -> None:
    """Each event type that is asked for exists."""
    named = set(re.findall(r"event\.action (?:=|in \[)[^|]*", query.render()))
    words = {word for part in named for word in re.findall(r'"([a-z_]+)"', part.split("]")[0].split(" and ")[0])}
    assert words <= {event_type.name for event_type in event_types()}


def test_failures_and_logins_differ_by_outcome() -> None:
    """The query for break-ins tells failures from logins by their outcome."""
    assert {event_type.ecs_outcome for event_type in counted("normal")} == {"failure"}


def test_values() -> None:
    """A query takes the value that it is given."""
    assert 'source.ip = "198.51.100.1"' in queries.get("address").render(ip="198.51.100.1")


def test_parameters() -> None:
    """A query says what it needs to know."""
    assert [queries.get(name).parameters for name in ("attackers", "user", "request")] == [
        (),
        ("user",),
        ("request_id",),
    ]


@pytest.mark.parametrize("value", ['a" or 1 = 1', "a\\", "a\nb", "a | limit 1"])
def test_value_that_would_change_the_query(value: str) -> None:
    """A value cannot end its string."""
    with pytest.raises(ValueError, match="user must not contain"):
        queries.get("user").render(user=value)
