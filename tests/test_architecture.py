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
VOCABULARY = {"event_types", "events", "fields"}

# Part: (the parts it may import, the distributions it may import). A part is a module, or a folder with all in it.
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "": (VOCABULARY | {"logger", "signals"}, set()),
    # Pure: no Django, no request, no setting.
    "fields": (set(), set()),
    "event_types": ({"fields"}, set()),
    "events": ({"event_types", "fields"}, set()),
    "line_format": (VOCABULARY, set()),
    "ecs": (VOCABULARY, set()),
    "records": (set(), set()),
    "record_context": ({"fields", "records"}, set()),
    "formatters": (VOCABULARY | {"ecs", "line_format", "record_context", "records"}, set()),
    "text_formats": ({"record_context", "records"}, set()),
    "patience": (set(), set()),
    "last_resort": ({"patience"}, set()),
    "handlers": ({"last_resort"}, set()),
    # Ways to a log server; each opens its socket when the first record comes.
    "reports": (set(), set()),
    "lifecycle": ({"reports"}, set()),
    "datagrams": ({"patience"}, set()),
    "stream_queue": ({"lifecycle"}, set()),
    "senders": ({"last_resort", "patience", "records"}, set()),
    "syslog": (
        VOCABULARY
        | {"datagrams", "formatters", "line_format", "patience", "record_context", "records", "senders"}
        | {"stream_queue"},
        set(),
    ),
    "journald": (
        VOCABULARY
        | {"datagrams", "formatters", "line_format", "record_context", "records", "senders", "syslog", "text_formats"},
        set(),
    ),
    "streams": (set(), set()),
    "profiles": ({"streams", "text_formats"}, set()),
    "logging_config": ({"profiles", "streams", "syslog", "text_formats"}, set()),
    "settings": ({"logging_config"}, set()),
    "servers": ({"logging_config"}, set()),
    "addresses": ({"fields"}, set()),
    "proxies": ({"addresses"}, set()),
    "fail2ban": (VOCABULARY | {"addresses", "ecs", "line_format", "proxies"}, set()),
    # The edge to Django.
    "conf": (set(), DJANGO),
    "context": (set(), DJANGO),
    "signals": (set(), DJANGO),
    "actor": ({"context", "reports"}, DJANGO),
    "view_classes": (set(), DJANGO),
    "surface": ({"conf", "view_classes"}, DJANGO),
    "client_ip": ({"addresses", "conf", "fields", "proxies"}, DJANGO | {"ipware"}),
    "request_path": ({"surface"}, DJANGO),
    "user_names": (VOCABULARY | {"conf"}, DJANGO),
    "user_name_checks": ({"address_checks", "conf", "user_names"}, DJANGO),
    "cross_site": (set(), DJANGO),
    "request_id": ({"client_ip", "conf"}, DJANGO),
    "bait_paths": ({"conf"}, DJANGO),
    "flood": (VOCABULARY | {"conf", "reports"}, DJANGO),
    "description": (
        VOCABULARY
        | {"addresses", "client_ip", "cross_site", "reports", "request_id", "request_path", "surface", "user_names"},
        DJANGO,
    ),
    "logger": (
        VOCABULARY | {"conf", "context", "description", "flood", "lifecycle", "line_format", "reports", "signals"},
        DJANGO,
    ),
    "accounts": (VOCABULARY | {"actor", "logger", "reports"}, DJANGO),
    "privileges": (VOCABULARY | {"accounts", "actor", "logger", "reports"}, DJANGO),
    "admin_log": (VOCABULARY | {"actor", "logger", "reports"}, DJANGO),
    "prior_failures": (VOCABULARY | {"client_ip", "conf", "context", "logger", "reports"}, DJANGO),
    "receivers": (VOCABULARY | {"actor", "conf", "context", "logger", "reports", "prior_failures", "surface"}, DJANGO),
    # What no signal tells: seen in the answer, or in a record that Django writes.
    "account_views": ({"view_classes"}, DJANGO),
    "answers": (set(), DJANGO),
    "attempts": (VOCABULARY | {"actor", "cross_site", "logger", "prior_failures", "receivers"}, DJANGO),
    "passwords": (VOCABULARY | {"actor", "attempts", "logger"}, DJANGO),
    "refusals": (
        VOCABULARY | {"account_views", "actor", "attempts", "bait_paths", "cross_site", "logger", "view_classes"},
        DJANGO,
    ),
    "django_records": ({"logger", "reports", "refusals"}, DJANGO),
    "unsignalled": (
        VOCABULARY | {"account_views", "actor", "answers", "attempts", "logger", "passwords", "refusals"},
        DJANGO,
    ),
    "forwarding": (VOCABULARY | {"addresses", "client_ip", "conf", "logger", "reports"}, DJANGO),
    "middleware": (
        {"conf", "context", "django_records", "forwarding", "logger", "reports", "request_id", "unsignalled"},
        DJANGO,
    ),
    "testing": (VOCABULARY | {"logger", "signals"}, DJANGO),
    "address_checks": ({"addresses", "conf", "proxies"}, DJANGO),
    "event_checks": (VOCABULARY | {"address_checks"}, DJANGO),
    "log_checks": ({"conf", "formatters", "handlers"}, DJANGO),
    "logging_checks": ({"log_checks"}, DJANGO),
    "log_filters": ({"context", "logger", "reports", "records", "request_id", "streams"}, DJANGO),
    "sentry": (VOCABULARY | {"formatters"}, {"sentry_sdk"}),
    "memory": (set(), set()),
    "celery": ({"log_filters", "memory", "startup"}, DJANGO | {"celery"}),
    "missing_events": (set(), DJANGO),
    "request_checks": ({"address_checks", "bait_paths", "conf", "missing_events"}, DJANGO),
    "checks": (
        VOCABULARY
        | {"address_checks", "conf", "event_checks", "log_checks", "logging_checks", "request_checks", "surface"}
        | {"integrations", "user_name_checks"},
        DJANGO,
    ),
    "apps": (
        {"accounts", "admin_log", "checks", "django_records", "integrations", "logger", "privileges", "receivers"}
        | {"startup"},
        DJANGO,
    ),
    # What reads the log again, or tells where it goes.
    "sinks": (VOCABULARY | {"conf", "formatters", "log_checks"}, set()),
    "startup": (VOCABULARY | {"", "conf", "logger", "sinks"}, DJANGO),
    "reading": (VOCABULARY | {"ecs", "line_format"}, set()),
    "selection": (VOCABULARY | {"addresses"}, set()),
    "tally": (VOCABULARY, set()),
    # Looks at everything, and asks the optional parts only where they are used.
    "doctor": (
        VOCABULARY
        | {"addresses", "client_ip", "conf", "fail2ban", "logger", "missing_events", "proxies", "reading", "records"}
        | {"request_checks", "senders", "sinks"},
        DJANGO,
    ),
    # Attacks the site as a client would, and watches what becomes of it.
    "drill": (
        VOCABULARY
        | {"addresses", "client_ip", "conf", "doctor", "fail2ban", "formatters", "handlers", "logger", "proxies"}
        | {"reading", "records", "selection", "sinks", "surface"},
        DJANGO,
    ),
    # Each integration knows the one package that it is for.
    "integrations": (
        VOCABULARY
        | {"account_views", "actor", "answers", "attempts", "logger", "reports", "passwords", "prior_failures"}
        | {"receivers", "refusals", "view_classes"},
        ANYTHING,
    ),
    # The only importer of boto3 and watchtower: they open connections and take a second to load.
    "cloudwatch": (
        VOCABULARY | {"conf", "ecs", "formatters", "handlers", "lifecycle", "logger", "reports"},
        DJANGO | {"boto3", "botocore", "watchtower"},
    ),
    # Commands stand above everything but what serves requests.
    "management": (
        VOCABULARY
        | {"addresses", "checks", "client_ip", "cloudwatch", "conf", "ecs", "fail2ban", "formatters", "handlers"}
        | {"line_format", "logger", "logging_config", "proxies", "surface"}
        | {"doctor", "drill", "log_filters", "reading", "records", "selection", "sinks", "tally"},
        DJANGO,
    ),
}

# Announced for later work, so their rows wait for them.
NOT_YET_THERE = {"cloudwatch", "fail2ban", "integrations", "management"}


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
    """Return the row of a module: `from security_logging import x` means the module x if there is one."""
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
    """Each module has a row; a new one is added to the table together with what it may know."""
    assert module.partition(".")[0] in TABLE


@every_module
def test_imports_of_the_package(module: str) -> None:
    """A module imports only those parts of the package that its row allows."""
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
    """Each row is of a module that exists or is announced."""
    assert set(TABLE) - {module.partition(".")[0] for module in MODULES} - NOT_YET_THERE == set()


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
