"""What is wrong in the settings that decide how user names appear in the log."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from security_logging.checks.problem import Problem, error
from security_logging.conf import Settings, conf
from security_logging.request.user_names import POLICIES

SHORTEST_KEY = 16  # characters; who can guess a shorter key can try every name


def problems() -> Iterator[Problem]:
    """Check the settings of this module."""
    yield from _policy_problems(Settings.USER_NAMES.name, conf.USER_NAMES)
    if conf.UNKNOWN_USER_NAMES is not None:
        yield from _policy_problems(Settings.UNKNOWN_USER_NAMES.name, conf.UNKNOWN_USER_NAMES)
    known_users: object = conf.KNOWN_USERS
    if not isinstance(known_users, bool):
        message = f"{Settings.KNOWN_USERS.name} is neither True nor False: {known_users!r}."
        yield error("E203", message, "Write True or False.")
    yield from _key_problems(conf.HASH_KEY)


def _policy_problems(name: str, policy: object) -> Iterator[Problem]:
    if isinstance(policy, str) and policy in POLICIES:
        return
    close = get_close_matches(str(policy), POLICIES, n=1)
    fix = f'Did you mean "{close[0]}"?' if close else f"Write one of {', '.join(POLICIES)}."
    yield error("E202", f"{name} is not a policy for user names, so no name is logged: {policy!r}.", fix)


def _key_problems(key: object) -> Iterator[Problem]:
    """Check SECURITY_LOGGING_HASH_KEY; the message never shows the key."""
    if key is None or (isinstance(key, str | bytes) and len(key) >= SHORTEST_KEY):
        return
    length = f" of length {len(key)}" if isinstance(key, str | bytes) else ""
    example = "django.core.management.utils.get_random_secret_key"
    fix = f"Write at least {SHORTEST_KEY} random characters, e.g. those of {example}."
    yield error("E204", f"{Settings.HASH_KEY.name} is not a usable key: a {type(key).__name__}{length}.", fix)
