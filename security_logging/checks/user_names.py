"""What is wrong in the settings that decide how user names appear in the log, as data for the system checks."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from security_logging.checks.problem import Problem
from security_logging.conf import Settings, conf
from security_logging.request.user_names import POLICIES

SHORTEST_KEY = 16  # characters; a shorter one can be guessed, and then each name be tried

Finding = tuple[str, list[Problem], str]  # of a setting: its name, what is wrong with it, the check's id


def findings() -> Iterator[Finding]:
    """Yield the settings of user names with what is wrong with each."""
    yield Settings.USER_NAMES.name, policy_problems(conf.USER_NAMES), "E202"
    if conf.UNKNOWN_USER_NAMES is not None:
        yield Settings.UNKNOWN_USER_NAMES.name, policy_problems(conf.UNKNOWN_USER_NAMES), "E202"
    yield Settings.KNOWN_USERS.name, switch_problems(conf.KNOWN_USERS), "E203"
    yield Settings.HASH_KEY.name, key_problems(conf.HASH_KEY), "E204"


def policy_problems(policy: object) -> list[Problem]:
    """Check SECURITY_LOGGING_USER_NAMES or SECURITY_LOGGING_UNKNOWN_USER_NAMES."""
    if isinstance(policy, str) and policy in POLICIES:
        return []
    close = get_close_matches(str(policy), POLICIES, n=1)
    hint = f'Did you mean "{close[0]}"?' if close else f"Write one of {', '.join(POLICIES)}."
    return [Problem("is not a way to write user names, so none is written", repr(policy), hint)]


def switch_problems(value: object) -> list[Problem]:
    """Check SECURITY_LOGGING_KNOWN_USERS."""
    return (
        [] if isinstance(value, bool) else [Problem("is neither True nor False", repr(value), "Write True or False.")]
    )


def key_problems(key: object) -> list[Problem]:
    """Check SECURITY_LOGGING_HASH_KEY; what it is never appears."""
    if key is None or (isinstance(key, str | bytes) and len(key) >= SHORTEST_KEY):
        return []
    length = f" of length {len(key)}" if isinstance(key, str | bytes) else ""
    example = "django.core.management.utils.get_random_secret_key"
    hint = f"Write at least {SHORTEST_KEY} random characters, e.g. those of {example}."
    return [Problem("is not a key", f"a {type(key).__name__}{length}", hint)]
