"""Changes of what users and groups may do: group members, permissions of users, permissions of groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ManyToManyField, Model
from django.db.models.signals import m2m_changed

from security_logging.events.types import GROUP_PERMISSIONS_CHANGED, PRIVILEGES_CHANGED
from security_logging.internal.database import reading
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.user import actor
from security_logging.watchers.users import FIXTURE, user_model

_PERMISSION = ("content_type__app_label", "codename")
_REMOVED = "_security_logging_removed"  # where an object whose links are being removed keeps them, by relation


@dataclass(frozen=True)
class Relation:
    """A many-to-many relation that grants something: its table, its two ends, and how it is called in the log."""

    through: type[Model]
    holder: str  # name of the foreign key to who gets it, a user or a group
    holder_name: str  # the field that names the holder
    held: str  # name of the foreign key to what is got
    held_name: tuple[str, ...]  # the fields that name it, joined by dots
    word: str  # groups or permissions
    is_of_users: bool


@dataclass
class Holder:
    """A user or group with the names of what it holds, by their keys."""

    name: object
    held: dict[object, str] = field(default_factory=dict)


_relations: dict[type[Model], Relation] = {}


def connect() -> None:
    """Connect the receiver to the relations that there are; doing it twice connects it once."""
    users = user_model()
    if users is not None:
        _watch(users, "groups", users.USERNAME_FIELD, ("name",))
        _watch(users, "user_permissions", users.USERNAME_FIELD, _PERMISSION)
    if apps.is_installed("django.contrib.auth"):
        _watch(apps.get_model("auth", "Group"), "permissions", "name", _PERMISSION)


@guarded("privileges")
def on_m2m_changed(
    sender: type[Model],
    action: str = "",
    instance: Model | None = None,
    reverse: bool = False,
    pk_set: Collection[object] | None = (),
    using: str | None = None,
    raw: bool = False,
    **kwargs: object,
) -> None:
    """
    Log what was added or removed, for each user or group that it was added to or removed from.

    `raw` says that loaddata did it; Django passes it since 6.1. `pk_set` is None when all are removed; a project that
    sends the signal by hand without it has changed none.
    """
    if instance is None:
        return
    relation = _relations[sender]
    ends = (relation.held, relation.holder) if reverse else (relation.holder, relation.held)
    chosen = {f"{ends[0]}__pk": instance.pk} | ({} if pk_set is None else {f"{ends[1]}__pk__in": pk_set})
    reason = FIXTURE if raw else None
    if action in ("pre_remove", "pre_clear"):
        vars(instance).setdefault(_REMOVED, {})[sender] = _holders(relation, using, chosen)
    elif action in ("post_remove", "post_clear"):
        removed = vars(instance).get(_REMOVED, {}).pop(sender, {})
        _log_removed(relation, using, removed, reason)
    elif action == "post_add":
        _log_added(relation, using, chosen, reason)


def _watch(model: type[Model], relation: str, holder_name: str, held_name: tuple[str, ...]) -> None:
    try:
        found: Any = model._meta.get_field(relation)
    except FieldDoesNotExist:  # a custom user model need not have it
        return
    if isinstance(found, ManyToManyField):
        through: Any = found.remote_field.through
        ends = (found.m2m_field_name(), holder_name, found.m2m_reverse_field_name(), held_name)
        word = relation.removeprefix("user_")
        _relations[through] = Relation(through, *ends, word, relation != "permissions")
        m2m_changed.connect(on_m2m_changed, sender=through, weak=False, dispatch_uid="security_logging.m2m")


def _holders(relation: Relation, using: str | None, chosen: Mapping[str, object]) -> dict[object, Holder]:
    """Return who holds what, by the holder's key, of those rows of the relation that are chosen."""
    names = (f"{relation.holder}__{relation.holder_name}", *(f"{relation.held}__{name}" for name in relation.held_name))
    rows = relation.through._base_manager.using(using).filter(**chosen)
    found: dict[object, Holder] = {}
    with reading(rows.db):
        for key, held, name, *words in rows.values_list(f"{relation.holder}__pk", f"{relation.held}__pk", *names):
            found.setdefault(key, Holder(name)).held[held] = ".".join(words)
    return found


def _log_added(relation: Relation, using: str | None, chosen: Mapping[str, object], reason: str | None) -> None:
    added = _holders(relation, using, chosen)
    for key, holder, now in _with_what_they_hold(relation, using, added):
        before = {held: name for held, name in now.items() if held not in holder.held}
        _log(relation, key, holder.name, "added", _listed(before), _listed(now, first=holder.held), reason)


def _log_removed(relation: Relation, using: str | None, removed: Mapping[object, Holder], reason: str | None) -> None:
    for key, holder, now in _with_what_they_hold(relation, using, removed):
        before = {**now, **holder.held}
        _log(relation, key, holder.name, "removed", _listed(before, first=holder.held), _listed(now), reason)


def _with_what_they_hold(
    relation: Relation, using: str | None, holders: Mapping[object, Holder]
) -> Iterable[tuple[object, Holder, dict[object, str]]]:
    now = _holders(relation, using, {f"{relation.holder}__pk__in": list(holders)}) if holders else {}
    for key, holder in holders.items():
        yield key, holder, now[key].held if key in now else {}


def _listed(held: Mapping[object, str], first: Mapping[object, str] = MappingProxyType({})) -> str:
    """Return the names in order, those that were changed first: a long list is cut at its end."""
    return ", ".join([*sorted(first.values()), *sorted(name for key, name in held.items() if key not in first)])


def _log(relation: Relation, key: object, name: object, verb: str, before: str, after: str, reason: str | None) -> None:
    words: dict[str, Any] = {"change": f"{relation.word} {verb}", "before": before, "after": after}
    if relation.is_of_users:
        log_event(PRIVILEGES_CHANGED, reason=reason, **actor(), target=str(name), target_id=str(key), **words)
    else:
        log_event(GROUP_PERMISSIONS_CHANGED, reason=reason, **actor(), group=str(name), **words)
