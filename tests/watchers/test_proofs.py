"""A counted event proves that its sender meant it: no page in a visitor's browser can have one logged."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

import security_logging
from proofs import COUNTED, HOSTILE_MARKS, unproven, watching
from security_logging.events import types
from security_logging.events.types import EventType
from watchers.test_flows import ADDRESS, FLOWS, people, run_flow

ROOT = Path(security_logging.__file__).parent

# Each place that logs a counted type, or a type that it is given, and what proves the sender's intent there.
PLACES = {
    "integrations/allauth.py _log": "BAD_CODE says that a code was checked; else log_untried asks",
    "integrations/allauth.py on_login_code_rejected": "a code was checked",
    "integrations/allauth_codes.py _log_rejected": "a code was checked; a request without one is no attempt",
    "integrations/allauth_codes.py read_answer": "the answer says that the code was checked and is wrong",
    "integrations/allauth_mfa.py on_authentication_failed": "a code was checked",
    "integrations/allauth.py read_answer": "an event type of _VIEWS that is not counted",
    "integrations/drf.py _log": "the password was right, its user is inactive",
    "integrations/drf.py _log_authentication": "the credential is in the Authorization header, which no page can send",
    "integrations/otp.py on_verification_failed": "a code was checked",
    "watchers/login_forms.py log_login_attempt": "the password was right, its user may not log in",
    "watchers/login_forms.py log_refused_token": "a token was checked, and no page can have sent it",
    "watchers/login_forms.py log_untried": "a login attempt without another site's marks",
    "watchers/logins.py on_user_login_failed": "authenticate() checked the password",
    "watchers/passwords.py log_refused_change": "the form checked the old password",
    "watchers/prior_failures.py log_failure": "passes on what it is given",
    "watchers/refusals.py _log_missing": "a bait path that no page asked for",
}
UNCOUNTED = {name for name, value in vars(types).items() if isinstance(value, EventType) and value not in COUNTED}


def _logs_a_counted_type(call: ast.Call) -> bool:
    """Return whether the call may log a counted type: one that is named, or one that is only known when it runs."""
    is_logging = isinstance(call.func, ast.Name) and call.func.id in ("log_event", "log_failure")
    return is_logging and not (isinstance(call.args[0], ast.Name) and call.args[0].id in UNCOUNTED)


def _places() -> set[str]:
    found = set()
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if any(isinstance(node, ast.Call) and _logs_a_counted_type(node) for node in ast.walk(function)):
                found.add(f"{path.relative_to(ROOT)} {function.name}")
    return found


def test_places() -> None:
    """Each place that logs a counted type is known, with what proves the sender's intent there."""
    assert _places() == set(PLACES)


MARKED = [flow for flow in FLOWS if any(line.split()[0] in {kind.name for kind in COUNTED} for line in flow["lines"])]


@pytest.mark.django_db
@pytest.mark.urls("flow_site")
@pytest.mark.parametrize("marks", HOSTILE_MARKS.values(), ids=HOSTILE_MARKS)
@pytest.mark.parametrize("flow", MARKED, ids=[flow["name"] for flow in MARKED])
def test_hostile_page(flow: dict[str, Any], marks: dict[str, str], people: dict[str, User]) -> None:
    """With the marks of a hostile page a flow leaves no counted event whose proof does not hold."""
    sent = {**flow, "headers": {**flow.get("headers", {}), **marks}}
    with watching() as watched:
        _, events = run_flow(Client, sent, people, REMOTE_ADDR=ADDRESS)
    assert unproven(events, watched) == []


@pytest.mark.django_db
@pytest.mark.urls("flow_site")
@pytest.mark.parametrize("flow", MARKED, ids=[flow["name"] for flow in MARKED])
def test_rebound_page(flow: dict[str, Any], people: dict[str, User]) -> None:
    """On a site that serves any host name only a checked credential is counted: no mark shows a rebound page."""
    with watching() as watched, override_settings(ALLOWED_HOSTS=["*"]):
        _, events = run_flow(Client, {**flow, "settings": {**flow.get("settings", {}), "ALLOWED_HOSTS": ["*"]}},
                             people, REMOTE_ADDR=ADDRESS)  # fmt: skip
        assert unproven(events, watched) == []


__all__ = ["people"]  # the fixture
