"""A process in which something is missing at the first event: it is tried again until it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cloudwatch.fault_endpoint import FaultEndpoint
from cloudwatch.faults import faulty_site
from cloudwatch.shipping import Shipping
from cloudwatch.site_process import SiteProcess, site_environment, wait_until

pytestmark = pytest.mark.end_to_end

KEYS = "[default]\naws_access_key_id = {}\naws_secret_access_key = testing\n"


def without_keys(directory: Path) -> dict[str, str]:
    """Return the environment of a site that has no keys but those in a file, which does not exist yet."""
    file = str(directory / "credentials")
    return {"TEST_ACCESS_KEY": "", "TEST_SECRET_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": file}


def test_credentials_come_late(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """Credentials that are written after the start are found, and everything is sent."""
    with SiteProcess(tmp_path, endpoint.url, **without_keys(tmp_path)) as site:
        site.ask("log 20")
        assert wait_until(lambda: site.ask("counts")["spooled"] >= 20)
        (tmp_path / "credentials").write_text(KEYS.format("late"))
        assert wait_until(lambda: site.ids <= set(endpoint.events)), site.ask("counts")


def test_credentials_are_renewed(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """When a token has expired, the new one in the file is used."""
    (tmp_path / "credentials").write_text(KEYS.format("old"))
    endpoint.keys = "old"
    with SiteProcess(tmp_path, endpoint.url, **without_keys(tmp_path)) as site:
        site.ask("log 5")
        assert wait_until(lambda: site.ids <= set(endpoint.events))
        endpoint.keys = "new"  # from now on the old one is answered with ExpiredTokenException
        site.ask("log 5")
        assert wait_until(lambda: site.ask("counts")["spooled"] >= 5)
        (tmp_path / "credentials").write_text(KEYS.format("new"))
        assert wait_until(lambda: site.ids <= set(endpoint.events)), site.ask("counts")


def test_credentials_of_the_shipper(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """`ship --follow` finds credentials that come late and those that replace expired ones."""
    shipping = Shipping(tmp_path, endpoint)
    shipping.environment |= without_keys(tmp_path)
    shipping.write(1, 20)
    assert shipping.written()
    try:
        shipping.start()
        assert wait_until(shipping.has_begun)
        (tmp_path / "credentials").write_text(KEYS.format("old"))
        assert shipping.missing() == set()
        endpoint.keys = "new"
        shipping.write(1, 20)
        assert shipping.written()
        (tmp_path / "credentials").write_text(KEYS.format("new"))
        assert shipping.missing() == set()
    finally:
        shipping.close()


def test_no_descriptor_for_three_seconds(tmp_path: Path) -> None:
    """A process that can open nothing for 3 seconds around its first event sends all afterwards."""
    with faulty_site("ok", tmp_path) as (site, endpoint):
        site.ask("starve 3")
        site.ask("log 500 100")
        assert wait_until(lambda: site.ids <= set(endpoint.events), 30), (site.ask("counts"), site.errors())
        assert len(site.ids) == 501


def test_no_thread_for_three_seconds(tmp_path: Path) -> None:
    """The same for a process that can start no thread."""
    with faulty_site("ok", tmp_path) as (site, endpoint):
        site.ask("threadless 3")
        site.ask("log 500 100")
        assert wait_until(lambda: site.ids <= set(endpoint.events), 30), (site.ask("counts"), site.errors())
        assert len(site.ids) == 501


IN_A_SUB_INTERPRETER = """
import sys
sys.path[:] = {path!r}
import django
django.setup()
import logging
from security_logging.events.types import LOGIN
from security_logging.logger import log_event
event = log_event(LOGIN, ip="203.0.113.7", user="alice")
flushed = logging.getLogger("security").handlers[0].flush()
print(event.id, flush=True)
"""
RUN = """
import json, sys
try:
    import _interpreters as interpreters
    made = interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated=False)
problem = interpreters.run_string(made, json.loads(sys.argv[1]))
sys.exit(str(problem) if problem else 0)
"""


def test_sub_interpreter(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """In a sub-interpreter, where mod_wsgi runs a site and no signal can be handled, the handler starts and sends."""
    environment = site_environment(tmp_path, endpoint.url)
    code = json.dumps(IN_A_SUB_INTERPRETER.format(path=[path for path in sys.path if path]))
    command = [sys.executable, "-c", RUN, code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip(), run.stderr
    assert wait_until(lambda: endpoint.events[run.stdout.strip()] == 1), run.stderr


def test_thread(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    """A site that is set up in a thread other than the first one starts and sends, too."""
    environment = site_environment(tmp_path, endpoint.url)
    code = IN_A_SUB_INTERPRETER.format(path=[path for path in sys.path if path])
    start = f"thread = threading.Thread(target=exec, args=({code!r}, {{}}))"
    script = f"import threading\n{start}\nthread.start()\nthread.join()"
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert wait_until(lambda: endpoint.events[run.stdout.strip()] == 1), run.stderr
