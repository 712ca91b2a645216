"""A live drill over HTTP: the real nginx and gunicorn, the real Fail2ban, which bans at nginx, and a CloudWatch."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demonstration.interrupts import Interrupts
from demonstration.narrator import Narrator
from demonstration.place import HOST, LOOPBACK, PROJECT
from demonstration.processes import PATH
from demonstration.stage import Stage
from requires import require_fail2ban, require_nginx

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.real_fail2ban]


def drill(stage: Stage, *options: str) -> tuple[int, dict[str, Any]]:
    """Run a live drill on the stage's site; return its exit status and its report."""
    url = f"http://{LOOPBACK}:{stage.port}/admin/login/"
    client = shlex.join(["fail2ban-client", *stage.fail2ban.words])
    words = ["--live", "--url", url, "--host", HOST, "--client", client, "--json", *options]
    done = subprocess.run(
        [sys.executable, "manage.py", "security_drill", *words],
        cwd=PROJECT,
        env={"PATH": PATH, **stage.site.surroundings.environment},
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def stage() -> Any:
    """Yield the demo's stage: a site of its own behind nginx, with Fail2ban, and a moto server that its log goes to."""
    require_fail2ban()
    require_nginx()
    made = Stage(Narrator(io.StringIO()), Interrupts(), with_doors=False)
    try:
        made.open()
        made.open_cloudwatch()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def drilled(stage: Stage) -> tuple[int, dict[str, Any]]:
    """Drill once through the proxy, all that there is; return the exit status and the report."""
    alerted = f'grep -q "$DRILL_ID" {shlex.quote(str(Path(stage.site.log).with_suffix(".json")))}'
    return drill(stage, "--proxy-protocol", "--enforced", "--strict", "--alert-command", alerted)


def test_every_step(drilled: tuple[int, dict[str, Any]]) -> None:
    """Each step passes: the refusal at nginx, the alert and the event in CloudWatch too."""
    status, report = drilled
    rest = {result["name"]: result["state"] for result in report["results"] if result["state"] != "passed"}
    assert (status, rest, len(report["results"])) == (0, {}, 15), report


def test_nothing_is_left(drilled: tuple[int, dict[str, Any]], stage: Stage) -> None:
    """Nobody is banned afterwards, in Fail2ban or at nginx."""
    nobody: list[str] = []
    assert drilled[0] == 0
    banned = [address for jail in stage.fail2ban.jails() for address in stage.fail2ban.banned(jail)]
    assert (banned, stage.wait_for(stage.nginx.denied, nobody)) == (nobody, nobody)


def test_log_tells_of_the_drill(drilled: tuple[int, dict[str, Any]], stage: Stage) -> None:
    """Whoever reads the log sees that it was a drill, at each step and in each attempt."""
    _status, report = drilled
    text = Path(stage.site.log).read_text()
    assert text.count(f"drill_id={report['drill_id']} ") == len(report["results"])
    assert text.count(f"django-security-drill/{report['drill_id']}") >= 13


def test_proxy_that_does_not_believe_us(stage: Stage) -> None:
    """Where the proxy does not let this machine speak for a client, the drill stops before it harms anybody."""
    status, report = drill(stage, "--target-log", "0.5")
    states = {result["name"]: result["state"] for result in report["results"]}
    assert (status, states["first_attempt"], states["attack"]) == (1, "failed", "not reached")
