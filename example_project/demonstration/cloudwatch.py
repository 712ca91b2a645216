"""A private CloudWatch: a moto server, the shipper of the site's log, and the commands that read the stream."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from demonstration.nginx import is_listening
from demonstration.place import LOOPBACK
from demonstration.processes import Server, Surroundings, start
from demonstration.run_directory import RunDirectory

NEEDED = ("boto3", "watchtower", "moto", "flask")
_MOTO = "from moto.server import main; main()"


@dataclass(frozen=True)
class CloudWatch:
    """A CloudWatch on this machine, and the log that goes there."""

    run: RunDirectory
    surroundings: Surroundings
    port: int

    @property
    def log(self) -> Path:
        """The security log in JSON, which the shipper follows."""
        return self.run.path / "log" / "security.json"

    def start(self) -> Server:
        """Start moto, which answers as AWS does."""
        command = [sys.executable, "-c", _MOTO, "-H", LOOPBACK, "-p", str(self.port)]
        return start("moto", command, self.surroundings, self.run.path / "moto.out")

    def is_ready(self) -> bool:
        """Tell whether moto answers."""
        return is_listening(self.port)

    def provision(self) -> str:
        """Set the log group up, with metrics, alarms and a dashboard; moto keeps no queries. Return what it says."""
        *_differences, changes, _link = self._manage("provision", "--no-queries").splitlines()
        return changes

    def ship(self) -> Server:
        """Start the shipper."""
        command = [sys.executable, "manage.py", "security_cloudwatch", "ship", "--follow"]
        return start("shipper", command, self.surroundings, self.run.path / "shipper.out")

    def has_everything(self) -> bool:
        """Tell whether the shipper has delivered the log to its end."""
        return [self.log.stat().st_size] == [_offset(path) for path in self._states()]

    def tail(self, *, color: bool) -> list[str]:
        """Return the stream as `security_cloudwatch tail` shows it."""
        return self._manage("tail", "--once", **({"FORCE_COLOR": "1"} if color else {})).splitlines()

    def timeline(self) -> list[str]:
        """Return the answer to a saved query, as `security_cloudwatch query` shows it."""
        return self._manage("query", "timeline").splitlines()

    def _manage(self, *words: str, **environment: str) -> str:
        surroundings = replace(self.surroundings, environment={**self.surroundings.environment, **environment})
        return surroundings.run([sys.executable, "manage.py", "security_cloudwatch", *words])

    def _states(self) -> list[Path]:
        return sorted((self.run.path / "data" / "cloudwatch").glob("shipper-*.json"))


def missing() -> list[str]:
    """Return the packages that a local CloudWatch needs and that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def environment(port: int) -> Mapping[str, str]:
    """Return what has the site take the server on that port for AWS, if there can be one; no other is asked."""
    if missing():
        return {}
    return {
        "HARBOUR_CLOUDWATCH": "on",
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _offset(state: Path) -> int:
    found: int = json.loads(state.read_text())["position"]["offset"]
    return found
