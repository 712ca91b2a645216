"""The subcommands of `security_fail2ban` and their options."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from security_logging.fail2ban.files.fronts import FRONTS
from security_logging.fail2ban.files.render import DEFAULT_LOG

EXAMPLES = """examples:
  sudo manage.py security_fail2ban install             asks what it cannot find out
  sudo manage.py security_fail2ban check               what is wrong, and how to fix it
  manage.py security_fail2ban explain "$(tail -1 /var/log/django/security.log)"
  sudo manage.py security_fail2ban status
  sudo manage.py security_fail2ban unban 203.0.113.7
  manage.py security_fail2ban render /tmp/fail2ban
"""
_INSTALL = """examples:
  sudo manage.py security_fail2ban install --dry-run
  sudo manage.py security_fail2ban install --front nothing --owner www-data:adm --write-settings
  sudo manage.py security_fail2ban install --front load-balancer --proxy 10.0.0.0/24
  sudo manage.py security_fail2ban install --front aws --set region=eu-central-1 --set set4=v4 --set set6=v6
  manage.py security_fail2ban install --elsewhere /srv/for-the-host

Without a terminal, or with --no-input, it asks nothing. It then uses your last answers or the defaults, unless an
option says otherwise. If anything fails, or if you stop it, it takes everything back.
"""
_CHECK = """examples:
  sudo manage.py security_fail2ban check
  sudo manage.py security_fail2ban check --json || mail -s Fail2ban root

Exit status: 1 for a warning or an error; else 2 when something could not be checked; else 0. It changes nothing.
"""


def add_subcommands(subcommands: Any) -> None:
    """Declare each subcommand; the argument is what `ArgumentParser.add_subparsers` returns."""
    render = subcommands.add_parser("render", help="Write the files into a directory, or print filter and jails.")
    render.add_argument("directory", nargs="?", type=Path, help="created if it is missing; without it, print the files")
    _add_choices(render)
    _add_install(_with_examples(subcommands, "install", "Write the files, test and load them.", _INSTALL))
    check = _with_examples(subcommands, "check", "Find what is wrong, and how to fix it.", _CHECK)
    check.add_argument("--json", action="store_true", help="print JSON")
    explaining = subcommands.add_parser("explain", help="Say what the filter does with a line or a file, and why.")
    explaining.add_argument("line", metavar="LINE|FILE", help="one line of the log in quotes, or the path of a log")
    status = subcommands.add_parser("status", help="Show the jails, their failures and bans.")
    status.add_argument("--json", action="store_true", help="print JSON")
    unban = subcommands.add_parser("unban", help="Lift the bans of an address in all jails.")
    unban.add_argument("address", metavar="ADDRESS", help="an address, or an IPv6 /64 network")


def _with_examples(subcommands: Any, name: str, text: str, examples: str) -> ArgumentParser:
    parser: ArgumentParser = subcommands.add_parser(name, help=text, description=text, epilog=examples)
    parser.formatter_class = RawDescriptionHelpFormatter
    return parser


def _add_install(parser: ArgumentParser) -> None:
    _add_choices(parser)
    parser.add_argument("--owner", default="", help="user:group of the site's processes, for a new log")
    parser.add_argument("--proxy", action="append", help="address of a proxy that the site shall trust")
    parser.add_argument("--write-settings", action="store_true", help="add missing lines to the settings")
    parser.add_argument(
        "--elsewhere", type=Path, metavar="DIRECTORY", help="write files for another machine's Fail2ban"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change")
    parser.add_argument("--no-input", dest="interactive", action="store_false", help="ask nothing")


def _add_choices(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--front", choices=FRONTS, help="what clients connect to (default for install: the last choice, or nothing)"
    )
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="parameter of the action")
    parser.add_argument("--log", help=f"the security log (default: what LOGGING writes, or {DEFAULT_LOG})")
    parser.add_argument("--logtype", choices=["file", "short", "journal", "docker", "json"],
                        help="the form of the log's lines (default: what LOGGING writes, or file)")  # fmt: skip
    parser.add_argument("--never-ban", action="append", metavar="ADDRESS",
                        help="address or network that the jails ignore: yours, and the site's public ones")  # fmt: skip
    parser.add_argument("--key", choices=["ip", "net"], help="ban addresses (default) or IPv6 /64 networks")
    parser.add_argument("--locked", action=BooleanOptionalAction,
                        help="switch the jail django-locked on or off (at first off)")  # fmt: skip
    parser.add_argument("--no-report", action="store_true", help="do not write bans back into the log")
