"""Every derived file is up to date, and whoever edits one by hand is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
PAGE = "docs/page.md"
FILTER = "fail2ban/filter.d/django-security.conf"
DERIVED = [
    FILTER,
    "fail2ban/jail.d/django-security.conf",
    "fail2ban/action.d/django-security-report.conf",
    "docs/events.md",
    "tests/real_fail2ban/logs/django-security",
]
TABLES = ["events", "fields", "settings", "checks", "modes", "fail2ban_problems"]


def _generate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The script imports the sources of its own checkout, whatever is installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(checkout / "scripts/generate.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which every derived file is up to date; no test changes it."""
    copy = tmp_path_factory.mktemp("fresh")
    for name in ("security_logging", "scripts", "fail2ban", "docs", "tests"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "README.md", copy)
    _generate(copy)
    return copy


@pytest.fixture
def checkout(fresh: Path, tmp_path: Path) -> Path:
    """Return a copy of it for one test."""
    return shutil.copytree(fresh, tmp_path / "checkout")


def test_derived_files_are_up_to_date() -> None:
    """What is checked in is what the vocabulary and the settings say."""
    run = _generate(PROJECT, "--check")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_edited_files(checkout: Path) -> None:
    """Derived files that somebody edited are named, with the difference and what to do; checking changes none."""
    for name in DERIVED:
        path = checkout / name
        path.write_text(path.read_text("utf-8") + "by hand\n", encoding="utf-8")
    run = _generate(checkout, "--check")
    named = [line for line in run.stdout.splitlines() if line.endswith(" is out of date; run: make generate")]
    assert (run.returncode, sorted(line.split()[0] for line in named)) == (1, sorted(DERIVED))
    assert run.stdout.count("-by hand\n") == len(DERIVED)
    assert [(checkout / name).read_text("utf-8").endswith("by hand\n") for name in DERIVED] == [True] * len(DERIVED)


def test_missing_file(checkout: Path) -> None:
    """A derived file that is missing is out of date; generating makes it, once."""
    (checkout / FILTER).unlink()
    assert _generate(checkout, "--check").returncode == 1
    assert [_generate(checkout).stdout for _ in range(2)] == [f"{FILTER} written\n", ""]


def test_new_event_type(checkout: Path) -> None:
    """A change of the vocabulary makes the files out of date that tell of it."""
    path = checkout / "security_logging/events/types.py"
    path.write_text(path.read_text("utf-8").replace('"mfa_failed"', '"factor_failed"'), encoding="utf-8")
    stale = {line.split()[0] for line in _generate(checkout, "--check").stdout.splitlines() if "is out of date" in line}
    assert stale >= {FILTER, "docs/events.md"}


def test_tables_in_a_page(checkout: Path) -> None:
    """Between two marks a page written by hand holds a table that is kept up to date; the rest of it stays."""
    page = checkout / PAGE
    text = "".join(f"before\n<!-- generated: {table} -->\nold\n<!-- end -->\nafter\n" for table in TABLES)
    page.write_text(text, encoding="utf-8")
    assert _generate(checkout, "--check").returncode == 1
    _generate(checkout)
    for table, part in zip(TABLES, page.read_text("utf-8").split("before\n")[1:], strict=True):
        lines = part.splitlines()
        assert (lines[0], lines[-2:]) == (f"<!-- generated: {table} -->", ["<!-- end -->", "after"])
        assert lines[3].startswith("| ---")
        assert len(lines) > 7


def test_page_without_a_table(checkout: Path) -> None:
    """A page without a mark is left alone."""
    (checkout / PAGE).write_text("by hand\n", encoding="utf-8")
    assert _generate(checkout, "--check").returncode == 0


@pytest.mark.parametrize("name", ["coffee", "Coffee 2", ""])
def test_unknown_table(checkout: Path, name: str) -> None:
    """A mark that names no table is an error and not an empty table."""
    (checkout / PAGE).write_text(f"<!-- generated: {name} -->\n<!-- end -->\n", encoding="utf-8")
    run = _generate(checkout, "--check")
    assert run.returncode == 1
    assert f"KeyError: {name!r}" in run.stderr


def test_no_table_is_empty() -> None:
    """Each mark in our pages stands before something."""
    pages = [PROJECT / "README.md", PROJECT / "fail2ban/README.md", *(PROJECT / "docs").glob("*.md")]
    texts = [page.read_text("utf-8") for page in pages]
    assert sum(text.count("<!-- generated:") for text in texts) > 5
    assert not [text for text in texts if re.search(r"<!-- generated:.*-->\s*<!-- end -->", text)]
