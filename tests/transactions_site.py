"""
A site on PostgreSQL with ATOMIC_REQUESTS, whose process puts one query of ours after another in trouble.

It prints what became of the request and of the line, as JSON; the test reads that.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

PASSWORD = "correct horse"
EVENTS: list[Any] = []


class Keeping(logging.Handler):
    """Keep the events."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the event of the record."""
        EVENTS.append(record.__dict__["security_event"])


def promote(request: HttpRequest) -> HttpResponse:
    """Make alice staff and an editor, or neither, and ask for it: what breaks the transaction breaks this query."""
    from django.contrib.auth.models import Group, User

    alice = User.objects.get(username="alice")
    alice.is_staff = not alice.is_staff
    alice.save()
    editors = Group.objects.get(name="editors")
    if alice.is_staff:
        alice.groups.add(editors)
    else:
        alice.groups.remove(editors)
    return HttpResponse(f"{User.objects.filter(is_staff=True).count()} {alice.groups.count()}")


def try_password(request: HttpRequest) -> HttpResponse:
    """Try a wrong password, and count the users afterwards."""
    from django.contrib.auth import authenticate
    from django.contrib.auth.models import User

    authenticate(request, username="alice", password="wrong")
    return HttpResponse(str(User.objects.count()))


def limit(request: HttpRequest) -> HttpResponse:
    """Return the statement time limit that the request's own queries have after one of ours."""
    promote(request)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return HttpResponse(cursor.fetchone()[0])


@contextmanager
def in_trouble(part: str, instead: str) -> Iterator[None]:
    """Have PostgreSQL run another query in place of the first one in the block that begins with `part`."""
    left = [part]

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if left and left[0] in sql and connection.savepoint_ids:
            left.clear()
            return execute(instead, None, many, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(run):
        yield
    assert not left, f"no query of ours has {part!r}"


def main() -> None:
    """Set the site up, and put its queries in trouble."""
    from django.contrib.auth.views import LoginView

    global urlpatterns  # noqa: PLW0603 (this module is the URL configuration)
    urlpatterns = [
        path("promote", promote),
        path("try", try_password),
        path("limit", limit),
        path("login/", LoginView.as_view()),
    ]
    from django.contrib.auth.models import Group, User
    from django.test import Client

    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    User.objects.create_user("alice", password=PASSWORD)
    Group.objects.create(name="editors")
    logger = logging.getLogger("security")
    logger.setLevel("INFO")
    logger.addHandler(Keeping())
    client, found = Client(raise_request_exception=False), {}

    def ask(name: str, method: str, path: str, **data: str) -> None:
        EVENTS.clear()
        answer = getattr(client, method)(path, data)
        fields = [{"event": event.type.name, **{k: str(v) for k, v in event.fields.items()}} for event in EVENTS]
        found[name] = {"status": answer.status_code, "text": answer.content.decode()[:20], "events": fields}

    queries = {
        "flags": ("promote", '"auth_user"."is_active"'),
        "memberships": ("promote", 'FROM "auth_user_groups" INNER JOIN'),
        "known": ("try", '"auth_user"."username" ='),
    }
    for name, (path_, part) in queries.items():
        for trouble, instead in (("error", "SELECT 1/0"), ("slow", "SELECT pg_sleep(600)")):
            with in_trouble(part, instead):
                ask(f"{name}_{trouble}", "get", f"/{path_}")
    ask("limit", "get", "/limit")
    for _ in range(2):
        client.post("/login/", {"username": "alice", "password": "wrong"})
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE cache")
    ask("broken_cache", "post", "/login/", username="alice", password=PASSWORD)
    call_command("createcachetable")
    locker = connection.copy()
    with locker.cursor() as cursor:
        locker.set_autocommit(False)
        cursor.execute("LOCK TABLE cache IN ACCESS EXCLUSIVE MODE")
        ask("locked_cache", "post", "/login/", username="alice", password=PASSWORD)
    locker.close()
    print(json.dumps(found))


urlpatterns: list[Any] = []

if __name__ == "__main__":
    settings.configure(
        ROOT_URLCONF="transactions_site",
        SECRET_KEY="x" * 50,
        ALLOWED_HOSTS=["testserver"],
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "security_logging",
        ],
        MIDDLEWARE=[
            "security_logging.middleware.SecurityLoggingMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        LOGIN_REDIRECT_URL="/",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"registration/login.html": "{{ form.errors }}"})
                    ]
                },
            }
        ],
        SECURITY_LOGGING_PRIOR_FAILURES_WINDOW=600,
        SECURITY_LOGGING_KNOWN_USERS=True,
        **json.loads(os.environ["DATA"]),
    )
    django.setup()
    import transactions_site

    transactions_site.main()
