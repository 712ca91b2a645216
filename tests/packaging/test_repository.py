"""What holds for every file in the repository, whatever it is about."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from requires import require

PROJECT = Path(__file__).parent.parent.parent
UNNUMBERED = re.compile(r"#.*\b(TODO|FIXME)\b(?!.*#\d)")  # right: TODO(#12)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
NO_IDEA = {"common", "helper", "helpers", "misc", "util", "utils"}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Return every file under version control, relative to the project."""
    require((PROJECT / ".git").exists(), "not a clone: which files belong to the project is told by git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, timeout=30).stdout
    paths = [Path(name) for name in listed.decode().split("\0") if name]
    return [path for path in paths if (PROJECT / path).is_file()]


def _text(path: Path) -> str:
    return (PROJECT / path).read_text(encoding="utf-8", errors="replace")


def test_unfinished_thoughts_have_an_issue(tracked: list[Path]) -> None:
    """Who writes down what is left to do says where it is planned."""
    found = [f"{path}: {match[0]}" for path in tracked for match in UNNUMBERED.finditer(_text(path))]
    assert found == []


def test_modules_are_nouns(tracked: list[Path]) -> None:
    """No module or folder is named after having no better name."""
    assert [path for path in tracked if NO_IDEA & {*path.parent.parts, path.stem}] == []


def test_fail2ban_stays_importable(tracked: list[Path]) -> None:
    """The folder with the rendered files is no package, or it would shadow the real fail2ban."""
    modules = [path for path in tracked if path.parts[0] == "fail2ban" and path.suffix == ".py"]
    assert [path for path in modules if path.stem.isidentifier()] == []


def test_links_lead_somewhere(tracked: list[Path]) -> None:
    """Every relative link in the documentation leads to a file."""
    pages = [path for path in tracked if path.suffix == ".md"]
    links = [(page, link) for page in pages for link in LINK.findall(_text(page))]
    assert [(page, link) for page, link in links if not (PROJECT / page.parent / link).exists()] == []


def test_text_files_end_with_a_line_end(tracked: list[Path]) -> None:
    """A file of ours ends its last line, so that appending to it cannot join two."""
    ours = [path for path in tracked if path.suffix in {".py", ".sh", ".md", ".toml", ".conf", ".json", ".html"}]
    assert [path for path in ours if _text(path) and not _text(path).endswith("\n")] == []
