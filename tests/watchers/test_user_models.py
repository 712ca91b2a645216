"""Account changes with user models other than Django's own, each in a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User

from security_logging.events.event import SecurityEvent
from testsite.models import Colleague, Employee

TESTS = Path(__file__).parent.parent

_BEGIN = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth import get_user_model
User = get_user_model()
"""


def lines(user_model: str, apps: str, code: str, begin: str = _BEGIN) -> list[str]:
    """Run the code in a project with that user model; return its lines without time, address and keys."""
    environment = {
        **os.environ,
        "AUTH_USER_MODEL": user_model,
        "APPS": apps,
        "DJANGO_SETTINGS_MODULE": "user_model_settings",
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [sys.executable, "-W", "error", "-c", begin + code]
    run = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    return [re.sub(r" (ip|net|surface|reason|target_id|id)=\S+", "", line) for line in run.stdout.splitlines()]


def test_least_user_model() -> None:
    """A user without staff status, groups and permissions, named by an address, is created, renamed and deleted."""
    code = """
user = User(email="a@example.com")
user.save()
user.email = "b@example.com"
user.save()
user.delete()
"""
    assert lines("people.Person", "django.contrib.auth people", code) == [
        'user_created target="a@example.com"',
        'user_updated target="b@example.com" change="email"',
        'user_deleted target="b@example.com"',
    ]


def test_user_model_without_the_auth_app() -> None:
    """A site with users of its own and without Django's groups is watched as far as it goes."""
    code = "User.objects.create(email='a@example.com')"
    assert lines("people.Person", "people", code) == ['user_created target="a@example.com"']


def test_user_model_with_a_key_of_its_own() -> None:
    """A user whose key is there before its row is new, and has privileges like any other."""
    code = """
from django.contrib.auth.models import Group
user = User.objects.create_superuser("root")
user.is_superuser = False
user.is_active = False
user.save()
Group.objects.create(name="editors").user_set.add(user)
"""
    assert lines("members.Member", "django.contrib.auth members", code) == [
        'user_created target="root" after="is_staff, is_superuser"',
        'user_disabled target="root"',
        'privileges_changed target="root" change="is_superuser" before="yes" after="no"',
        'privileges_changed target="root" change="groups added" before="" after="editors"',
    ]


def test_query_of_a_key_of_its_own() -> None:
    """A user whose key is there before its row costs no query more when it is stored."""
    code = """
from django.db import connection
from django.test.utils import CaptureQueriesContext
with CaptureQueriesContext(connection) as queries:
    User(username="root").save()
print(len(queries))
"""
    assert lines("members.Member", "django.contrib.auth members", code)[-1] == "1"


def test_site_without_users() -> None:
    """A site without any user model starts."""
    assert lines("auth.User", "", "print('started')", begin="import django; django.setup(); ") == ["started"]


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Employee, Colleague])
def test_derived_model(captured: list[SecurityEvent], model: type[User]) -> None:
    """A child or proxy of the user model is a user: whatever is done to it is done once."""
    user = model.objects.create_user("alice")
    user.is_superuser = True
    user.save()
    user.groups.add(Group.objects.create(name="editors"))
    user.delete()
    assert [event.type.name for event in captured] == [
        "user_created",
        "privileges_changed",
        "privileges_changed",
        "user_deleted",
    ]


@pytest.mark.django_db
def test_parent_is_deleted_with_its_child(captured: list[SecurityEvent]) -> None:
    """Deleting the user behind a child is one deletion."""
    employee = Employee.objects.create_user("alice")
    captured.clear()
    User.objects.get(pk=employee.pk).delete()
    assert [event.type.name for event in captured] == ["user_deleted"]
