"""What is wrong in the settings of user names."""

from __future__ import annotations

import pytest
from django.test import override_settings

from security_logging.checks.registry import check_settings

ONE_OF = "Write one of plain, masked, hashed, omit."
MORE = "Write at least 16 random characters, e.g. those of django.core.management.utils.get_random_secret_key."


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"USER_NAMES": "masked", "UNKNOWN_USER_NAMES": "omit", "KNOWN_USERS": True},
        {"USER_NAMES": "hashed", "HASH_KEY": b"0123456789abcdef"},
    ],
)
def test_right(settings: dict[str, object]) -> None:
    """Policies, a switch and a key are right."""
    with override_settings(**{f"SECURITY_LOGGING_{name}": value for name, value in settings.items()}):
        assert check_settings() == []


@pytest.mark.parametrize(
    ("name", "value", "identifier", "message", "hint"),
    [
        (
            "USER_NAMES",
            "hash",
            "E202",
            "is not a policy for user names, so no name is logged: 'hash'.",
            'Did you mean "hashed"?',
        ),
        ("USER_NAMES", None, "E202", "is not a policy for user names, so no name is logged: None.", ONE_OF),
        ("UNKNOWN_USER_NAMES", 1, "E202", "is not a policy for user names, so no name is logged: 1.", ONE_OF),
        ("KNOWN_USERS", "yes", "E203", "is neither True nor False: 'yes'.", "Write True or False."),
        ("HASH_KEY", "canary", "E204", "is not a usable key: a str of length 6.", MORE),
        ("HASH_KEY", 7, "E204", "is not a usable key: a int.", MORE),
    ],
)
def test_wrong(name: str, value: object, identifier: str, message: str, hint: str) -> None:
    """What cannot be used is an error that says what to write; a key is never shown."""
    with override_settings(**{f"SECURITY_LOGGING_{name}": value}):
        (found,) = check_settings()
    assert (found.id, found.msg, found.hint) == (
        f"security_logging.{identifier}",
        f"SECURITY_LOGGING_{name} {message}",
        hint,
    )
