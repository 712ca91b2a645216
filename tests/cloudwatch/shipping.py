"""Writers of the JSON log and its shipper, each a process, for the proofs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from cloudwatch.fault_endpoint import FaultEndpoint
from cloudwatch.site_process import kept_ids, site_environment, wait_until

SHIP = [sys.executable, "-m", "django", "security_cloudwatch", "ship"]


class Shipping:
    """The log of some workers on its way to an endpoint."""

    def __init__(self, directory: Path, endpoint: FaultEndpoint) -> None:
        """Prepare everything below the directory."""
        self.directory = directory
        self.endpoint = endpoint
        self.environment = site_environment(directory, endpoint.url, TEST_HANDLER="file")
        self.path = directory / "cloudwatch" / "security.json"
        self.writers: list[subprocess.Popen[bytes]] = []
        self.shipper: subprocess.Popen[bytes] | None = None

    def write(self, processes: int, count: int, per_second: int = 100_000) -> None:
        """Start workers that write that many events each."""
        command = [sys.executable, "-m", "cloudwatch.writer", str(count), str(per_second)]
        self.writers += [subprocess.Popen(command, env=self.environment) for _ in range(processes)]

    def written(self) -> bool:
        """Wait for the workers and tell whether all ended well."""
        return [writer.wait(120) for writer in self.writers] == [0] * len(self.writers)

    @property
    def is_writing(self) -> bool:
        """Tell whether a worker still writes."""
        return any(writer.poll() is None for writer in self.writers)

    def start(self) -> None:
        """Start a shipper that follows the log."""
        with (self.directory / "shipper.txt").open("ab") as errors:
            self.shipper = subprocess.Popen([*SHIP, "--follow"], env=self.environment, stderr=errors)

    def has_begun(self) -> bool:
        """Tell whether a shipper has ever begun to follow the log."""
        return any(self.path.parent.glob("shipper-*.lock"))

    def has_noted(self) -> bool:
        """Tell whether the shipper has noted that the log is shipped to its end."""
        states = [json.loads(state.read_text()) for state in self.path.parent.glob("shipper-*.json")]
        return [state["position"]["offset"] for state in states] == [self.path.stat().st_size]

    def kill(self) -> None:
        """Kill the shipper the hard way."""
        assert self.shipper is not None
        self.shipper.kill()
        self.shipper.wait(10)

    def stop(self) -> tuple[int, float]:
        """Stop the shipper as systemd does and return its exit code and the seconds that took."""
        assert self.shipper is not None
        begun = time.monotonic()
        self.shipper.terminate()
        return self.shipper.wait(60), time.monotonic() - begun

    def rotate(self) -> None:
        """Rename the log as logrotate does."""
        numbered = sorted(self.path.parent.glob("security.json.[0-9]*"), key=lambda path: -int(path.suffix[1:]))
        for older in numbered:
            older.rename(older.with_suffix(f".{int(older.suffix[1:]) + 1}"))
        if self.path.exists():
            self.path.rename(self.path.with_name("security.json.1"))

    def missing(self, seconds: float = 60) -> set[str]:
        """Wait until every event has arrived or was refused, and return the ids of those that have not."""
        ids = set((self.directory / "ids.txt").read_text().split())

        def left() -> set[str]:
            return ids - set(self.endpoint.events) - set(kept_ids(self.directory))

        wait_until(lambda: not left(), seconds)
        return left()

    def close(self) -> None:
        """Leave no process behind."""
        for process in (*self.writers, *([self.shipper] if self.shipper else [])):
            if process.poll() is None:
                process.kill()
                process.wait(10)
