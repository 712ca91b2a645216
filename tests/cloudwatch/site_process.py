"""Drive a Django process that logs to CloudWatch, and account for each of its events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cloudwatch.fault_endpoint import FaultEndpoint

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

ANSWER_SECONDS = 60


class SiteProcess:
    """A Django process; `ask` has it do something."""

    def __init__(self, directory: Path, url: str, **environment: str) -> None:
        """Start it with the events going to `url`; what it spools is below `directory`."""
        self.directory = directory
        self.ids_file = directory / "ids.txt"
        self.exit_seconds = 0.0
        with (directory / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloudwatch.scenario"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=site_environment(directory, url, **environment),
                text=True,
            )
        self.started = self._answer()

    def ask(self, command: str) -> Any:
        """Return the answer to a command of `scenario`."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def leave(self, seconds: float = ANSWER_SECONDS) -> int:
        """Let the process exit by itself, note how long that took, and return its code."""
        assert self.process.stdin is not None
        begun = time.perf_counter()
        self.process.stdin.close()
        code = self.process.wait(seconds)
        self.exit_seconds = time.perf_counter() - begun
        return code

    def kill(self) -> None:
        """Kill the process the hard way."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(ANSWER_SECONDS)

    @property
    def ids(self) -> set[str]:
        """Return the ids of all events that the process has logged."""
        return set(self.ids_file.read_text().split())

    def errors(self) -> str:
        """Return what the process has written to standard error."""
        return (self.directory / "stderr.txt").read_text()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process died: {self.errors()}"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def site_environment(directory: Path, url: str, **environment: str) -> dict[str, str]:
    """Return the environment of a process with the settings `cloudwatch.site_settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV_", "PYTEST"))}
    (directory / "cloudwatch").mkdir(mode=0o700, exist_ok=True)
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DJANGO_SETTINGS_MODULE": "cloudwatch.site_settings",
        "TEST_ENDPOINT": url,
        "AWS_ENDPOINT_URL": url,  # whatever asks AWS for something asks us
        "TEST_DIRECTORY": str(directory / "cloudwatch"),
        "TEST_IDS": str(directory / "ids.txt"),
        "TEST_ACCESS_KEY": "testing",
        "TEST_SECRET_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        **environment,
    }


def kept_ids(directory: Path) -> Counter[str]:
    """Return the ids of the events that wait in spools or were put aside as refused."""
    found: Counter[str] = Counter()
    for path in (directory / "cloudwatch").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            document = json.loads(json.loads(line)["message"])
            if document["event"]["action"] not in ("heartbeat", "logging_degraded"):
                found[document["event"]["id"]] += 1
    return found


def unaccounted(site: SiteProcess, endpoint: FaultEndpoint | None = None) -> set[str]:
    """Return the ids of the events that are neither delivered nor kept on disk."""
    delivered = set(endpoint.events) if endpoint else set()
    return site.ids - delivered - set(kept_ids(site.directory))


def wait_until(condition: Any, seconds: float = 15) -> bool:
    """Wait until the condition holds and tell whether it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
