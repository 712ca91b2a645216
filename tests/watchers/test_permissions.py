"""Changes of groups and permissions, from both ends of each relation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import django
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db.models.signals import m2m_changed
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from security_logging.events.event import SecurityEvent
from security_logging.watchers import permissions as privileges

pytestmark = pytest.mark.django_db

Told = tuple[object, ...]


def told(events: list[SecurityEvent]) -> list[Told]:
    """Return of each event its name, whom it is about, what changed, and what was before and after."""
    found: list[Told] = []
    for event in events:
        about = event.fields.get("target", event.fields.get("group"))
        found.append((event.type.name, about, *(event.fields[name] for name in ("change", "before", "after"))))
    return found


@pytest.fixture
def alice() -> User:
    """Return a user without groups."""
    return User.objects.create_user("alice")


@pytest.fixture
def editors() -> Group:
    """Return a group without permissions."""
    return Group.objects.create(name="editors")


@pytest.fixture
def writers() -> Group:
    """Return another group."""
    return Group.objects.create(name="writers")


def permission(codename: str) -> Permission:
    """Return one of the permissions that Django makes for its own models."""
    return Permission.objects.get(codename=codename)


def changed(before: str, after: str, word: str = "groups", about: str = "alice") -> list[Told]:
    """Return the one event of a change: it says what was before and after, whichever way it was made."""
    name = "privileges_changed" if about == "alice" else "group_permissions_changed"
    verb = "added" if len(after) > len(before) else "removed"
    return [(name, about, f"{word} {verb}", before, after)]


@pytest.mark.parametrize(
    "add",
    [
        lambda user, group: user.groups.add(group),
        lambda user, group: user.groups.set([group]),
        lambda user, group: user.groups.set([group], clear=True),
        lambda user, group: group.user_set.add(user),
        lambda user, group: group.user_set.set([user.pk]),
    ],
)
def test_group_added(
    alice: User, editors: Group, captured: list[SecurityEvent], add: Callable[[User, Group], None]
) -> None:
    """A user that joins a group is one event, from whichever end it is done."""
    captured.clear()
    add(alice, editors)
    assert told(captured) == changed("", "editors")


@pytest.mark.parametrize(
    "remove",
    [
        lambda user, group: user.groups.remove(group),
        lambda user, group: user.groups.set([]),
        lambda user, group: user.groups.clear(),
        lambda user, group: group.user_set.remove(user),
        lambda user, group: group.user_set.set([]),
        lambda user, group: group.user_set.clear(),
    ],
)
def test_group_removed(
    alice: User, editors: Group, captured: list[SecurityEvent], remove: Callable[[User, Group], None]
) -> None:
    """A user that leaves a group is one event, from whichever end it is done."""
    alice.groups.add(editors)
    captured.clear()
    remove(alice, editors)
    assert told(captured) == changed("editors", "")


@pytest.mark.parametrize(
    "nothing",
    [
        lambda user, group, other: user.groups.add(group),
        lambda user, group, other: user.groups.add(),
        lambda user, group, other: user.groups.set([group]),
        lambda user, group, other: user.groups.remove(other),
        lambda user, group, other: group.user_set.add(user),
        lambda user, group, other: other.user_set.remove(user),
        lambda user, group, other: other.user_set.clear(),
    ],
)
def test_nothing_changed(
    alice: User,
    editors: Group,
    writers: Group,
    captured: list[SecurityEvent],
    nothing: Callable[[User, Group, Group], None],
) -> None:
    """Adding what is there and removing what is not is no event."""
    alice.groups.add(editors)
    captured.clear()
    nothing(alice, editors, writers)
    assert captured == []


def test_what_changed_stands_first(alice: User, editors: Group, writers: Group, captured: list[SecurityEvent]) -> None:
    """The new group is named before those that stay: a long list is cut at its end."""
    alice.groups.add(editors)
    captured.clear()
    alice.groups.add(writers)
    assert told(captured) == changed("editors", "writers, editors")


def test_what_was_removed_stands_first(
    alice: User, editors: Group, writers: Group, captured: list[SecurityEvent]
) -> None:
    """The group that is left is named before those that stay."""
    alice.groups.add(editors, writers)
    captured.clear()
    alice.groups.remove(writers)
    assert told(captured) == changed("writers, editors", "editors")


def test_exchanged(alice: User, editors: Group, writers: Group, captured: list[SecurityEvent]) -> None:
    """One group for another is two events: what was taken and what was given."""
    alice.groups.add(editors)
    captured.clear()
    alice.groups.set([writers])
    assert told(captured) == changed("editors", "") + changed("", "writers")


def test_two_users_of_one_group(alice: User, editors: Group, captured: list[SecurityEvent]) -> None:
    """Each user that a group gets is an event of its own."""
    bob = User.objects.create_user("bob")
    captured.clear()
    editors.user_set.add(alice, bob)
    assert sorted(str(event.fields["target"]) for event in captured) == ["alice", "bob"]


def test_key_of_the_user(alice: User, editors: Group, captured: list[SecurityEvent]) -> None:
    """The event has the key of the user whom it was done to."""
    captured.clear()
    editors.user_set.add(alice)
    assert captured[0].fields["target_id"] == str(alice.pk)


def test_permission_of_a_user(alice: User, captured: list[SecurityEvent]) -> None:
    """A permission that a user gets itself is named with its app."""
    alice.user_permissions.add(permission("delete_user"))
    assert told(captured) == changed("", "auth.delete_user", "permissions")


def test_permission_of_a_user_from_the_other_end(alice: User, captured: list[SecurityEvent]) -> None:
    """A permission that is given by way of the permission is the same event."""
    permission("delete_user").user_set.add(alice)
    assert told(captured) == changed("", "auth.delete_user", "permissions")


@pytest.mark.parametrize(
    "add",
    [
        lambda group, right: group.permissions.add(right),
        lambda group, right: right.group_set.add(group),
    ],
)
def test_permission_of_a_group(
    editors: Group, captured: list[SecurityEvent], add: Callable[[Group, Permission], None]
) -> None:
    """A permission that a group gets is an event about the group."""
    add(editors, permission("delete_user"))
    assert told(captured) == changed("", "auth.delete_user", "permissions", "editors")


@pytest.mark.parametrize(
    "remove",
    [
        lambda group, right: group.permissions.clear(),
        lambda group, right: right.group_set.clear(),
    ],
)
def test_permission_taken_from_a_group(
    editors: Group, captured: list[SecurityEvent], remove: Callable[[Group, Permission], None]
) -> None:
    """A permission that a group loses is an event about the group."""
    right = permission("delete_user")
    editors.permissions.add(right)
    captured.clear()
    remove(editors, right)
    assert told(captured) == changed("auth.delete_user", "", "permissions", "editors")


def test_hostile_name(alice: User, captured: list[SecurityEvent]) -> None:
    """A group's name is text like any other: it cannot end the line."""
    alice.groups.add(Group.objects.create(name="x\nfake"))
    assert captured[0].fields["after"] == "x\nfake"


def test_queries_of_an_addition(alice: User, editors: Group, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """An addition costs two queries of ours, whatever it adds; the other two are Django's."""
    with django_assert_num_queries(4):
        alice.groups.add(editors)


def test_queries_of_no_change(alice: User, editors: Group, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Setting or adding the same groups again costs none; the one of each is Django's."""
    alice.groups.add(editors)
    with django_assert_num_queries(2):
        alice.groups.set([editors])
        alice.groups.add(editors)


def test_who_did_it(alice: User, editors: Group, admin_client: Client, captured: list[SecurityEvent]) -> None:
    """In the admin the event says who did it and to whom."""
    date = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    data = {"username": "alice", "is_active": "on", "groups": [editors.pk], **date}
    admin_client.post(f"/admin/auth/user/{alice.pk}/change/", data)
    event = next(event for event in captured if event.type.name == "privileges_changed")
    assert (event.fields["user"], event.fields["target"], event.fields["after"]) == ("admin", "alice", "editors")


def test_fixture(alice: User, editors: Group, tmp_path: Path, captured: list[SecurityEvent]) -> None:
    """A group from a fixture is logged, and marked as such where Django tells, since 6.1."""
    fields = {"username": "alice", "groups": [editors.pk]}
    fixture = tmp_path / "users.json"
    fixture.write_text(json.dumps([{"model": "auth.user", "pk": alice.pk, "fields": fields}]), encoding="utf-8")
    call_command("loaddata", str(fixture), verbosity=0)
    assert captured[-1].fields["reason"] == ("fixture" if django.VERSION >= (6, 1) else "-")


def test_connected_once(alice: User, editors: Group, captured: list[SecurityEvent]) -> None:
    """Connecting again changes nothing."""
    privileges.connect()
    captured.clear()
    alice.groups.add(editors)
    assert len(captured) == 1


def test_failure_is_reported(
    alice: User, editors: Group, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]
) -> None:
    """An error of ours does not keep the group from being added or removed."""
    monkeypatch.setattr(privileges, "_holders", lambda *arguments: 1 / 0)
    alice.groups.add(editors)
    alice.groups.clear()
    assert (alice.groups.count(), captured) == (0, [])


@pytest.mark.parametrize("action", ["pre_add", "post_add", "pre_remove", "post_remove", "pre_clear", "post_clear"])
def test_signal_without_its_arguments(alice: User, editors: Group, captured: list[SecurityEvent], action: str) -> None:
    """Who sends the signal by hand and does not say what changed gets no error, and nothing is logged."""
    alice.groups.add(editors)
    captured.clear()
    m2m_changed.send(sender=User.groups.through, instance=alice, action=action)
    assert captured == []


def test_signal_about_nobody(captured: list[SecurityEvent]) -> None:
    """So it is for a signal that does not even say whose groups changed."""
    m2m_changed.send(sender=User.groups.through)
    assert captured == []


def test_signal_sent_by_hand(alice: User, editors: Group, captured: list[SecurityEvent]) -> None:
    """A change that is signalled by hand is logged without the name of the database."""
    User.groups.through.objects.create(user=alice, group=editors)
    captured.clear()
    m2m_changed.send(sender=User.groups.through, instance=alice, action="post_add", reverse=False, pk_set={editors.pk})
    assert told(captured) == changed("", "editors")


@override_settings(INSTALLED_APPS=["django.contrib.contenttypes"])
def test_site_without_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site without users and groups has nothing to watch."""
    monkeypatch.setattr(privileges, "_relations", {})
    privileges.connect()
    assert privileges._relations == {}


@pytest.mark.parametrize("relation", ["groups", "name"])
def test_model_without_the_relation(monkeypatch: pytest.MonkeyPatch, relation: str) -> None:
    """A user model that has no groups, or calls something else so, is left alone."""
    monkeypatch.setattr(privileges, "_relations", {})
    privileges._watch(Group, relation, "name", ("name",))
    assert privileges._relations == {}
