"""A drill on the live site: its own log, one drill at a time, and the questions it asks elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from patient import Patient, healthy
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.operations.doctor import cloudwatch
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.live import live
from security_logging.operations.drill.plan import make_plan
from security_logging.operations.drill.results import Stopped
from security_logging.operations.drill.watch import Watch
from working_drill import FakeClient


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def enter(patient: Patient, *, alert_command: str = "") -> AbstractContextManager[Drill]:
    """Return a live drill."""
    client, way = FakeClient(Watch(Path("/nowhere"))), InProcess("/admin/login/")
    return live(make_plan(), way, "admin", client=client, enforced=True, alert_command=alert_command)


def test_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill follows the log that LOGGING writes, and searches the other files too."""
    with healthy(tmp_path, monkeypatch) as patient:
        second = SecurityFileHandler(tmp_path / "second.log")
        second.setFormatter(SecurityLineFormatter())
        patient.logger.addHandler(second)
        with enter(patient) as drill:
            others = [watch.path for watch in drill.others]
            assert (drill.log.path, others, drill.is_enforced) == (patient.log, [tmp_path / "second.log"], True)
            assert (drill.shipped, drill.alerted, drill.limit) == (None, None, 3)


def test_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log file there is nothing to prove, and none is created."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.log.unlink()
        with pytest.raises(Stopped, match="no log file that exists"), enter(patient):
            pass
        assert not patient.log.exists()


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a drill runs on a log, no other begins; afterwards one may, and no file is left."""
    with healthy(tmp_path, monkeypatch) as patient:
        with enter(patient), pytest.raises(Stopped, match="another drill is running"), enter(patient):
            pass
        with enter(patient):
            pass
        assert [path.name for path in patient.log.parent.iterdir()] == ["security.log"]


@pytest.mark.parametrize(("command", "has_come"), [('test "$DRILL_ID" = drill-1', True), ("false", False)])
def test_alert_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, *, has_come: bool) -> None:
    """The operator's command is asked, with the drill's id."""
    with healthy(tmp_path, monkeypatch) as patient, enter(patient, alert_command=command) as drill:
        assert drill.alerted is not None
        assert drill.alerted("drill-1") is has_come


def test_alert_command_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end has not seen the alert."""
    monkeypatch.setattr("security_logging.operations.drill.live._SECONDS", 0.01)
    with healthy(tmp_path, monkeypatch) as patient, enter(patient, alert_command="sleep 5") as drill:
        assert drill.alerted is not None
        assert drill.alerted("drill-1") is False


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Yield what CloudWatch is asked; it has the event e1 alone, on the second page of its answer."""
    asked: list[dict[str, Any]] = []

    def paginate(**arguments: Any) -> Iterator[dict[str, Any]]:
        asked.append(arguments)
        yield {"events": []}
        yield {"events": [{}] if arguments["filterPattern"] == '"e1"' else []}

    client = SimpleNamespace(get_paginator=lambda name: SimpleNamespace(paginate=paginate))
    answers = {
        "security_logging.cloudwatch.credentials.connect": lambda service: client,
        "security_logging.cloudwatch.names.log_group": lambda: "/shop/production/security",
    }
    monkeypatch.setattr(cloudwatch, "import_string", answers.__getitem__)
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop"):
        yield asked


def test_shipped_to_cloudwatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, Any]]) -> None:
    """Where CloudWatch is used, the event's id is looked for in the site's group."""
    with healthy(tmp_path, monkeypatch) as patient, enter(patient) as drill:
        assert drill.shipped is not None
        assert (drill.shipped("e1"), drill.shipped("e2")) == (True, False)
    assert {call["logGroupName"] for call in logs} == {"/shop/production/security"}
