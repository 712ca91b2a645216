"""docs/contributing: each diff on a page is what the tree holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from documented import blocks

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(f"contributing/{path.name}" for path in (ROOT / "docs" / "contributing").glob("*.md"))


def added(page: str) -> Iterator[tuple[str, str]]:
    """Yield each line that a diff of the page adds, after the file it adds it to."""
    for diff in blocks(page, "diff"):
        name = ""
        for line in diff.splitlines():
            if line.startswith("+++ b/"):
                name = line.removeprefix("+++ b/")
            elif line.startswith("+"):
                yield name, line[1:].strip().rstrip(",")


@pytest.mark.parametrize("page", PAGES)
def test_diff(page: str) -> None:
    """Each line that the diff adds stands in the file that it names."""
    missing = [(name, line) for name, line in added(page) if line not in (ROOT / name).read_text("utf-8")]
    assert missing == []


def test_there_are_diffs() -> None:
    """The page about vendors shows the change of an example."""
    assert list(added("contributing/support-a-proxy-vendor.md"))
