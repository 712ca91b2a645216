"""What administrators do in the admin."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import Model
from django.db.models.signals import post_save
from django.test import Client, RequestFactory, override_settings
from django.utils.translation import gettext_lazy
from pytest_django import DjangoAssertNumQueries

from security_logging.events.event import SecurityEvent
from security_logging.request import current
from security_logging.watchers import admin_log
from testsite.models import Employee

pytestmark = pytest.mark.django_db


def actions(events: list[SecurityEvent]) -> list[tuple[object, object, object]]:
    """Return who did what to which object, of the admin's actions among the events."""
    found = [event.fields for event in events if event.type.name == "admin_action"]
    return [(fields.get("user"), fields.get("change"), fields.get("object")) for fields in found]


@pytest.fixture
def groups() -> list[Group]:
    """Return two groups."""
    return [Group.objects.create(name=name) for name in ("editors", "writers")]


def write(user: User, message: str, model: type[Model] = Group, key: object = 7, flag: int = CHANGE) -> LogEntry:
    """Write an entry into the admin's log as a project may do."""
    content_type = ContentType.objects.get_for_model(model)
    return LogEntry.objects.create(
        user=user, content_type=content_type, object_id=str(key), action_flag=flag, change_message=message
    )


def test_added(admin_client: Client, captured: list[SecurityEvent]) -> None:
    """An object that is added in the admin is an event, with app, model and key."""
    admin_client.post("/admin/auth/group/add/", {"name": "editors"})
    assert actions(captured) == [("admin", "added", f"auth.group {Group.objects.get().pk}")]


def test_changed(admin_client: Client, groups: list[Group], captured: list[SecurityEvent]) -> None:
    """A change names the fields that changed, and no value."""
    admin_client.post(f"/admin/auth/group/{groups[0].pk}/change/", {"name": "authors"})
    assert actions(captured) == [("admin", "changed: Name", f"auth.group {groups[0].pk}")]


def test_deleted(admin_client: Client, groups: list[Group], captured: list[SecurityEvent]) -> None:
    """An object that is deleted in the admin is an event."""
    admin_client.post(f"/admin/auth/group/{groups[0].pk}/delete/", {"post": "yes"})
    assert actions(captured) == [("admin", "deleted", f"auth.group {groups[0].pk}")]


@pytest.mark.parametrize("number", [1, 2])
def test_deleted_in_bulk(admin_client: Client, groups: list[Group], captured: list[SecurityEvent], number: int) -> None:
    """Each object that an action of the admin deletes is one event, though of several Django sends no signal."""
    chosen = [group.pk for group in groups[:number]]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    admin_client.post("/admin/auth/group/", data)
    assert sorted(actions(captured), key=str) == [("admin", "deleted", f"auth.group {key}") for key in chosen]


def test_users_deleted_in_bulk(admin_client: Client, captured: list[SecurityEvent]) -> None:
    """Users that are deleted in bulk are told by both: what the admin did, and what became of whom."""
    users = [User.objects.create_user(name) for name in ("alice", "bob")]
    captured.clear()
    data = {"action": "delete_selected", "_selected_action": [user.pk for user in users], "post": "yes"}
    admin_client.post("/admin/auth/user/", data)
    deleted = [event.fields for event in captured if event.type.name == "user_deleted"]
    assert sorted((fields["user"], fields["target"]) for fields in deleted) == [("admin", "alice"), ("admin", "bob")]
    assert len(actions(captured)) == 2


def test_second_admin_site(admin_client: Client, captured: list[SecurityEvent]) -> None:
    """Any admin site is watched, whatever its name is."""
    user = User.objects.create_user("alice")
    captured.clear()
    admin_client.post(f"/office/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert actions(captured) == [("admin", "deleted", f"auth.user {user.pk}")]


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("", "changed"),
        ("password set to hunter2", "changed"),
        ('"hunter2"', "changed"),
        ('["hunter2"]', "changed"),
        ('[{"changed": "hunter2"}]', "changed"),
        ('[{"added": {"name": "token", "object": "hunter2"}}]', "changed"),
        ('[{"changed": {"fields": ["Name", "Colour"]}}]', "changed: Name, Colour"),
        ('[{"changed": {"fields": ["Name"]}}, {"changed": {"name": "x", "fields": ["Name"]}}]', "changed: Name"),
    ],
)
def test_only_names_of_fields(admin_user: User, captured: list[SecurityEvent], message: str, change: str) -> None:
    """Of the message only the names of fields are read: the rest may hold values, and values may be secret."""
    write(admin_user, message)
    assert [what for _, what, _ in actions(captured)] == [change]


@pytest.mark.parametrize(
    ("flag", "verb"), [(ADDITION, "added"), (CHANGE, "changed"), (DELETION, "deleted"), (9, "touched")]
)
def test_verb(admin_user: User, captured: list[SecurityEvent], flag: int, verb: str) -> None:
    """Each flag has its word, one of the project's own too."""
    write(admin_user, "", flag=flag)
    assert [what for _, what, _ in actions(captured)] == [verb]


def test_key_that_is_a_secret(admin_user: User, captured: list[SecurityEvent]) -> None:
    """The key of a session is the secret that opens it, so a key that is a text is left out."""
    write(admin_user, "", Session, "canary-session-key")
    assert [what for _, _, what in actions(captured)] == ["sessions.session"]


def test_key_of_a_child(admin_user: User, captured: list[SecurityEvent]) -> None:
    """The key of a child is that of its parent, a number."""
    write(admin_user, "", Employee, 7)
    assert [what for _, _, what in actions(captured)] == ["testsite.employee 7"]


def test_object_without_a_model(admin_user: User, captured: list[SecurityEvent]) -> None:
    """An entry about nothing that Django knows is an event without an object."""
    LogEntry.objects.create(user=admin_user, action_flag=CHANGE)
    assert actions(captured) == [(None, "changed", None)]


def test_object_of_a_removed_model(admin_user: User, captured: list[SecurityEvent]) -> None:
    """Of a model that the code no longer has, the key is left out: nobody can tell what it is."""
    content_type = ContentType.objects.create(app_label="shop", model="voucher")
    LogEntry.objects.create(user=admin_user, content_type=content_type, object_id="7", action_flag=CHANGE)
    assert actions(captured) == [(None, "changed", "shop.voucher")]


def test_key_of_the_administrator(admin_user: User, captured: list[SecurityEvent]) -> None:
    """Outside of a request the administrator is known by key only: the name would cost a query."""
    write(admin_user, "")
    assert captured[-1].fields["user_id"] == str(admin_user.pk)


def test_user_without_a_key(rf: RequestFactory, admin_user: User, captured: list[SecurityEvent]) -> None:
    """A project's own kind of user, which has no key, costs the name and not the event."""
    request = rf.get("/")
    request.user = SimpleNamespace(is_authenticated=True)  # type: ignore[assignment]  # no user of Django's
    entered = current.enter(request)
    write(admin_user, "")
    current.leave(entered)
    assert actions(captured) == [(None, "changed", "auth.group 7")]


def test_signal_sent_by_hand(captured: list[SecurityEvent]) -> None:
    """Who sends the signal without saying that an entry is new has written none, and gets no error."""
    post_save.send(sender=LogEntry, instance=LogEntry())
    post_save.send(sender=LogEntry)
    assert captured == []


def test_no_query(admin_user: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """An entry costs no query more than Django's own."""
    write(admin_user, "")
    with django_assert_num_queries(1):
        write(admin_user, "")


def test_fixture(admin_user: User, tmp_path: Path, captured: list[SecurityEvent]) -> None:
    """An entry that is loaded from a fixture is history, and nobody's action now."""
    fixture = tmp_path / "log.json"
    fields = {"action_time": "2026-01-01T00:00:00Z", "user": admin_user.pk, "object_repr": "x", "action_flag": CHANGE}
    fixture.write_text(json.dumps([{"model": "admin.logentry", "pk": 1, "fields": fields}]), encoding="utf-8")
    call_command("loaddata", str(fixture), verbosity=0)
    assert actions(captured) == []


def test_connected_once(admin_client: Client, groups: list[Group], captured: list[SecurityEvent]) -> None:
    """Connecting again changes nothing."""
    admin_log.connect()
    data = {"action": "delete_selected", "_selected_action": [group.pk for group in groups], "post": "yes"}
    admin_client.post("/admin/auth/group/", data)
    assert len(actions(captured)) == 2


def test_what_the_method_returns(admin_user: User, groups: list[Group]) -> None:
    """The wrapped method returns what Django's does."""
    entry = LogEntry.objects.log_actions(admin_user.pk, groups[:1], CHANGE, single_object=True)
    assert isinstance(entry, LogEntry)


def test_without_the_admin() -> None:
    """A site without the admin has nothing to watch."""
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "security_logging"]):
        admin_log.connect()


@pytest.mark.parametrize("message", [gettext_lazy("Yes"), None, 7, ["hunter2"]], ids=["lazy", "none", "int", "list"])
def test_message_that_is_no_text(admin_user: User, captured: list[SecurityEvent], message: Any) -> None:
    """A message that is no text yet, as a lazy translation, says no more than a project's own words do."""
    entry = LogEntry(user=admin_user, object_id="7", action_flag=CHANGE, change_message=message)
    post_save.send(sender=LogEntry, instance=entry, created=True)
    assert [what for _, what, _ in actions(captured)] == ["changed"]


def test_lazy_message_in_the_admin(
    rf: RequestFactory, admin_user: User, groups: list[Group], captured: list[SecurityEvent]
) -> None:
    """The admin takes a lazy translation as the message of a change."""
    request = rf.post("/")
    request.user = admin_user
    GroupAdmin(Group, admin.site).log_change(request, groups[0], gettext_lazy("Yes"))
    assert [what for _, what, _ in actions(captured)] == ["changed"]


@pytest.mark.parametrize(
    ("part", "left"), [("_fields", (None, "auth.group 7")), ("_has_harmless_key", ("changed", None))]
)
def test_part_that_raises(
    admin_user: User, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent], part: str, left: object
) -> None:
    """An error of ours in one field costs that field alone."""
    monkeypatch.setattr(admin_log, part, lambda read: 1 / 0)
    write(admin_user, "")
    assert [(change, about) for _, change, about in actions(captured)] == [left]


def test_failure_is_reported(admin_user: User, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """An error of ours does not keep the admin from writing its log."""
    monkeypatch.setattr(admin_log, "log_event", lambda *arguments, **fields: 1 / 0)
    write(admin_user, "")
    assert (LogEntry.objects.count(), actions(captured)) == (1, [])
