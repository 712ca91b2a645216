"""What administrators did in the admin, from the log that the admin keeps in the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.apps import apps
from django.db.models import AutoField, IntegerField, Model, UUIDField
from django.db.models.signals import post_save

from security_logging.events.types import ADMIN_ACTION
from security_logging.internal.database import reading
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.user import acting_user, name_of

_VERBS = {1: "added", 2: "changed", 3: "deleted"}  # django.contrib.admin.models.ADDITION, CHANGE, DELETION


def connect() -> None:
    """
    Watch the admin's log, where the admin is installed; doing it twice watches it once.

    The admin writes several entries at once, for example those of a bulk deletion, with `bulk_create`, of which Django
    sends no signal. So the method that writes them is wrapped: whatever it does and returns, it still does and returns.
    """
    if apps.is_installed("django.contrib.admin"):
        log_entry = apps.get_model("admin", "LogEntry")
        post_save.connect(on_entry_saved, sender=log_entry, weak=False, dispatch_uid="security_logging.admin_action")
        manager: Any = type(log_entry._default_manager)
        if not hasattr(manager.log_actions, "__wrapped__"):
            manager.log_actions = _watched(manager.log_actions)


@guarded("admin_log")
def on_entry_saved(
    sender: type[Model], instance: Any = None, created: bool = False, raw: bool = False, **kwargs: object
) -> None:
    """Log the entry; one from a fixture is history and not an action."""
    if created and not raw:
        _log(instance)


def _watched(log_actions: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(log_actions)
    def log_actions_and_events(*args: Any, **kwargs: Any) -> Any:
        written = log_actions(*args, **kwargs)
        if isinstance(written, list) and len(written) > 1:  # a single entry is saved, which is signalled
            for entry in written:
                _log(entry)
        return written

    return log_actions_and_events


@guarded("admin_log")
def _log(entry: Any) -> None:
    about: dict[str, Any] = {"object": _object(entry), "change": _change(entry)}
    log_event(ADMIN_ACTION, user=_name(entry), user_id=str(entry.user_id), **about)


@guarded("user")
def _name(entry: Any) -> str | None:
    """Return the name of the entry's user if the request is from that one: any other would cost a query."""
    user = acting_user()
    return name_of(user) if user is not None and user.pk == entry.user_id else None


@guarded("object")
def _object(entry: Any) -> str | None:
    """
    Return app, model and key of the object.

    A key that is a text is left out: that of a session or of a token is the secret itself.
    """
    if entry.content_type_id is None:
        return None
    content_types: Any = apps.get_model("contenttypes", "ContentType")
    with reading(content_types.objects.db):
        content_type = content_types.objects.get_for_id(entry.content_type_id)
    model = content_type.model_class()
    label = f"{content_type.app_label}.{content_type.model}"
    return f"{label} {entry.object_id}" if model is not None and _has_harmless_key(model) else label


def _has_harmless_key(model: type[Model]) -> bool:
    key: Any = model._meta.pk
    while key.is_relation:  # a child shares its parent's key
        key = key.target_field
    return isinstance(key, AutoField | IntegerField | UUIDField)


@guarded("change")
def _change(entry: Any) -> str:
    names = ", ".join(dict.fromkeys(_fields(str(entry.change_message))))  # str: it may be a lazy translation
    verb = _VERBS.get(entry.action_flag, "touched")
    return f"{verb}: {names}" if names else verb


def _fields(change_message: str) -> Iterator[str]:
    """Yield the names of the changed fields; nothing else is read, since a message may hold values."""
    try:
        parts = json.loads(change_message)
    except ValueError:  # a project's own words
        return
    for part in parts if isinstance(parts, list) else []:
        for details in part.values() if isinstance(part, dict) else []:
            yield from map(str, details.get("fields", ()) if isinstance(details, dict) else ())
