"""A healthy set-up of the security log, to be broken by a test in one place."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from django.test import override_settings

from security_logging.fail2ban.client import ClientError, JailStatus
from security_logging.fail2ban.files.shipped import shipped_files
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.operations.doctor import fail2ban, probe

_numbers = count()
GIGABYTES = 50


class FakeFail2ban:
    """Answers as a Fail2ban would whose only jail is django-auth."""

    def __init__(self, log: Path) -> None:
        self.read: tuple[str, ...] = (str(log),)
        self.running = ["sshd", "django-auth"]
        self.acts = True
        self.problem = ""
        self.banned: tuple[str, ...] = ()

    def jails(self) -> list[str]:
        if self.problem:
            raise ClientError(self.problem)
        return self.running

    def status(self, jail: str) -> JailStatus:
        return JailStatus(jail, 0, 0, 0, 0, self.read, self.banned)

    def refusal(self) -> str:
        return ""

    def listed(self, *words: str) -> list[str]:
        return list(self.read) if words[-1] == "logpath" else []

    def run(self, *words: str) -> str:
        if self.problem and words != ("-d",):
            raise ClientError(self.problem)
        actions = "\nroute" if self.acts else ""
        answers = {"-d": self._dump(), "ping": "pong", "version": "1.0.2\n", "maxretry": "5\n"}
        return {**answers, "actions": f"The jail has the following actions:{actions}"}[words[-1]]

    def _dump(self) -> str:
        """Return the configuration, which is what runs."""
        commands: list[list[object]] = []
        for jail in self.running:
            commands.append(["add", jail, "auto"])
            commands.append(["set", jail, "addfailregex", "django-security"])
            commands.append(["set", jail, "maxretry", 5])
            commands.extend(["set", jail, "addlogpath", path] for path in self.read)
            if self.acts:
                commands.append(["set", jail, "addaction", "route"])
        return "\n".join(map(repr, commands))


@dataclass
class Patient:
    """Everything that the doctor looks at."""

    log: Path
    configuration: Path
    logger: logging.Logger
    handler: logging.Handler
    fail2ban: FakeFail2ban
    monkeypatch: pytest.MonkeyPatch
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def filter(self) -> Path:
        """The installed filter."""
        return self.configuration / "filter.d" / "django-security.conf"

    def free(self, megabytes: int) -> None:
        """Let the disk have that much room."""
        usage = type("Usage", (), {"free": megabytes * 1_000_000})
        self.monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    def use(self, handler: logging.Handler, formatter: logging.Formatter | None) -> None:
        """Let the logger have this handler alone."""
        self.logger.removeHandler(self.handler)
        self.handler = handler
        handler.setFormatter(formatter)
        self.logger.addHandler(handler)


@contextmanager
def healthy(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """
    Yield a patient without any complaint; it is gone after the block.

    Enter it inside the test: pytest adds its own handlers to loggers that it finds when a test begins.
    """
    log, name = directory / "log" / "security.log", f"patient{next(_numbers)}"
    log.parent.mkdir(mode=0o750)
    log.touch(mode=0o640)
    log.chmod(0o640)
    (directory / "fail2ban").mkdir()
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel("INFO")
    patient = Patient(log, directory / "fail2ban", logger, logging.NullHandler(), FakeFail2ban(log), monkeypatch)
    for file, text in shipped_files().items():
        (patient.configuration / file).parent.mkdir(exist_ok=True)
        (patient.configuration / file).write_text(text, encoding="utf-8")
    patient.use(SecurityFileHandler(log), SecurityLineFormatter())
    patient.free(GIGABYTES * 1000)
    monkeypatch.setattr(probe, "SECONDS", 0)  # what is lost need not be waited for
    monkeypatch.setattr(fail2ban, "CONFIGURATION", patient.configuration)
    monkeypatch.setattr(fail2ban, "Client", lambda: patient.fail2ban)
    with override_settings(SECURITY_LOGGING_LOGGER_NAME=name):
        yield patient
    patient.handler.close()
    logger.propagate = True
    logger.handlers.clear()
