"""Pages, README, example site and test sites show only those import paths that docs/extending.md lists as public."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from documented import DOCS, README, page

PROJECT = DOCS.parent
PUBLIC = {
    path: re.findall(r"`(\w+)`", names)
    for path, names in re.findall(r"^\| `(security_logging[\w.]*)` \| (.*) \|$", page("extending.md"), re.MULTILINE)
}
# Names of the same form that are no import path: the ids of system checks, and the logger of our own errors.
NO_PATHS = re.compile(r"security_logging\.([EW]\d{3}|[EW]|internal|__file__|__all__)$")
PAGES = [README, "../SECURITY.md", "../CHANGELOG.md", "../fail2ban/README.md", "../example_project/README.md"]
PAGES += sorted(path.name for path in DOCS.glob("*.md"))
# What a reader copies settings from. `demonstration` is the program that attacks the site.
SITES = [
    path.relative_to(PROJECT).as_posix()
    for folder in (
        *("example_project/example", "example_project/deploy"),
        *("tests/testsite", "tests/integrationsite", "tests/profile_site", "tests/proxied_site", "tests/cloudwatch"),
    )
    for path in sorted((PROJECT / folder).glob("*.py"))
    if "cloudwatch" not in folder or "settings" in path.name
]
_IMPORT = re.compile(r"from (security_logging[\w.]*) import (\([^)]*\)|[^\n;]+)")
_DOTTED = re.compile(r"(?<![\w./-])security_logging(?:\.\w+)+")


def shown_in_text(text: str) -> Iterator[str]:
    """Yield each dotted path of a page, and each name that a page imports."""
    for module, names in _IMPORT.findall(text):
        yield from (f"{module}.{name}" for name in re.findall(r"\w+|\*", re.sub(r" as \w+", "", names)))
    yield from (found for found in _DOTTED.findall(_IMPORT.sub("", text)) if not NO_PATHS.match(found))


def shown_in_code(path: Path) -> Iterator[str]:
    """Yield each name that a module imports from the package, and each string in it that is a dotted path."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "security_logging":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and _DOTTED.fullmatch(str(node.value)):
            yield str(node.value)


def is_public(path: str) -> bool:
    """Tell whether the path is a public module, or a public name in one; integrations are modules of their own."""
    module, _, name = path.rpartition(".")
    return path in PUBLIC or name in PUBLIC.get(module, ()) or (name == "*" and module == "security_logging.settings")


@pytest.mark.parametrize("module", PUBLIC)
def test_table(module: str) -> None:
    """The table lists exactly the names that a module declares as public, and each of them exists."""
    found = import_module(module)
    assert sorted(PUBLIC[module]) == sorted(found.__all__)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str) -> None:
    """A page names no import path that is not public."""
    assert [path for path in shown_in_text(page(name)) if not is_public(path)] == []


@pytest.mark.parametrize("name", SITES)
def test_site(name: str) -> None:
    """A site that a reader may copy from uses no import path that is not public."""
    assert [path for path in shown_in_code(PROJECT / name) if not is_public(path)] == []


def test_something_is_shown() -> None:
    """The search finds paths: in README the middleware and build_logging, and some in the sites."""
    wanted = {"security_logging.logging_config.build_logging", "security_logging.middleware.SecurityLoggingMiddleware"}
    assert wanted <= set(shown_in_text(page(README)))
    assert len([name for name in SITES if list(shown_in_code(PROJECT / name))]) > 5
