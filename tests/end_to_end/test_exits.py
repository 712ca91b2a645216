"""The servers that run Django, stopped in the middle of an attack: what flood control has folded is in the log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from free_port import free_port
from security_logging.events.line import parse
from waiting import status_of, wait_until

pytestmark = pytest.mark.end_to_end

GUNICORN = ["gunicorn", "proxied_site.wsgi", "--bind=127.0.0.1:{port}", "--log-level=warning"]
UVICORN = ["uvicorn", "proxied_site.asgi:application", "--port={port}", "--log-level=warning"]
SERVERS = {
    "uvicorn": UVICORN,
    "uvicorn with workers": [*UVICORN, "--workers=2"],
    "gunicorn": GUNICORN,
    "gunicorn with preload": [*GUNICORN, "--preload"],
    "daphne": ["daphne", "-v0", "-p{port}", "proxied_site.asgi:application"],
}
PROBES = 60  # far above FLOOD_LINES, also for two workers
SECONDS = 30  # for a start, and for an exit


@pytest.mark.parametrize("name", SERVERS)
def test_folded_lines(name: str, tmp_path: Path) -> None:
    """Each request of a flood is told when SIGTERM ends the server before the window does."""
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", *(part.format(port=port) for part in SERVERS[name])]
    with (tmp_path / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, env=_environment(tmp_path), stdout=output, stderr=output, cwd=tmp_path)
    try:
        assert wait_until(lambda: status_of(f"{site}/missing") == 404, SECONDS), (tmp_path / "output.txt").read_text()
        statuses = [status_of(f"{site}/.env") for _ in range(PROBES)]
        process.terminate()
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait(SECONDS)
    assert (statuses, _told(tmp_path / "security.log")) == ([404] * PROBES, PROBES)


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DJANGO_SETTINGS_MODULE": "proxied_site.settings",
        "TEST_DIRECTORY": str(directory),
        "TEST_SETTINGS": "ALLOWED_HOSTS = ['127.0.0.1']",  # with "*" a probe may be another site's
    }


def _told(log: Path) -> int:
    """Return how many probes the lines of the log tell of."""
    events = [parse(line) for line in log.read_text().splitlines()]
    return sum(int(str(event.fields.get("count", 1))) for event in events if event.type.name == "probe")
