"""Users that are created, deleted, disabled, and made staff or superuser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models.signals import ModelSignal, post_delete, post_save, pre_save
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from security_logging.events.event import SecurityEvent
from security_logging.watchers import users

pytestmark = pytest.mark.django_db


def told(events: list[SecurityEvent]) -> list[tuple[str, dict[str, object]]]:
    """Return of each event its name and what it says of users and changes."""
    names = ("user", "target", "change", "before", "after")
    return [(event.type.name, {name: event.fields[name] for name in names if name in event.fields}) for event in events]


@pytest.fixture
def alice() -> User:
    """Return a stored user without privileges."""
    return User.objects.create_user("alice", password="secret-of-alice")


def test_created(captured: list[SecurityEvent]) -> None:
    """A new user is an event."""
    User.objects.create_user("alice")
    assert told(captured) == [("user_created", {"target": "alice"})]


def test_created_key(captured: list[SecurityEvent]) -> None:
    """The event has the key that the new user got."""
    user = User.objects.create_user("alice")
    assert captured[0].fields["target_id"] == str(user.pk)


def test_created_superuser(captured: list[SecurityEvent]) -> None:
    """A new user's privileges are in the event that creates it."""
    User.objects.create_superuser("root")
    assert told(captured) == [("user_created", {"target": "root", "after": "is_staff, is_superuser"})]


def test_created_with_a_key(captured: list[SecurityEvent]) -> None:
    """A user that the code gives a key of its own is new all the same."""
    User(pk=4711, username="alice").save()
    assert told(captured) == [("user_created", {"target": "alice"})]


def test_deleted(alice: User, captured: list[SecurityEvent]) -> None:
    """A deleted user is an event."""
    alice.delete()
    assert told(captured) == [("user_deleted", {"target": "alice"})]


def test_deleted_superuser(admin_user: User, captured: list[SecurityEvent]) -> None:
    """The event says what the deleted user was allowed to do, and under which key."""
    key = str(admin_user.pk)
    admin_user.delete()
    assert (captured[0].fields["before"], captured[0].fields["target_id"]) == ("is_staff, is_superuser", key)


def test_deleted_in_bulk(captured: list[SecurityEvent]) -> None:
    """Each user that a query deletes is an event."""
    User.objects.bulk_create([User(username=name) for name in ("alice", "bob")])
    User.objects.all().delete()
    assert sorted(event.fields["target"] for event in captured) == ["alice", "bob"]


@pytest.mark.parametrize(("name", "value"), [("username", "bob"), ("email", "bob@example.com")])
def test_renamed(alice: User, captured: list[SecurityEvent], name: str, value: str) -> None:
    """Another user name or address is an event, which says no more than which of them it is."""
    setattr(alice, name, value)
    alice.save()
    assert told(captured) == [("user_updated", {"target": alice.username, "change": name})]


def test_renamed_alone(alice: User, captured: list[SecurityEvent]) -> None:
    """So is one that is saved alone."""
    alice.email = "bob@example.com"
    alice.save(update_fields=["email"])
    assert told(captured) == [("user_updated", {"target": "alice", "change": "email"})]


def test_renamed_and_disabled(alice: User, captured: list[SecurityEvent]) -> None:
    """Two changes of names are one event, and a flag is another."""
    alice.username, alice.email, alice.is_active = "bob", "bob@example.com", False
    alice.save()
    assert [name for name, _ in told(captured)] == ["user_updated", "user_disabled"]
    assert captured[0].fields["change"] == "username, email"


def test_queries_to_rename(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """One query reads all that is stored, and one writes."""
    alice.username, alice.is_staff = "bob", True
    with django_assert_num_queries(2):
        alice.save()


@pytest.mark.parametrize("name", ["is_staff", "is_superuser"])
def test_granted(alice: User, captured: list[SecurityEvent], name: str) -> None:
    """A granted status is an event with what was before and after."""
    setattr(alice, name, True)
    alice.save()
    assert told(captured) == [
        ("privileges_changed", {"target": "alice", "change": name, "before": "no", "after": "yes"})
    ]


def test_revoked(admin_user: User, captured: list[SecurityEvent]) -> None:
    """A revoked status is an event."""
    admin_user.is_superuser = False
    admin_user.save()
    changed = {"target": "admin", "change": "is_superuser", "before": "yes", "after": "no"}
    assert told(captured) == [("privileges_changed", changed)]


def test_disabled(alice: User, captured: list[SecurityEvent]) -> None:
    """A user that can no longer log in is an event of its own."""
    alice.is_active = False
    alice.save()
    assert told(captured) == [("user_disabled", {"target": "alice"})]


def test_enabled_again(alice: User, captured: list[SecurityEvent]) -> None:
    """An account that comes back to life is a change of privileges: an attacker may want an old one."""
    User.objects.update(is_active=False)
    alice.save()
    changed = {"target": "alice", "change": "is_active", "before": "no", "after": "yes"}
    assert told(captured) == [("privileges_changed", changed)]


def test_put_together_by_key(alice: User, captured: list[SecurityEvent]) -> None:
    """What counts is the change in the database, also when the code never loaded the user."""
    User(pk=alice.pk, username="alice", is_superuser=True).save()
    assert [fields["change"] for _, fields in told(captured)] == ["is_superuser"]


def test_what_is_not_saved(alice: User, captured: list[SecurityEvent]) -> None:
    """A status that `update_fields` leaves out is not changed, so it is not logged."""
    alice.is_superuser, alice.is_staff = True, True
    alice.save(update_fields=["is_staff"])
    assert [fields["change"] for _, fields in told(captured)] == ["is_staff"]


def test_saved_unchanged(alice: User, captured: list[SecurityEvent]) -> None:
    """A save that changes neither status nor activity is no event."""
    alice.first_name = "Alice"
    alice.save()
    assert captured == []


def test_failed_save_is_forgotten(alice: User, captured: list[SecurityEvent]) -> None:
    """What a save that failed would have changed is not logged with the next one."""
    alice.is_staff, alice.username = True, None  # type: ignore[assignment]  # what the database refuses
    with pytest.raises(IntegrityError), transaction.atomic():
        alice.save()
    alice.save(update_fields=["first_name"])
    assert captured == []


def test_failed_save_before_a_failure_of_ours(
    alice: User, captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not even when the next one cannot be looked at."""
    alice.is_staff, alice.username = True, None  # type: ignore[assignment]  # what the database refuses
    with pytest.raises(IntegrityError), transaction.atomic():
        alice.save()
    monkeypatch.setattr(users, "_stored", None)
    alice.save(update_fields=["first_name"])
    assert captured == []


@pytest.mark.parametrize("signal", [pre_save, post_save, post_delete])
@pytest.mark.parametrize("arguments", [{"instance": User(username="alice")}, {}], ids=["user", "nothing"])
def test_signal_sent_by_hand(signal: ModelSignal, arguments: dict[str, Any]) -> None:
    """Who sends a signal of Django's without all that Django says in it gets no error."""
    results = signal.send(sender=User, **arguments)
    assert {result for _, result in results} == {None}


def test_saved_by_hand(alice: User, captured: list[SecurityEvent]) -> None:
    """A change that is signalled by hand, as by code that writes rows itself, is logged."""
    alice.is_staff = True
    pre_save.send(sender=User, instance=alice)
    post_save.send(sender=User, instance=alice)
    assert [fields["change"] for _, fields in told(captured)] == ["is_staff"]


def test_query_of_a_save(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Saving a whole user costs one query more, for what is stored."""
    with django_assert_num_queries(2):
        alice.save()


def test_no_query_on_login(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A save that writes nothing we watch costs no query: a login only writes `last_login`."""
    with django_assert_num_queries(1):
        alice.save(update_fields=["last_login"])


def test_no_query_when_created(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A new user costs no query of ours."""
    with django_assert_num_queries(1):
        User(username="alice").save()


def test_other_models_delete_fast(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Deleting rows of other models stays the one query that it was, since nobody listens there."""
    with django_assert_num_queries(1):
        Group.permissions.through.objects.all().delete()


def test_fixture(tmp_path: Path, captured: list[SecurityEvent]) -> None:
    """A user from a fixture is logged as such: who can load one can make a superuser."""
    fields = {"username": "root", "is_superuser": True}
    fixture = tmp_path / "users.json"
    fixture.write_text(json.dumps([{"model": "auth.user", "pk": 9, "fields": fields}]), encoding="utf-8")
    call_command("loaddata", str(fixture), verbosity=0)
    assert [(event.type.name, event.fields["reason"], event.fields["after"]) for event in captured] == [
        ("user_created", "fixture", "is_superuser")
    ]


def test_fixture_that_changes(alice: User, tmp_path: Path, captured: list[SecurityEvent]) -> None:
    """A fixture that changes a stored user is logged as a change."""
    fields = {"username": "alice", "is_superuser": True}
    fixture = tmp_path / "users.json"
    fixture.write_text(json.dumps([{"model": "auth.user", "pk": alice.pk, "fields": fields}]), encoding="utf-8")
    call_command("loaddata", str(fixture), verbosity=0)
    assert [(event.type.name, event.fields["reason"], event.fields["change"]) for event in captured] == [
        ("privileges_changed", "fixture", "is_superuser")
    ]


def test_who_did_it(alice: User, admin_client: Client, captured: list[SecurityEvent]) -> None:
    """In the admin the event says who did it, from where, and to whom."""
    data = {"username": "alice", "is_active": "on", "is_staff": "on", "date_joined_0": "2026-01-01"}
    response = admin_client.post(f"/admin/auth/user/{alice.pk}/change/", {**data, "date_joined_1": "00:00:00"})
    event = next(event for event in captured if event.type.name == "privileges_changed")
    assert response.status_code == 302
    assert (event.fields["user"], event.fields["target"], event.fields["ip"], event.fields["surface"]) == (
        "admin",
        "alice",
        "-",
        "admin",
    )


def test_connected_once(captured: list[SecurityEvent]) -> None:
    """Connecting again changes nothing."""
    users.connect()
    User.objects.create_user("alice")
    assert [event.type.name for event in captured] == ["user_created"]


def test_failure_is_reported(alice: User, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """An error of ours does not keep the user from being saved."""
    monkeypatch.setattr(users, "_flags", None)
    alice.is_staff = True
    alice.save()
    assert (User.objects.get().is_staff, captured) == (True, [])


@override_settings(INSTALLED_APPS=["django.contrib.contenttypes"])
def test_site_without_users() -> None:
    """A site without any user model has nothing to watch."""
    users.connect()
    assert users.user_model() is None
