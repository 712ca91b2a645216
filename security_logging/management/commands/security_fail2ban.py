"""`manage.py security_fail2ban`: put the filter, jails and actions into Fail2ban, and see what they do."""

from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from security_logging.conf import conf
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.explain import explain
from security_logging.fail2ban.fronts import FRONTS, action_for
from security_logging.fail2ban.install import InstallError, changes, create_log, install
from security_logging.fail2ban.render import DEFAULT_LOG, JailOptions
from security_logging.fail2ban.shipped import JAIL_NAMES, shipped_files

EXAMPLES = """examples:
  manage.py security_fail2ban render /tmp/fail2ban
  sudo manage.py security_fail2ban install --dry-run
  sudo manage.py security_fail2ban install --front nothing --owner www-data:adm
  sudo manage.py security_fail2ban install --front aws --set region=eu-central-1 --set set4=v4 --set set6=v6
  manage.py security_fail2ban explain "$(tail -1 /var/log/django/security.log)"
  sudo manage.py security_fail2ban status --json
  sudo manage.py security_fail2ban unban 203.0.113.7
"""


class Command(BaseCommand):
    """One subcommand for each thing to do with Fail2ban. None of them needs the database."""

    help = "Put the filter, jails and actions into Fail2ban, and see what they do."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument("--config", type=Path, default=Path("/etc/fail2ban"), help="Fail2ban's configuration")
        parser.add_argument("--client", default="", help="how to call fail2ban-client, for a server of its own")
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        render = subcommands.add_parser("render", help="Write the files into a directory, or print filter and jails.")
        render.add_argument("directory", nargs="?", type=Path)
        _add_options(render)
        installing = subcommands.add_parser("install", help="Write the files, test and load them.")
        _add_options(installing)
        installing.add_argument("--owner", default="", help="user:group of the site's processes, for a new log")
        installing.add_argument("--dry-run", action="store_true", help="show what would change")
        explaining = subcommands.add_parser("explain", help="Say what the filter does with a line, and why.")
        explaining.add_argument("line")
        status = subcommands.add_parser("status", help="Show the jails, their failures and bans.")
        status.add_argument("--json", action="store_true", help="print JSON")
        unban = subcommands.add_parser("unban", help="Lift the bans of an address in all jails.")
        unban.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        try:
            getattr(self, f"_{options['subcommand']}")(options)
        except (ClientError, InstallError, OSError) as error:
            raise CommandError(str(error)) from error

    def _render(self, options: dict[str, Any]) -> None:
        files = shipped_files(_jail_options(options))
        if options["directory"] is None:
            self.stdout.write("\n".join(text for name, text in files.items() if not name.startswith("action.d/")))
            return
        for name, text in files.items():
            path = options["directory"] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self.stdout.write(str(path))

    def _install(self, options: dict[str, Any]) -> None:
        chosen = _jail_options(options, enabled=True)
        wanted = changes(options["config"], shipped_files(chosen))
        for change in wanted:
            self.stdout.write(change.difference())
        if options["dry_run"]:
            self.stdout.write(f"{len(wanted)} files would be written; nothing was changed.")
            return
        if chosen.logtype in ("file", "json"):  # all others are written by somebody else
            create_log(Path(chosen.log), options["owner"])
        loaded = install(_client(options), wanted)
        self.stdout.write(f"{len(wanted)} files written to {options['config']}.")
        self.stdout.write("Fail2ban has loaded them." if loaded else "Fail2ban does not run: systemctl start fail2ban")

    def _explain(self, options: dict[str, Any]) -> None:
        self.stdout.writelines(f"{sentence}\n" for sentence in explain(options["line"]))

    def _status(self, options: dict[str, Any]) -> None:
        client = _client(options)
        running = [client.status(jail) for jail in client.jails() if jail in JAIL_NAMES]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(status) for status in running]))
            return
        self.stdout.write(f"{'jail':<14}{'failed':>8}{'in all':>8}{'banned':>8}{'in all':>8}  addresses")
        for jail in running:
            numbers = "".join(f"{each:>8}" for each in (jail.failed, jail.failed_total, jail.banned, jail.banned_total))
            self.stdout.write(f"{jail.name:<14}{numbers}  {' '.join(jail.addresses)}")
        for name in JAIL_NAMES:
            if name not in [jail.name for jail in running]:
                self.stdout.write(f"{name:<14}not running")

    def _unban(self, options: dict[str, Any]) -> None:
        jails = _client(options).unban(options["address"])
        if not jails:
            raise CommandError(f"{options['address']} is banned in no jail")
        self.stdout.write(f"{options['address']} was lifted in {', '.join(jails)}.")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--front", choices=FRONTS, default="nothing", help="what clients connect to")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="parameter of the action")
    parser.add_argument("--log", default=DEFAULT_LOG, help=f"the security log (default: {DEFAULT_LOG})")
    parser.add_argument("--logtype", default="file", choices=["file", "short", "journal", "docker", "json"])
    parser.add_argument("--key", default="ip", choices=["ip", "net"], help="ban addresses or IPv6 /64 networks")
    parser.add_argument("--no-report", action="store_true", help="do not write bans back into the log")


def _jail_options(options: dict[str, Any], *, enabled: bool = False) -> JailOptions:
    parameters = dict(each.partition("=")[::2] for each in options["set"])
    report = "" if options["no_report"] else options["log"]
    try:
        action = action_for(options["front"], parameters, report=report, logtype=options["logtype"])
    except ValueError as error:
        raise CommandError(str(error)) from None
    proxies = [each for each in conf.TRUSTED_PROXIES if each[:1].isdigit() or "/" in each]
    return JailOptions(
        log=options["log"], logtype=options["logtype"], key=options["key"], trusted_proxies=proxies, action=action,
        enabled=enabled,
    )  # fmt: skip


def _client(options: dict[str, Any]) -> Client:
    return Client(shlex.split(options["client"]) or ["fail2ban-client", "-c", str(options["config"])])
