"""`manage.py security_cloudwatch`: send the security stream to CloudWatch, set CloudWatch up, and read it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from security_logging.cloudwatch.ship_command import ship
from security_logging.cloudwatch.shipper_state import AlreadyRunning
from security_logging.conf import conf


class Command(BaseCommand):
    """One subcommand for each thing to do with CloudWatch."""

    help = "Send the security log to Amazon CloudWatch, set CloudWatch up for it, and read it there."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        shipping = subcommands.add_parser("ship", help="Send the lines of the JSON log, each at least once.")
        shipping.add_argument("--file", type=Path, help="the log; the default is SECURITY_LOGGING_CLOUDWATCH_FILE")
        how = shipping.add_mutually_exclusive_group()
        how.add_argument("--follow", action="store_true", help="go on with what comes, until SIGTERM")
        how.add_argument("--once", action="store_true", help="end when everything is sent; the default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        getattr(self, f"_{options['subcommand']}")(options)

    def _ship(self, options: dict[str, Any]) -> None:
        path = options["file"] or Path(conf.CLOUDWATCH_FILE)
        try:
            done = ship(path, follow=options["follow"], terminal=sys.stderr)
        except AlreadyRunning:
            raise CommandError(f"another shipper is shipping {path}") from None
        if not done:
            raise CommandError("stopped before everything was delivered; the rest follows at the next start")
