"""Imports run one way: from the vocabulary to the edges, never back."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PACKAGE = "security_logging"
ANYTHING = {"*"}
DJANGO = {"asgiref", "django"}
# Room: (the rooms it may import, the distributions it may import). A room is a folder, a module beside them, or a
# module of a folder that more rooms may import than the folder. Read it from the bottom upwards, as DESIGN does.
TABLE: dict[str, tuple[set[str], set[str]]] = {
    # What happened. Pure: no Django, no request, no setting.
    "events": (set(), set()),
    # The one form of what checks find: plain data for every room, while the checks themselves know all rooms.
    "checks.problem": (set(), set()),
    "checks.messages": ({"checks.problem"}, DJANGO),
    # The settings, and the one signal of ours.
    "conf": (set(), DJANGO),
    "signals": (set(), DJANGO),
    # Out of the way: our own errors, forks and exits, queues.
    "internal": ({"conf", "events"}, DJANGO),
    # Whose address, and what else is known of a request.
    "addresses": ({"conf", "events", "internal"}, DJANGO | {"ipware"}),
    "request": ({"addresses", "conf", "events", "internal"}, DJANGO),
    # The one way in.
    "logger": ({"conf", "events", "internal", "request", "signals"}, DJANGO),
    "": ({"events", "logger", "request", "signals"}, set()),
    "testing": ({"events", "logger", "signals"}, set()),
    # How a record is written, and where it goes.
    "formatters": ({"events"}, set()),
    "handlers": ({"conf", "events", "formatters", "internal"}, set()),
    "logging_config": ({"formatters", "handlers", "internal"}, DJANGO),
    "settings": ({"logging_config"}, set()),
    "log_filters": ({"formatters", "internal", "logging_config", "request"}, DJANGO),
    # Where it is noticed.
    "watchers": ({"", "addresses", "conf", "events", "handlers", "internal", "logger", "request"}, DJANGO),
    "middleware": ({"conf", "internal", "request", "watchers"}, DJANGO),
    # Each integration knows the one package that it is for.
    "integrations": (
        {"events", "formatters", "internal", "log_filters", "logger", "request", "watchers"},
        ANYTHING,
    ),
    "checks": (
        {
            *("addresses", "checks.messages", "checks.problem", "conf", "events", "handlers", "integrations"),
            *("internal", "logging_config", "request", "watchers"),
        },
        DJANGO,
    ),
    "apps": ({"checks", "integrations", "logger", "watchers"}, DJANGO),
    # Others that read the line.
    "fail2ban": ({"addresses", "checks.problem", "events", "internal"}, set()),
    # The only importer of boto3 and watchtower: they open connections and take a second to load.
    "cloudwatch": (
        {"checks.messages", "checks.problem", "conf", "events", "formatters", "internal", "logger"},
        DJANGO | {"boto3", "botocore", "watchtower"},
    ),
    # What people run: it looks at everything, and asks the optional parts only where they are used.
    "operations": (
        {
            *("addresses", "checks", "checks.problem", "conf", "events", "fail2ban", "formatters", "handlers"),
            *("internal", "logger", "logging_config", "request"),
        },
        DJANGO,
    ),
    "management": (
        {
            *("checks.problem", "cloudwatch", "conf", "events", "fail2ban", "formatters", "handlers", "internal"),
            "log_filters",
            *("operations", "request"),
        },
        DJANGO,
    ),
}


def _modules() -> dict[str, Path]:
    """Return the file of each module by its name inside the package."""
    names = {}
    for path in sorted((PROJECT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(PROJECT / PACKAGE).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = _modules()
every_module = pytest.mark.parametrize("module", MODULES)


@dataclass(frozen=True)
class Import:
    """One imported name and the function in which the import stands, "" at the top of a module."""

    name: str
    function: str
    is_relative: bool


def _imports(module: str) -> list[Import]:
    return list(_imports_below(ast.parse(MODULES[module].read_text(encoding="utf-8")), ""))


def _imports_below(node: ast.AST, function: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, function, False) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(f"{child.module}.{alias.name}", function, child.level > 0) for alias in child.names)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _imports_below(child, child.name)
        else:
            yield from _imports_below(child, function)


def _part(name: str) -> str:
    """Return the room of a module: `from security_logging import x` means the module x if there is one."""
    if (module := ".".join(name.split(".")[:2])) in TABLE:
        return module  # a module with a row of its own
    part = name.partition(".")[0]
    return part if part in TABLE or part in {module.partition(".")[0] for module in MODULES} else ""


def _parts_imported(module: str) -> set[str]:
    names = [found.name for found in _imports(module)]
    own = {_part(name.removeprefix(f"{PACKAGE}.")) for name in names if name.split(".")[0] == PACKAGE}
    return own - {_part(module)}


def _distributions_imported(module: str) -> set[str]:
    tops = {found.name.split(".")[0] for found in _imports(module)}
    return tops - sys.stdlib_module_names - {PACKAGE}


def _may_import_inside(module: str, function: str) -> bool:
    return _part(module) == "cloudwatch" or (module, function) == ("apps", "ready")


@every_module
def test_has_a_row(module: str) -> None:
    """Each module is in a room that has a row."""
    assert module.partition(".")[0] in TABLE


@every_module
def test_imports_of_the_package(module: str) -> None:
    """A module imports only from the rooms that the row of its own allows."""
    assert _parts_imported(module) - TABLE[_part(module)][0] == set()


@every_module
def test_imports_of_others(module: str) -> None:
    """A module imports only those distributions that its row allows."""
    allowed = TABLE[_part(module)][1]
    assert allowed == ANYTHING or _distributions_imported(module) - allowed == set()


@every_module
def test_imports_are_absolute(module: str) -> None:
    """An import says in full what it takes."""
    assert [found for found in _imports(module) if found.is_relative] == []


@every_module
def test_imports_inside_functions(module: str) -> None:
    """Only AppConfig.ready(), which Django wants so, and the optional CloudWatch part import inside a function."""
    inside = [found for found in _imports(module) if found.function]
    assert [found for found in inside if not _may_import_inside(module, found.function)] == []


def test_no_circle() -> None:
    """Read as a whole, the table runs one way."""
    order = list(TopologicalSorter({part: allowed for part, (allowed, _) in TABLE.items()}).static_order())
    assert sorted(order) == sorted(TABLE)


def test_no_stale_row() -> None:
    """Each row is of a room that exists."""
    assert set(TABLE) - {_part(module) for module in MODULES} == set()


_IMPORT_AND_TELL = """
import sys, threading

def refuse(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(event)

sys.addaudithook(refuse)
__import__(sys.argv[1])
from django.apps import apps
from django.conf import settings
print(settings.configured, apps.apps_ready, threading.active_count(), "boto3" in sys.modules)
"""


@pytest.mark.parametrize("name", [PACKAGE, f"{PACKAGE}.logging_config", f"{PACKAGE}.formatters", f"{PACKAGE}.handlers"])
def test_importable_from_settings(name: str, tmp_path: Path) -> None:
    """What a settings module imports reads no setting, loads no model, opens no socket and starts no thread."""
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", _IMPORT_AND_TELL, name]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == ("False False 1 False\n", "")
