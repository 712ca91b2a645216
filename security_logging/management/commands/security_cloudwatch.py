"""`manage.py security_cloudwatch`: send the security events to CloudWatch, set it up, and read it."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from security_logging.checks.problem import exit_status
from security_logging.cloudwatch.checks import check_cloudwatch
from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.reading import console
from security_logging.cloudwatch.reading.insights import QueryFailed, run_query, table
from security_logging.cloudwatch.reading.status import local_status, problems, remote_status
from security_logging.cloudwatch.reading.tail import follow, show
from security_logging.cloudwatch.sending.delivery import describe
from security_logging.cloudwatch.setup import queries
from security_logging.cloudwatch.setup.parts import RETENTION_DAYS, setup_from_settings
from security_logging.cloudwatch.setup.policy import ROLES, policy
from security_logging.cloudwatch.setup.provision import plan
from security_logging.cloudwatch.setup.template import template
from security_logging.cloudwatch.setup.terraform import terraform
from security_logging.cloudwatch.shipping.ship_command import ship
from security_logging.cloudwatch.shipping.shipper_state import AlreadyRunning
from security_logging.conf import conf
from security_logging.formatters.security import ConsoleFormatter
from security_logging.management.color import wants_color
from security_logging.management.examples import CommandWithExamples

_EXAMPLES = """\
examples:
  manage.py security_cloudwatch provision --dry-run         show what would be set up
  manage.py security_cloudwatch policy writer               the rights that the site needs
  manage.py security_cloudwatch ship --follow               send the JSON log, as a service
  manage.py security_cloudwatch tail --event login_failed   follow the events, in colour
  manage.py security_cloudwatch query timeline --address 203.0.113.7 --hours 6
  manage.py security_cloudwatch status --json               for monitoring

Exit status: 0; 1 when CloudWatch cannot be reached or refuses, and when something was not delivered; 2 for a wrong
option. That of status: 1 for a warning or an error; else 2 when CloudWatch cannot be asked; else 0.
`SUBCOMMAND --help` has the options of each.
"""
_HINTS = {
    "NoRegionError": '; set SECURITY_LOGGING_CLOUDWATCH_REGION, e.g. to "eu-central-1"',
    "NoCredentialsError": "; give this machine a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
_reading = partial(connect, read_timeout=30, attempts=3)


class Command(CommandWithExamples):
    """Send the security log to CloudWatch, set it up, and read it."""

    help = "Send the security log to Amazon CloudWatch, set CloudWatch up for it, and read it there."
    examples = _EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        _add_ship(subcommands.add_parser("ship", help="Send the lines of the JSON log, each at least once."))
        _add_provision(subcommands.add_parser("provision", help="Set up group, metrics, alarms, dashboard, queries."))
        role = subcommands.add_parser("policy", help="Print an IAM policy with the least rights.")
        role.add_argument("role", choices=ROLES)
        _add_query(subcommands.add_parser("query", help="Run a saved query, or list the queries."))
        _add_tail(subcommands.add_parser("tail", help="Follow the events."))
        status = subcommands.add_parser("status", help="Show what waits, what was refused and what arrived.")
        status.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        wrong = [str(found) for found in check_cloudwatch() if found.is_serious()]
        if wrong:
            raise CommandError("\n".join(wrong))
        try:
            getattr(self, f"_{options['subcommand']}")(options)
        except (CommandError, KeyboardInterrupt):
            raise
        except Exception as error:
            if not type(error).__module__.startswith("botocore."):
                raise
            hint = _HINTS.get(type(error).__name__, "")
            # Not to be able to ask CloudWatch is the level unknown of `status`.
            returncode = 2 if options["subcommand"] == "status" else 1
            raise CommandError(f"CloudWatch: {describe(error)}{hint}", returncode=returncode) from error

    def _ship(self, options: dict[str, Any]) -> None:
        path = options["file"] or Path(conf.CLOUDWATCH_FILE)
        missing = f'{path} does not exist: the site writes it with the profile "json" of build_logging'
        if options["follow"] and not path.exists():
            self.stderr.write(f"{missing}; waiting for it")
        try:
            done = ship(path, follow=options["follow"], terminal=sys.stderr)
        except AlreadyRunning:
            raise CommandError(f"another shipper is shipping {path}") from None
        if not done:
            raise CommandError("stopped before everything was delivered; the next start sends the rest")
        if not options["follow"] and not path.exists():
            raise CommandError(missing)

    def _provision(self, options: dict[str, Any]) -> None:
        tags = dict(tag.partition("=")[::2] for tag in options["tag"])
        setup = setup_from_settings(retention=options["retention"], kms_key=options["kms_key"], tags=tags)
        if options["format"] != "api":
            render = template if options["format"] == "cloudformation" else terraform
            self.stdout.write(json.dumps(render(setup), indent=2))
            return
        region = _reading("logs").meta.region_name
        changes = 0
        for step in plan(setup, _reading, region, with_queries=not options["no_queries"]):
            self.stdout.writelines(f"{line}\n" for line in step.difference())
            changes += not step.is_done
            if not step.is_done and not options["dry_run"]:
                step.apply()
        self.stdout.write(f"{changes} changes" + (" would be made" if options["dry_run"] else ""))
        self.stdout.write(console.dashboard_link(region, setup.prefix))

    def _policy(self, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(policy(options["role"], setup_from_settings()), indent=2))

    def _query(self, options: dict[str, Any]) -> None:
        if not options["name"]:
            width = max(len(query.name) for query in queries.queries())
            self.stdout.writelines(f"{query.name:<{width}}  {query.question}\n" for query in queries.queries())
            return
        try:
            query = queries.get(options["name"])
            text = query.render(**{name: options[name] for name in queries.EXAMPLES if options[name]})
        except KeyError:
            raise CommandError(f"no query {options['name']!r}; run query without a name to list them") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        missing = [name for name in query.parameters if not options[name]]
        if missing:
            raise CommandError(f"{query.question} Give it --{missing[0].replace('_', '-')}.")
        self._run(query.question, text, options)

    def _run(self, question: str, text: str, options: dict[str, Any]) -> None:
        logs, group, seconds = _reading("logs"), setup_from_settings().group, round(options["hours"] * 3600)
        try:
            rows = run_query(logs, group, text, seconds)
        except QueryFailed as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(rows))
        else:
            self.stdout.write(f"{question}\n\n{table(rows)}")
        self.stderr.write(console.query_link(logs.meta.region_name, group, text, seconds))

    def _tail(self, options: dict[str, Any]) -> None:
        logs, group = _reading("logs"), setup_from_settings().group
        self.stderr.write(console.group_link(logs.meta.region_name, group))
        formatter = ConsoleFormatter(color=wants_color(options, is_terminal=self.stdout.isatty()))
        start = int((time.time() - options["minutes"] * 60) * 1000)
        for message in follow(logs, group, start, forever=not options["once"]):
            line = show(message, formatter, options["event"])
            if line is not None:
                self.stdout.write(message if options["json"] else line)

    def _status(self, options: dict[str, Any]) -> None:
        logs = _reading("logs")
        local, remote = local_status(Path(conf.CLOUDWATCH_FILE)), remote_status(logs, setup_from_settings().group)
        found = list(problems(local, remote))
        if options["json"]:
            self.stdout.write(json.dumps({**local, **remote, "problems": [problem.message for problem in found]}))
        else:
            self.stdout.writelines(
                f"{name.replace('_', ' '):<24} {value}\n" for name, value in {**local, **remote}.items()
            )
            self.stdout.write(console.stream_link(logs.meta.region_name, remote["group"], remote["stream"]))
        if found:
            lines = [f"{problem.level.mark} {problem.message} {problem.fix}" for problem in found]
            raise CommandError("\n".join(lines), returncode=exit_status(problem.level for problem in found))


def _add_ship(parser: ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, help="the log; the default is SECURITY_LOGGING_CLOUDWATCH_FILE")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--follow", action="store_true", help="go on with new lines, until SIGTERM")
    how.add_argument("--once", action="store_true", help="end when everything is sent; the default")


def _add_provision(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--no-queries", action="store_true", help="leave out the saved queries; moto has none")
    formats = ("api", "cloudformation", "terraform")
    parser.add_argument("--format", choices=formats, default="api", help="call the API, or print a template")
    parser.add_argument("--retention", type=int, choices=RETENTION_DAYS, metavar="DAYS", help="400 by default")
    parser.add_argument("--kms-key", metavar="ARN", help="key to encrypt the log group")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="may be given several times")


def _add_query(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="name of the query")
    for name in queries.EXAMPLES:
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"value for the query, e.g. {queries.EXAMPLES[name]}")
    parser.add_argument("--hours", type=float, default=24, help="how far to look back; 24 by default")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_tail(parser: ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=10, help="how far to look back; 10 by default")
    parser.add_argument("--once", action="store_true", help="end with the newest event")
    parser.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="show only this event type",
    )
    parser.add_argument("--json", action="store_true", help="print the lines unchanged")
