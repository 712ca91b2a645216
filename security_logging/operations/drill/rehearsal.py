"""A rehearsal: with the project's URLs, middleware and views; everything else is private and temporary."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from logging.handlers import SysLogHandler
from pathlib import Path

from security_logging.formatters.security import ECSFormatter, SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.operations.drill import stand_ins
from security_logging.operations.drill.collector import Collector
from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.plan import Plan
from security_logging.operations.drill.private_fail2ban import private_fail2ban, stored
from security_logging.operations.drill.watch import Watch
from security_logging.request.surface import ADMIN


@contextmanager
def rehearsal(plan: Plan, path: str, surface: str = ADMIN) -> Iterator[Drill]:
    """Yield a drill whose files, Fail2ban, databases and stubs are removed after the block."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="drill-", dir=_short()))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        files = {name: directory / "log" / name for name in ("security.log", "security.json", "other.log")}
        for file in files.values():
            file.parent.mkdir(mode=0o750, exist_ok=True)
            file.touch(mode=0o640)
        sink, alerts = stack.enter_context(Collector()), stack.enter_context(Collector())
        (directory / "store").touch()
        stack.enter_context(_logging(files, sink))
        stack.enter_context(stand_ins.databases())
        stack.enter_context(stand_ins.all_caches())
        detector = stack.enter_context(private_fail2ban(directory, plan, alerts.port, surface))
        others = [Watch(file) for name, file in files.items() if name != "security.log"]
        # In place of the proxy or the firewall that reads what the action writes.
        login_client = InProcess(path, partial(stored, directory))
        drill = Drill(plan, login_client, Watch(files["security.log"]), others, detector)
        drill.is_enforced = True
        drill.shipped = sink.has
        drill.alerted = alerts.has if isinstance(detector, Detector) else None
        drill.secret_places = _places(directory, {"the remote sink": sink, "the alerts": alerts})
        for watch in (drill.log, *others):
            stack.callback(watch.close)
        yield drill


@contextmanager
def _logging(files: dict[str, Path], sink: Collector) -> Iterator[None]:
    text, data = SecurityFileHandler(files["security.log"]), SecurityFileHandler(files["security.json"])
    remote, others = SysLogHandler(("127.0.0.1", sink.port)), SecurityFileHandler(files["other.log"])
    formats: dict[logging.Handler, logging.Formatter] = {
        text: SecurityLineFormatter(),
        data: ECSFormatter(),
        remote: SecurityLineFormatter(bare=True),
        others: SecurityLineFormatter(),
    }
    for handler, formatter in formats.items():
        handler.setFormatter(formatter)
    with stand_ins.handlers(text, data, remote, others=others):
        yield


def _places(directory: Path, stubs: dict[str, Collector]) -> Callable[[], dict[str, bytes]]:
    """Return a function that returns what Fail2ban and the stubs have kept."""

    def read() -> dict[str, bytes]:
        files = {
            f"Fail2ban's {path.name}": path.read_bytes() for path in directory.glob("fail2ban.[lso]*") if path.is_file()
        }
        return {**files, **{name: stub.data for name, stub in stubs.items()}}

    return read


def _short() -> str:
    """Return a directory for temporary files in which the name of a unix socket fits (108 bytes)."""
    wanted = tempfile.gettempdir()
    return wanted if len(wanted) < 60 else "/tmp"  # noqa: S108 (mkdtemp makes a private directory in it)
