"""How user names appear in the log: as they are, masked, as a keyed hash, or not at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

from django.contrib.auth import get_user_model
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.utils.crypto import salted_hmac

from security_logging.conf import conf
from security_logging.events.types import LOGIN_FAILED, LOGIN_LOCKED, PASSWORD_RESET_REQUESTED, EventType
from security_logging.internal.database import reading

# Events whose user name was typed and not proven: people type passwords into that field.
TYPED = (LOGIN_FAILED.name, LOGIN_LOCKED.name, PASSWORD_RESET_REQUESTED.name)
PROVEN_BY = ("inactive", "not_allowed", "not_staff")  # reasons of a failed login with the right password
NO_NAMES: dict[str, object] = {"user": None, "target": None, "before": None, "after": None}

_LISTS = ("before", "after")  # fields in which an e-mail address may stand among other words
_BETWEEN_WORDS = re.compile(r"([\s,;<>]+)")
_HASH_LENGTH = 24  # hexadecimal digits, 96 bits: no two names of one site meet by chance


def masked(name: str) -> str:
    """Return the first character and three asterisks, of a short name the asterisks alone; the length stays unknown."""
    return f"{name[0]}***" if len(name) > 3 else "***"


def hashed(name: str) -> str:
    """
    Return a keyed hash of the name: the same for the same name. Without the key, no name can be tried against it.

    The key is SECURITY_LOGGING_HASH_KEY, or derived from SECRET_KEY.
    """
    key: str | bytes | None = conf.HASH_KEY
    digest = salted_hmac(
        "security_logging.user_names", name.encode("utf-8", "surrogatepass"), secret=key, algorithm="sha256"
    )
    return f"hmac:{digest.hexdigest()[:_HASH_LENGTH]}"


def _omitted(name: str) -> None:
    """Return nothing, so that the field is left out."""


POLICIES: Mapping[str, Callable[[str], str | None]] = {
    "plain": str,
    "masked": masked,
    "hashed": hashed,
    "omit": _omitted,
}


def protected(event_type: EventType, fields: Mapping[str, object]) -> dict[str, object]:
    """
    Return those fields of the event that name users, as the project wants them; None leaves a field out.

    A name that was typed is treated as a user's only if `known` says so. `known` is given with the event, or looked up
    when SECURITY_LOGGING_KNOWN_USERS is on.
    """
    found: dict[str, object] = {}
    if fields.get("target") is not None:
        found["target"] = _shown(str(fields["target"]), conf.USER_NAMES)
    if fields.get("user") is not None:
        name, given = str(fields["user"]), fields.get("known")
        is_typed = event_type.name in TYPED and fields.get("reason") not in PROVEN_BY
        known = _is_known(name) if given is None and is_typed and conf.KNOWN_USERS is True else given
        is_proven = bool(known) or not is_typed or conf.UNKNOWN_USER_NAMES is None
        found["user"] = _shown(name, conf.USER_NAMES if is_proven else conf.UNKNOWN_USER_NAMES)
        found["known"] = None if known is None else int(bool(known))
    found.update({name: _without_addresses(str(fields[name])) for name in _LISTS if fields.get(name) is not None})
    return found


def _without_addresses(text: str) -> str | None:
    """Return the text with each e-mail address in it as the policy wants a user name."""
    if "@" not in text:
        return text
    shown = [(_shown(word, conf.USER_NAMES) or "") if "@" in word else word for word in _BETWEEN_WORDS.split(text)]
    return "".join(shown) or None


def _shown(name: str, policy: object) -> str | None:
    """Apply the policy; one that does not exist, which the system checks report, shows nothing."""
    return POLICIES.get(str(policy), _omitted)(name)


def _is_known(name: str) -> bool | None:
    """
    Ask the database whether a user has that name, or that e-mail address; None where asking is impossible.

    One query, and a second one only for an e-mail address that is not a user name.
    """
    if _is_in_event_loop():  # Django refuses queries there
        return None
    users = get_user_model()._default_manager
    with reading(users.db):
        try:
            users.get_by_natural_key(name)
        except MultipleObjectsReturned:
            return True
        except ValueError:  # a NUL or a lone surrogate, which no database stores
            return False
        except ObjectDoesNotExist:
            return _is_email_address(name)
        return True


def _is_email_address(name: str) -> bool:
    model = get_user_model()
    field = getattr(model, "EMAIL_FIELD", None)
    if "@" not in name or not field or field == model.USERNAME_FIELD:
        return False
    return model._default_manager.filter(**{f"{field}__iexact": name}).exists()


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
