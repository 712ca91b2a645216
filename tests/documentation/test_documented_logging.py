"""What docs/logging.md and the README show about logging works as it stands there."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from celery import signals  # type: ignore[import-untyped]  # it has none

from documented import DOCS, blocks, page
from security_logging.checks.logging_setting import problems
from security_logging.integrations import celery
from security_logging.logging_config.profiles import ALIASES, PROFILES

README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
PYTHON = [block for block in blocks("logging.md", "python") if "LOGGING =" not in block]
LINES = [
    *(line for block in blocks("logging.md", "python") for line in block.splitlines() if line.startswith("LOGGING =")),
    *(line for line in README.splitlines() if line.startswith("LOGGING =")),
]


@pytest.mark.parametrize("line", LINES)
def test_line(line: str) -> None:
    """Each line that is shown returns a LOGGING without a mistake."""
    names: dict[str, Any] = {"LOGGING": {"version": 1, "disable_existing_loggers": False}}
    exec(f"from security_logging.logging_config import build_logging\n{line}", names)  # noqa: S102 (our own page)
    assert list(problems(names["LOGGING"])) == []


@pytest.mark.parametrize("block", range(len(PYTHON)))
def test_block(block: int) -> None:
    """Each further block runs."""
    called: list[str] = []
    stub = SimpleNamespace(
        run=lambda *args, **options: called.append("run"), init=lambda **options: called.append("init")
    )
    exec(PYTHON[block], {"uvicorn": stub, "sentry_sdk": stub})  # noqa: S102 (our own page)
    signals.setup_logging.disconnect(dispatch_uid=celery._UID)
    assert len(called) == PYTHON[block].count("uvicorn.run(") + PYTHON[block].count("sentry_sdk.init(")


def test_every_profile() -> None:
    """The table has a row for every profile, and names every alias."""
    table = page("logging.md").partition("| profile |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == [
        name
        for profile in PROFILES
        for name in (profile, *(alias for alias, meant in ALIASES.items() if meant == profile))
    ]
