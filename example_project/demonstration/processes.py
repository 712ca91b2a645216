"""Start programs, each in a process group of its own, and end exactly those."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from demonstration.accounts import Account
from demonstration.interrupts import Interrupts

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
STOP_SECONDS = 5  # for a server to end by itself before it is killed
COMMAND_SECONDS = 60


class CommandError(Exception):
    """A program could not do what the demo needs; the message holds what it printed."""


@dataclass(frozen=True)
class Surroundings:
    """What a program is started with: account, directory and environment."""

    account: Account
    directory: Path
    environment: Mapping[str, str]
    interrupts: Interrupts

    def popen(self, command: Sequence[str], output: IO[bytes] | int, **streams: int) -> subprocess.Popen[bytes]:
        """Start the program in a new session, so that Ctrl-C reaches the demo alone, which then ends the program."""
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **self.environment},
            stdin=streams.get("stdin", subprocess.DEVNULL),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o022,
            **self.account.identity,
        )

    def run(self, command: Sequence[str], given: str = "") -> str:
        """Run the program to its end and return what it printed; raises CommandError when it fails."""
        process = None
        try:
            with self.interrupts.held():  # a signal is raised at the end of the block, when `process` is known
                process = self.popen(command, subprocess.PIPE, stdin=subprocess.PIPE)
            output = process.communicate(given.encode(), timeout=COMMAND_SECONDS)[0].decode(errors="replace")
        finally:
            if process is not None:
                end(process)
        if process.returncode:
            raise CommandError(f"{' '.join(command)} failed ({process.returncode}):\n{output.strip()}")
        return output


@dataclass(frozen=True)
class Server:
    """A running program; its output goes to `output`."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        """The number of the process, and of its process group."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Tell whether the program still runs."""
        return self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float = 15) -> None:
        """Return when it is ready; raises CommandError with its output when it ends or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_alive() or time.monotonic() > deadline:
                said = self.output.read_text(errors="replace").strip()
                raise CommandError(f"{self.name} does not work:\n{said[-4000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end, and kill what is left of its group after `STOP_SECONDS`."""
        end(self.process, STOP_SECONDS)


def start(name: str, command: Sequence[str], surroundings: Surroundings, output: Path) -> Server:
    """Start a server. Call it with interrupts held, and pass the server on to the code that stops it."""
    with output.open("ab") as file:
        return Server(name, surroundings.popen(command, file), output)


def end(process: subprocess.Popen[bytes], seconds: float = 0) -> None:
    """End the process and its group: first politely, then not."""
    if process.poll() is None and seconds:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None or members(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def members(group: int) -> list[int]:
    """Return the processes of the group, without those that have ended and wait to be collected."""
    return [pid for pid, (state, its_group) in _table() if its_group == group and state not in "ZX"]


def _table() -> list[tuple[int, tuple[str, int]]]:
    """Return each process with its state and group, as /proc/PID/stat has them (proc(5))."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                found.append((int(entry.name), (words[0], int(words[2]))))
    return found
