"""Render docs/flows.md from the table of requests and lines that the tests use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.tables import table

FLOWS = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "flows.json"

_INTRODUCTION = """\
# What is logged when

This page is generated from `tests/vectors/flows.json`.
The tests send each of these requests to Django's own views and expect exactly these lines.
They do so with every supported Django, through WSGI and through ASGI.

The lines are shortened: address, method, path and identifiers are left out, and capitals stand for primary keys.
Unless the row is about CSRF, the request has a valid token.
"no line" is intended: a request that is no attempt must not look like one.
The last column has the lines that are left if `SecurityLoggingMiddleware` is not in `MIDDLEWARE`.

Nothing else changes for a site.
Django's own tests `auth_tests` and `admin_views` pass with the app and the middleware as they do without them: 825 and
479 tests of Django 5.2.19, 898 and 557 of Django 6.1.3.
So do the 351 tests of django-axes 8.3.1 (`make test-suites`).

The users: `alice` may log in, `ivan` is disabled, `stella` is staff without permissions, `root` is a superuser.
All passwords are `right`.
`/admin/` and `/office/` are two admin sites.
"""


def page() -> str:
    """Return docs/flows.md."""
    flows: list[dict[str, Any]] = json.loads(FLOWS.read_text("utf-8"))
    header = ["what happens", "who", "request", "lines", "without the middleware"]
    return f"{_INTRODUCTION}\n{table(header, map(_row, flows))}"


def _row(flow: dict[str, Any]) -> list[str]:
    lines = flow["lines"]
    without = flow.get("lines_without_middleware", lines)
    who = flow.get("as", "anonymous")
    return [flow["desc"], who, _request(flow), _cell(lines), "the same" if without == lines else _cell(without)]


def _request(flow: dict[str, Any]) -> str:
    """Return the method and path of a flow, and the headers and form fields that it sets."""
    parts = [f"{flow['method']} {flow['path']}"]
    parts += [f"{name}: {value}" for name, value in flow.get("headers", {}).items()]
    parts += [f"{name}={value}" for name, value in flow.get("data", {}).items()]
    return "<br>".join(f"`{json.dumps(part)[1:-1]}`" for part in parts)


def _cell(lines: list[str]) -> str:
    return "<br>".join(f"`{line}`" for line in lines) or "no line"
