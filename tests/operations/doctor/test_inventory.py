"""The log inventory: every event type, every sink, the format, who may read it, and for how long it is kept."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils.log import AdminEmailHandler

from patient import healthy
from security_logging.events.type_registry import event_types
from security_logging.formatters.security import ECSFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.handlers.sinks import Sink
from security_logging.operations.doctor import inventory, report

SHIPPED = Path(__file__).parents[3] / "deploy" / "logrotate.d"


def logrotate(directory: Path, paths: str, *rules: str) -> Path:
    """Return a directory with a configuration of logrotate."""
    where = directory / "logrotate.d"
    where.mkdir()
    (where / "site").write_text("# { a comment }\n" + paths + " {\n" + "\n".join(rules) + "\n}\n")
    (where / "broken").mkdir()
    return where


def of_events(where: Path) -> list[inventory.Row]:
    """Return the rows of the event types."""
    return [row for row in inventory.rows(where) if row.event_class != "-"]


def nameless(path: Path) -> str:
    """Return no owner, as in a container."""
    raise KeyError


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (("weekly", "rotate 52"), "371 days"),
        (("daily", "rotate 13", "maxsize 100M"), "14 days, less when it grows fast"),
        (("daily", "rotate 99", "maxage 30"), "30 days"),
        (("rotate 4",), "not known here"),
        (("daily",), "not known here"),
    ],
)
def test_retention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: tuple[str, ...], expected: str) -> None:
    """How long a file is kept is read from logrotate's configuration."""
    with healthy(tmp_path, monkeypatch) as patient:
        where = logrotate(tmp_path, f"/var/log/other.log {patient.log.parent}/*.log", *rules)
        assert {row.retention for row in of_events(where)} == {expected}


def test_retention_as_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own logrotate file keeps a year."""
    with healthy(tmp_path, monkeypatch) as patient:
        sink = Sink(patient.handler, Path("/var/log/django/security.log"), "line", ("auth",))
        assert inventory.retention(sink, SHIPPED) == "371 days, less when it grows fast"


def test_no_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that nothing rotates grows for ever; where there is no logrotate nobody knows."""
    with healthy(tmp_path, monkeypatch):
        where = logrotate(tmp_path, "/var/log/other.log", "daily")
        kept = {row.retention for row in (*of_events(where), *of_events(tmp_path / "x"))}
    assert kept == {"for ever, nothing rotates it", "not known here"}


def test_each_type_once_for_each_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event type has a row for each sink that gets it."""
    with healthy(tmp_path, monkeypatch) as patient:
        alarms = logging.StreamHandler(io.StringIO())
        alarms.setFormatter(ECSFormatter())
        alarms.setLevel("ERROR")
        alarms.set_name("alarms")
        patient.logger.addHandler(alarms)
        rows = of_events(tmp_path / "x")
    assert [row.event for row in rows if row.sink == "SecurityFileHandler"] == [kind.name for kind in event_types()]
    assert [(row.event, row.format, row.place) for row in rows if row.sink == "alarms"] == [
        ("logging_degraded", "json", "StreamHandler"),
        ("wrong_address_suspected", "json", "StreamHandler"),
    ]


def test_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is switched off, or below the level, has a row that says so."""
    with healthy(tmp_path, monkeypatch) as patient, override_settings(SECURITY_LOGGING_EVENTS={"probe": False}):
        patient.logger.setLevel("WARNING")
        nowhere = {row.event for row in inventory.rows(tmp_path / "x") if row.sink == "none"}
    assert (len(nowhere) > 5, {"probe", "login", "login_failed"} & nowhere) == (True, {"probe", "login"})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[logging.Logger]:
    """Yield a logger of the site's own that writes a file and mails errors."""
    logger = logging.getLogger("shop.payments")
    handlers: list[logging.Handler] = [SecurityFileHandler(tmp_path / "payments.log"), AdminEmailHandler()]
    handlers[1].setLevel("ERROR")
    logger.handlers, logger.level = [*handlers, logging.NullHandler()], logging.INFO
    yield logger
    for handler in handlers:
        handler.close()


def test_other_layers(tmp_path: Path, shop: logging.Logger) -> None:
    """What is no security event is told by logger: its level, where it goes and what for."""
    rows = [row for row in inventory.rows(tmp_path / "x") if row.event == "shop.payments.*"]
    assert [(row.level, row.place, row.use, row.retention) for row in rows] == [
        ("INFO", str(tmp_path / "payments.log"), "people", "not known here"),
        ("ERROR", "AdminEmailHandler", "people, by mail", "as the mailboxes do"),
    ]


def test_own_watch(tmp_path: Path) -> None:
    """Our own watch on Django's records is no place where records go, and a security logger is no other layer."""
    rows = [row for row in inventory.rows(tmp_path / "x") if row.event_class == "-"]
    assert [row for row in rows if row.event.startswith(("django.security", "security."))] == []


def test_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no logger names goes where the root logger leads."""
    kept = [row.retention for row in inventory.rows(tmp_path / "x") if row.event == "all others"]
    monkeypatch.setattr(logging.root, "handlers", [*logging.root.handlers, logging.StreamHandler(io.StringIO())])
    more = [row.retention for row in inventory.rows(tmp_path / "x") if row.event == "all others"]
    assert more == [*kept, "as whatever keeps standard error says"]


def test_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode and the owner of a file are told; of one without a name their numbers."""
    with healthy(tmp_path, monkeypatch) as patient:
        named = inventory.rows(tmp_path / "x")[0].access
        monkeypatch.setattr(Path, "owner", nameless)
        numbered = inventory.rows(tmp_path / "x")[0].access
        found = patient.log.stat()
        patient.log.unlink()
        gone = inventory.rows(tmp_path / "x")[0].access
    assert (named[:5], numbered, gone) == ("0640 ", f"0640 {found.st_uid}:{found.st_gid}", "not known here")


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints the inventory as a table and as JSON."""
    with healthy(tmp_path, monkeypatch):
        table, data = io.StringIO(), io.StringIO()
        call_command("security_doctor", "--inventory", stdout=table)
        call_command("security_doctor", "--inventory", "--json", stdout=data)
    rows = json.loads(data.getvalue())
    assert len(table.getvalue().splitlines()) == len(rows) + 2
    assert sum(row["event_class"] != "-" for row in rows) == len(event_types())
    assert [name for name in report._COLUMNS if name not in rows[0]] == []
