"""`manage.py security_doctor`: is everything wired, and what would nobody see."""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from typing import Any

from security_logging.formatters.security import ConsoleFormatter
from security_logging.management.color import wants_color
from security_logging.management.examples import CommandWithExamples
from security_logging.operations.doctor import inventory, report
from security_logging.operations.doctor.examination import examine
from security_logging.operations.doctor.findings import exit_status

_EXAMPLES = """\
examples:
  manage.py security_doctor                     one screen; as root it can ask Fail2ban too
  manage.py security_doctor --json --no-write   for monitoring: nothing is written
  manage.py security_doctor --inventory         the log inventory for an auditor (OWASP ASVS 5, V16.1.1)

Exit status: 0 there is nothing to do; 1 it works, with warnings; 2 events are lost, or the wrong address could be
banned. It writes one event, `drill`, and follows it to each sink; and `wrong_address_suspected` when most events of
the last day name one address that looks like a proxy.
"""


class Command(CommandWithExamples):
    """Examine the set-up; works without the database."""

    help = "Say whether security logging is wired from end to end, and which events nobody would see."
    examples = _EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--no-write", action="store_true", help="write no event: no probe, no suspicion")
        parser.add_argument(
            "--inventory", action="store_true", help="print which events go where, and how long they stay"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine, print, and end with the exit status."""
        if options["inventory"]:
            write = report.inventory_as_json if options["json"] else report.inventory_as_text
            self.stdout.write(write(inventory.rows()))
            return
        chapters = examine(write=not options["no_write"])
        paint = ConsoleFormatter(color=wants_color(options, is_terminal=self.stdout.isatty())).paint
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else 0
        self.stdout.write(report.as_json(chapters) if options["json"] else report.as_text(chapters, paint, width))
        sys.exit(exit_status(chapters))
