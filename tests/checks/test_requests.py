"""The system checks of the middleware, the bait paths and flood control."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from security_logging.checks.registry import check_settings
from security_logging.middleware import SecurityLoggingMiddleware

OURS = "security_logging.middleware.SecurityLoggingMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


class OwnMiddleware(SecurityLoggingMiddleware):
    """A project's own version of ours."""


def not_a_class() -> None:
    """Stand in for a middleware that is a function."""


OWN, FUNCTION = f"{__name__}.OwnMiddleware", f"{__name__}.not_a_class"


def found(**values: object) -> list[str]:
    """Return the ids and texts of what the checks say about these settings."""
    settings = {name if name == "MIDDLEWARE" else f"SECURITY_LOGGING_{name}": value for name, value in values.items()}
    with override_settings(**settings):
        return [f"{message.id}: {message.msg}".removeprefix("security_logging.") for message in check_settings()]


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([OURS], []),
        ([SESSION, OURS, AUTH, CSRF], []),
        ([OWN, AUTH], []),
        ([FUNCTION, "no.such.Middleware", OURS, AUTH], []),
        ([CSRF, OURS, AUTH], ["W102"]),
        ([AUTH, CSRF, OURS], ["W102", "W102"]),
        ([AUTH, OWN], ["W102"]),
        ([], ["W101"]),
        ([SESSION, AUTH], ["W101"]),
    ],
)
def test_middleware(middleware: list[str], expected: list[str]) -> None:
    """A missing middleware is a warning, and so is one behind those that try and refuse credentials."""
    assert [text[:4] for text in found(MIDDLEWARE=middleware)] == expected


def test_missing_middleware() -> None:
    """The warning says in a sentence what is wrong, and where to read what is missing."""
    with override_settings(MIDDLEWARE=[]):
        (message,) = check_settings()
    assert message.msg == f"MIDDLEWARE lacks {OURS}, so the log misses some events and addresses."
    assert message.hint == f'Write MIDDLEWARE = ["{OURS}", ...]; docs/checks.md lists what is missing without it.'


def test_what_stands_before() -> None:
    """The warning about the order names the place and what stands before it."""
    assert found(MIDDLEWARE=[AUTH, OURS]) == [
        f"W102: MIDDLEWARE[1] is SecurityLoggingMiddleware, which misses what {AUTH} before it does."
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"REQUEST_ID_HEADER": "X-Correlation-ID"}, []),
        ({"REQUEST_ID_HEADER": "HTTP_X_REQUEST_ID"}, ["E101"]),
        ({"REQUEST_ID_HEADER": None}, ["E101"]),
        ({"REQUEST_ID_HEADER": "X-Request-ID\n"}, ["E101"]),
        ({"REQUEST_ID_RESPONSE_HEADER": None}, []),
        ({"REQUEST_ID_RESPONSE_HEADER": "X-Request-ID"}, []),
        ({"REQUEST_ID_RESPONSE_HEADER": True}, ["E102"]),
        ({"BAIT_PATHS_ADD": ["/a", "/a/", "*/a.php", "*/a/", "/a/*b"]}, []),
        ({"BAIT_PATHS_ADD": ("a", "", "/", "*/", "/a?b=c", "/a b", "/a#b", "**/a", None)}, ["E103"] * 9),
        ({"BAIT_PATHS_ADD": "/a"}, ["E103"]),
        ({"BAIT_PATHS_REMOVE": ["*/WP-login.php"]}, []),
        ({"BAIT_PATHS_REMOVE": "*/wp-login.php"}, ["E104"]),
        ({"BAIT_PATHS_REMOVE": ["/wp-login.php", "/something/quite/different"]}, ["W103", "W103"]),
        ({"CREDENTIAL_HEADERS": ()}, []),
        ({"CREDENTIAL_HEADERS": ["X-API-Key"]}, []),
        ({"CREDENTIAL_HEADERS": "Authorization"}, ["E110"]),
        ({"CREDENTIAL_HEADERS": None}, ["E110"]),
        ({"CREDENTIAL_HEADERS": ["HTTP_X_API_KEY", 7]}, ["E110", "E110"]),
        ({"FLOOD_WINDOW": 0}, []),
        ({"FLOOD_WINDOW": -1}, ["E105"]),
        ({"FLOOD_WINDOW": "60"}, ["E105"]),
        ({"FLOOD_WINDOW": True}, ["E105"]),
        ({"FLOOD_LINES": 5}, []),
        ({"FLOOD_LINES": 4}, ["W104"]),
        ({"FLOOD_LINES": 0}, ["E105"]),
        ({"FLOOD_ADDRESS_LINES": None}, ["E105"]),
        ({"FLOOD_ADDRESS_LINES": 1}, ["W104"]),
    ],
)
def test_setting(settings: dict[str, Any], expected: list[str]) -> None:
    """Each setting that cannot mean anything, or nothing good, is found."""
    assert [text[:4] for text in found(**settings)] == expected


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/wp-login.php", 'Did you mean "*/wp-login.php"?'),
        ("/something/quite/different", "The list is in security_logging/data/bait_paths.json."),
    ],
)
def test_hint_for_an_unknown_bait_path(path: str, hint: str) -> None:
    """Who removes what is not in the list is told what is."""
    with override_settings(SECURITY_LOGGING_BAIT_PATHS_REMOVE=[path]):
        assert [message.hint for message in check_settings()] == [hint]
