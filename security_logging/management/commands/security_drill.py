"""`manage.py security_drill`: attack the site from documentation addresses, and prove each step of the answer."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from security_logging import log_filters
from security_logging.fail2ban.client import Client
from security_logging.internal.files import write_file
from security_logging.management.examples import CommandWithExamples
from security_logging.operations import foreign_code
from security_logging.operations.drill import report
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.live import live
from security_logging.operations.drill.login_client import LoginClient, login_path
from security_logging.operations.drill.over_http import OverHTTP
from security_logging.operations.drill.perform import perform
from security_logging.operations.drill.plan import Plan, Targets, make_plan
from security_logging.operations.drill.rehearsal import rehearsal
from security_logging.operations.drill.results import Stopped
from security_logging.request.surface import surface_of

_EXAMPLES = """\
examples:
  manage.py security_drill --rehearse                      in CI: everything private and temporary
  manage.py security_drill --rehearse --strict --json      a step that cannot be performed is a failure too
  manage.py security_drill --live                          on this machine's log and Fail2ban, requests in process
  manage.py security_drill --live --url http://127.0.0.1:8000/admin/login/ --host shop.example.com
  manage.py security_drill --live --url http://127.0.0.1:80/admin/login/ --proxy-protocol --enforced

The drill uses only addresses of 203.0.113.0/24 and 2001:db8::/32 and a user name that does not exist. It makes some
thirty requests, each with the drill's id in its User-Agent, and lifts all bans at the end. Over HTTP the server must
trust this machine as a proxy; if it does not, the drill stops after its first attempt.

Exit status: 1 when a step failed or was not reached; else 2 when a step could not be performed, or the drill could not
begin; else 0. With --strict every step that is skipped counts as failed.
"""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Command(CommandWithExamples):
    """Perform an incident drill."""

    help = "Attack the site from documentation addresses, follow the attack through the pipeline, and report."
    examples = _EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--rehearse", action="store_true", help="use private, temporary instances of everything")
        how.add_argument("--live", action="store_true", help="use the log and the Fail2ban of this machine")
        parser.add_argument("--path", help="login page for requests in process; by default that of the admin")
        parser.add_argument("--url", help="login page of a running server; without it requests are made in process")
        parser.add_argument("--host", default="", help="Host header for --url")
        parser.add_argument(
            "--header", default="X-Forwarded-For", help="header in which --url expects the client's address"
        )
        parser.add_argument(
            "--proxy-protocol", action="store_true", help="send the client's address by the PROXY protocol"
        )
        parser.add_argument("--allow-host", action="append", default=[], metavar="HOST", help="besides loopback")
        parser.add_argument("--client", default="", help="how to call fail2ban-client, for a server of its own")
        parser.add_argument("--enforced", action="store_true", help="check that --url refuses banned addresses")
        parser.add_argument(
            "--alert-command", default="", help="its exit status is 0 once the alert of $DRILL_ID has arrived"
        )
        for name in ("log", "detect", "ban", "alert"):
            parser.add_argument(f"--target-{name}", type=float, metavar="SECONDS", default=getattr(Targets, name),
                                help="%(default)g by default")  # fmt: skip
        parser.add_argument("--strict", action="store_true", help="count a skipped step as failed")
        parser.add_argument("--json", action="store_true", help="print the report as JSON, not as Markdown")
        parser.add_argument("--report", type=Path, help="write the report there too, as Markdown and JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Perform the drill, print its report, and end with its exit status."""
        if options["report"] and not options["report"].parent.is_dir():  # fail before the drill, not after it
            raise CommandError(f"the directory of --report {options['report']} does not exist", returncode=2)
        if options["live"] and (said := foreign_code.warning()):
            self.stderr.write(said)
        plan = make_plan(Targets(*(options[f"target_{name}"] for name in ("log", "detect", "ban", "alert"))))
        path = options["path"] or (urlsplit(options["url"]).path if options["url"] else login_path())
        token = log_filters.drill_id.set(plan.id)
        try:
            with _ended_in_order(), _drill(plan, path, options) as drill:
                outcome = perform(drill, "rehearsed" if options["rehearse"] else "live")
        except Stopped as reason:
            raise CommandError(f"{reason}.", returncode=2) from reason
        finally:
            log_filters.drill_id.reset(token)
        texts = {".md": report.as_markdown(outcome, strict=options["strict"]),
                 ".json": report.as_json(outcome, strict=options["strict"])}  # fmt: skip
        self.stdout.write(texts[".json" if options["json"] else ".md"])
        for suffix, text in texts.items() if options["report"] else ():
            write_file(options["report"].with_suffix(suffix), text.encode())
        sys.exit(outcome.status(strict=options["strict"]))


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the drill as Ctrl-C does, so that everything is cleaned up."""
    if threading.current_thread() is not threading.main_thread():  # Python handles signals only there
        yield
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # as a shell reports it


def _drill(plan: Plan, path: str, options: dict[str, Any]) -> AbstractContextManager[Drill]:
    if options["rehearse"]:
        if options["url"]:
            raise CommandError("--rehearse makes its requests in process; leave out --url.", returncode=2)
        return rehearsal(plan, path, _surface(path))
    login_client: LoginClient = InProcess(path)
    if options["url"]:
        _check(options["url"], options)
        login_client = OverHTTP(options["url"], options["header"], options["proxy_protocol"], options["host"])
    client = Client(shlex.split(options["client"]) or ["fail2ban-client"])
    surface, alert = _surface(path), options["alert_command"]
    return live(plan, login_client, surface, client=client, enforced=options["enforced"], alert_command=alert)


def _check(url: str, options: dict[str, Any]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise CommandError("--url must begin with http:// or https://.", returncode=2)
    if parts.hostname not in (*_LOOPBACK, *options["allow_host"]):
        message = f"{parts.hostname} is not this machine; if it is yours, add --allow-host {parts.hostname}."
        raise CommandError(message, returncode=2)
    if parts.scheme == "https" and options["proxy_protocol"]:
        raise CommandError("--proxy-protocol speaks before TLS begins, and works with http:// only.", returncode=2)


def _surface(path: str) -> str:
    """Return the surface of the login page, which decides which jails count its failures."""
    try:
        match = resolve(path)
    except Resolver404:
        raise CommandError(f"{path} leads to no view; name the login page with --path.", returncode=2) from None
    request = RequestFactory().get(path)
    request.resolver_match = match
    return surface_of(request)
