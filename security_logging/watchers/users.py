"""Changes of users: created, renamed, deleted, disabled, and made staff or superuser."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_save

from security_logging.events.types import (
    PRIVILEGES_CHANGED,
    USER_CREATED,
    USER_DELETED,
    USER_DISABLED,
    USER_UPDATED,
)
from security_logging.internal.database import reading
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.user import actor, target

FIXTURE = "fixture"  # the reason when loaddata wrote it
_PRIVILEGES = ("is_staff", "is_superuser")
_ACTIVE = "is_active"
_BEFORE = "_security_logging_before"  # where a user that is being saved keeps the stored values


def connect() -> None:
    """
    Connect the receivers to the user model, its proxies and its children; doing it twice connects them once.

    Only to these: a receiver of `post_delete` for every model would take Django's fast deletion from all of them.
    """
    watched: Any = user_model()
    if watched is None:
        return
    for model in apps.get_models():
        if issubclass(model, watched):
            pre_save.connect(on_pre_save, sender=model, weak=False, dispatch_uid="security_logging.user_before")
            post_save.connect(on_post_save, sender=model, weak=False, dispatch_uid="security_logging.user_saved")
        if model._meta.concrete_model is watched:  # a child is deleted together with its user, which is signalled
            post_delete.connect(on_post_delete, sender=model, weak=False, dispatch_uid="security_logging.user_deleted")


def user_model() -> Any | None:
    """Return the user model, None for a site without users: its apps hold no such model."""
    try:
        return get_user_model()
    except ImproperlyConfigured:
        return None


@guarded("accounts")
def on_pre_save(
    sender: type[Model],
    instance: Any = None,
    using: str | None = None,
    update_fields: Collection[str] | None = None,
    **kwargs: object,
) -> None:
    """
    Remember what is stored about the user, if the save may change it.

    Every argument has a default, here and below: a project may send Django's signals by hand, and without some of them.
    """
    vars(instance).pop(_BEFORE, None)  # of a save that failed
    vars(instance)[_BEFORE] = _stored(instance, using, update_fields)


@guarded("accounts")
def on_post_save(
    sender: type[Model], instance: Any = None, created: bool = False, raw: bool = False, **kwargs: object
) -> None:
    """Log what the save has changed."""
    reason = FIXTURE if raw else None
    before = vars(instance).pop(_BEFORE, None)
    if before is not None:
        _log_changes(instance, before, reason)
    elif created:
        log_event(USER_CREATED, reason=reason, **actor(), **target(instance), after=_privileges(instance))


@guarded("accounts")
def on_post_delete(sender: type[Model], instance: Any = None, **kwargs: object) -> None:
    """Log that the user was deleted, and which privileges it had."""
    log_event(USER_DELETED, **actor(), **target(instance), before=_privileges(instance))


def _stored(user: Any, using: str | None, update_fields: Collection[str] | None) -> Mapping[str, Any] | None:
    """
    Return the stored flags and names that the save writes, None when it writes none or the user is not stored.

    Read from the database, not remembered since the user was loaded: that would cost each request that loads a user,
    and would not see a user that the code has put together by its key.
    """
    names = [name for name in (*_flags(user), *_names(user)) if update_fields is None or name in update_fields]
    is_new = user.pk is None or (user._state.adding and user._meta.pk.has_default())
    if is_new or not names:
        return None
    rows = type(user)._base_manager.using(using).filter(pk=user.pk).values(*names)
    with reading(rows.db):
        stored: Mapping[str, Any] | None = rows.first()
    return stored


def _flags(user: Any) -> list[str]:
    """Return those of our flags that the user's model stores; a custom one may have none of them."""
    stored = {field.name for field in user._meta.concrete_fields}
    return [name for name in (_ACTIVE, *_PRIVILEGES) if name in stored]


def _names(user: Any) -> list[str]:
    """Return the fields with the user name and the e-mail address, as the user's model calls and stores them."""
    stored = {field.name for field in user._meta.concrete_fields}
    wanted = (getattr(user, "USERNAME_FIELD", None), getattr(user, "EMAIL_FIELD", None))
    return [name for name in dict.fromkeys(wanted) if name is not None and name in stored]


def _log_changes(user: Any, before: Mapping[str, Any], reason: str | None) -> None:
    flags = [name for name in _flags(user) if name in before]
    changed = {name: bool(getattr(user, name)) for name in flags if bool(before[name]) != bool(getattr(user, name))}
    if renamed := [name for name in _names(user) if name in before and before[name] != getattr(user, name)]:
        log_event(USER_UPDATED, reason=reason, **actor(), **target(user), change=", ".join(renamed))
    for name, value in changed.items():
        if name == _ACTIVE and not value:
            log_event(USER_DISABLED, reason=reason, **actor(), **target(user))
        else:
            words: dict[str, Any] = {"change": name, "before": _word(not value), "after": _word(value)}
            log_event(PRIVILEGES_CHANGED, reason=reason, **actor(), **target(user), **words)


def _privileges(user: Any) -> str | None:
    return ", ".join(name for name in _PRIVILEGES if getattr(user, name, False)) or None


def _word(value: bool) -> str:
    return "yes" if value else "no"
