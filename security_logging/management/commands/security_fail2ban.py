"""`manage.py security_fail2ban`: install filter, jails and actions in Fail2ban, and check them."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from security_logging.checks.problem import exit_status
from security_logging.fail2ban.checking.check import check
from security_logging.fail2ban.client import Client, ClientError, NotAllowedError, NotInstalledError
from security_logging.fail2ban.explain import explain, explain_file
from security_logging.fail2ban.files.fronts import ChoiceError
from security_logging.fail2ban.files.plan import jail_options
from security_logging.fail2ban.files.shipped import JAIL_NAMES, LOCKED_JAIL, shipped_files
from security_logging.fail2ban.installing import install_command, options
from security_logging.fail2ban.installing.changes import mode_of
from security_logging.fail2ban.installing.choosing import choices_from
from security_logging.fail2ban.installing.install import InstallError
from security_logging.fail2ban.installing.questions import UnansweredError
from security_logging.fail2ban.secrets import masked
from security_logging.formatters.record_text import visible
from security_logging.internal.files import write_file
from security_logging.operations import foreign_code
from security_logging.operations.doctor.fail2ban import CONFIGURATION
from security_logging.operations.site import this_site

_FOR_ANYBODY = ("render", "explain")  # subcommands that need no rights
_NOT_RUNNING = "not running: security_fail2ban check says why"


class Command(BaseCommand):
    """Install and check the files for Fail2ban; works without the database."""

    help = "Install filter, jails and actions in Fail2ban, check them, and see what they do."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = options.EXAMPLES
        parser.add_argument("--config", type=Path, default=CONFIGURATION, help="Fail2ban's configuration")
        parser.add_argument("--client", default="", help="how to call fail2ban-client, for a server of its own")
        options.add_subcommands(parser.add_subparsers(dest="subcommand", required=True))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        if options["subcommand"] not in _FOR_ANYBODY and (said := foreign_code.warning()):
            self.stderr.write(said)
        try:
            getattr(self, f"_{options['subcommand']}")(options)
        except NotAllowedError as error:
            raise CommandError(f"{error.reason}: run this as root") from error
        except ClientError as error:
            raise CommandError(self._of_client(error, options["subcommand"])) from error
        except (InstallError, OSError, ChoiceError, UnansweredError) as error:
            raise CommandError(visible_lines(str(error))) from error

    def _of_client(self, error: ClientError, subcommand: str) -> str:
        if subcommand == "install" or isinstance(error, NotInstalledError):
            return visible_lines(str(error))
        return f"Fail2ban cannot be asked: {visible(error.reason)}. Does it run? systemctl start fail2ban"

    def _render(self, options: dict[str, Any]) -> None:
        site = this_site()
        chosen = jail_options(choices_from(options, site, None), site.proxies, enabled=False)
        files = shipped_files(chosen)
        if options["directory"] is None:
            self.stdout.write("\n".join(text for name, text in files.items() if not name.startswith("action.d/")))
            return
        for name, text in files.items():
            path = options["directory"] / name
            write_file(path, text.encode(), mode_of(name, text))
            self.stdout.write(str(path))

    def _install(self, options: dict[str, Any]) -> None:
        ask = options["interactive"] and sys.stdin.isatty()
        install_command.run(options, this_site(), _client(options), self._say, ask=ask)

    def _check(self, options: dict[str, Any]) -> None:
        found = list(check(_client(options), options["config"], this_site()))
        status = exit_status(problem.level for problem in found)
        if options["json"]:
            findings = [{"id": p.id, "level": p.level.value, "message": p.message, "fix": p.fix} for p in found]
            self.stdout.write(json.dumps({"status": status, "findings": findings}, indent=2))
            sys.exit(status)
        for problem in found:
            self.stdout.write(f"{problem.level.mark} {problem.id}: {visible(problem.message)}")
            self.stdout.write(f"   {visible(problem.fix)}")
        if not found:
            self.stdout.write("Everything is as it should be.")
        sys.exit(status)

    def _explain(self, options: dict[str, Any]) -> None:
        path = _as_file(options["line"])
        said = explain(options["line"]) if path is None else explain_file(path)
        self.stdout.writelines(f"{visible(sentence)}\n" for sentence in said)

    def _status(self, options: dict[str, Any]) -> None:
        client = _client(options)
        running = [client.status(jail) for jail in client.jails() if jail in JAIL_NAMES]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(status) for status in running]))
            return
        self.stdout.write(f"{'jail':<14}{'failed':>8}{'in all':>8}{'banned':>8}{'in all':>8}  addresses")
        for jail in running:
            numbers = "".join(f"{each:>8}" for each in (jail.failed, jail.failed_total, jail.banned, jail.banned_total))
            self.stdout.write(f"{jail.name:<14}{numbers}  {visible(' '.join(jail.addresses))}")
        for name in JAIL_NAMES:
            if name not in [jail.name for jail in running]:
                why = "off: security_fail2ban install --locked" if name == LOCKED_JAIL else _NOT_RUNNING
                self.stdout.write(f"{name:<14}{why}")

    def _unban(self, options: dict[str, Any]) -> None:
        try:
            lifted = _client(options).unban(options["address"])
        except ValueError:
            raise CommandError(f"{options['address']!r} is neither an address nor a network") from None
        if not lifted:
            raise CommandError(f"{options['address']} is banned in no jail")
        for jail, banned in lifted.items():
            self.stdout.write(f"{', '.join(banned)} was lifted in {jail}.")

    def _say(self, text: str) -> None:
        self.stdout.write(visible_lines(text))


def visible_lines(text: str) -> str:
    """Return the text without secrets, and with all control characters escaped, except line ends."""
    return "\n".join(map(visible, masked(text).split("\n")))


def _as_file(text: str) -> Path | None:
    """Return the file with this name, or None if the text is a line of a log."""
    try:
        return Path(text) if Path(text).is_file() else None
    except (OSError, ValueError):
        return None


def _client(options: dict[str, Any]) -> Client:
    return Client(shlex.split(options["client"]) or ["fail2ban-client", "-c", str(options["config"])])
