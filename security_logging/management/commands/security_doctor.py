"""`manage.py security_doctor`: check security logging from end to end."""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from typing import Any

from security_logging.checks.problem import exit_status
from security_logging.formatters.security import ConsoleFormatter
from security_logging.management.color import wants_color
from security_logging.management.examples import CommandWithExamples
from security_logging.operations import foreign_code
from security_logging.operations.doctor import chapters, inventory, report

_EXAMPLES = """\
examples:
  manage.py security_doctor                     one screen; as root it can ask Fail2ban too
  manage.py security_doctor --json --no-write   for monitoring: nothing is written
  manage.py security_doctor --inventory         the log inventory for an auditor (OWASP ASVS 5, V16.1.1)

Exit status: 1 for a warning or an error; else 2 when something could not be checked; else 0.

It logs one event, `drill`, and looks for it in each sink. It logs `wrong_address_suspected` when most events of the
last day name one address that looks like a proxy.
"""


class Command(CommandWithExamples):
    """Check the set-up; works without the database."""

    help = "Check security logging from end to end, and list the events that this project cannot log."
    examples = _EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--no-write", action="store_true", help="log no event: neither the probe nor a suspicion")
        parser.add_argument(
            "--site",
            metavar="URL",
            help="where your proxy answers on this machine, e.g. http://127.0.0.1/: send another spelling of the "
            "forwarding header through it",
        )
        parser.add_argument(
            "--inventory", action="store_true", help="print where each event goes, and how long it is kept"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks, print the report, and end with the exit status."""
        if options["inventory"]:
            write = report.inventory_as_json if options["json"] else report.inventory_as_text
            self.stdout.write(write(inventory.rows()))
            return
        if said := foreign_code.warning():
            self.stderr.write(said)
        found = chapters.run(write=not options["no_write"], site=options["site"])
        paint = ConsoleFormatter(color=wants_color(options, is_terminal=self.stdout.isatty())).paint
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else 0
        self.stdout.write(report.as_json(found) if options["json"] else report.as_text(found, paint, width))
        sys.exit(exit_status(chapters.levels(found)))
