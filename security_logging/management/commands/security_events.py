"""`manage.py security_events`: read, filter and follow the security log."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import CommandError

from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import escape
from security_logging.formatters.security import ConsoleFormatter
from security_logging.handlers.sinks import readable_files
from security_logging.management.color import wants_color
from security_logging.management.examples import CommandWithExamples
from security_logging.operations import reading
from security_logging.operations.selection import Selection, moment, names_of, network_of
from security_logging.operations.summary import Summary
from security_logging.request.surface import ADMIN, API, SITE

T = TypeVar("T")

_EXAMPLES = """\
examples:
  manage.py security_events --since 2h                      the last two hours, in colour
  manage.py security_events --counted --follow              follow the events that Fail2ban counts
  manage.py security_events --address 203.0.113.0/24 --event 'auth.*' --since 1d
  manage.py security_events --user alice --json | jq .source.ip
  manage.py security_events --since 7d --summary            the most frequent addresses, users and events

Lines without an event are skipped and counted on standard error.
Exit status: 0; 1 when the log cannot be read; 2 for a wrong option.
"""


class Command(CommandWithExamples):
    """Show security events; works without the database."""

    help = "Read, filter and follow the security log, in text or JSON, through its rotation."
    examples = _EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--file", type=Path, help="the log; by default the one that LOGGING writes")
        parser.add_argument("--event", action="append", default=[], type=_as(names_of), metavar="NAME",
                            help="an event type, or a class such as auth.*; may be given several times")  # fmt: skip
        parser.add_argument("--address", action="append", default=[], type=_as(network_of), metavar="ADDRESS",
                            help="an address or network, also as the peer or the claimed address")  # fmt: skip
        parser.add_argument("--user", action="append", default=[], help="a user name as the log has it")
        parser.add_argument("--surface", action="append", default=[], choices=(SITE, ADMIN, API),
                            help="only events of this surface; may be given several times")  # fmt: skip
        parser.add_argument("--since", type=_as(moment), metavar="TIME",
                            help="2h, 30m, 1d, or an ISO 8601 time; reads rotated files too")  # fmt: skip
        parser.add_argument("--counted", action="store_true", help="only events that Fail2ban may count")
        parser.add_argument("--follow", action="store_true", help="go on with new events, until Ctrl-C")
        parser.add_argument("--summary", action="store_true", help="count the addresses, users and events")
        parser.add_argument("--top", type=int, default=10, help="length of the summary's lists; 10 by default")
        parser.add_argument("--json", action="store_true", help="print ECS JSON, or the summary as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the events or their summary."""
        if options["follow"] and options["summary"]:
            raise CommandError("--follow never ends, so it cannot be used with --summary.")
        path = options["file"] or next(readable_files(), None)
        if path is None:
            raise CommandError("LOGGING writes no file that can be read; name one with --file.")
        reader = reading.Reader()
        try:
            self._show(_selected(reader, path, options), options)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        except KeyboardInterrupt:
            pass
        if reader.skipped:
            self.stderr.write(f"{reader.skipped} lines without an event, {reader.foreign} of them of other loggers")

    def _show(self, found: Iterator[SecurityEvent], options: dict[str, Any]) -> None:
        if options["summary"]:
            self._sum_up(found, options)
            return
        formatter = ConsoleFormatter(color=wants_color(options, is_terminal=self.stdout.isatty()))
        day = None
        for event in found:
            if options["json"]:
                self.stdout.write(ecs.render_json(event))
                continue
            if event.time.date() != day:
                day = event.time.date()
                self.stdout.write(formatter.paint("1", f"{day} (UTC)"))
            self.stdout.write(formatter.format(reading.as_record(event)))

    def _sum_up(self, found: Iterator[SecurityEvent], options: dict[str, Any]) -> None:
        summary = Summary()
        for event in found:
            summary.add(event)
        tops = {name: summary.top(name, options["top"]) for name in summary.counters}
        if options["json"]:
            bounds = {"first": summary.first, "last": summary.last}
            times = {name: time and time.isoformat() for name, time in bounds.items()}
            self.stdout.write(
                json.dumps({"total": summary.total, **times, **{name: dict(top) for name, top in tops.items()}})
            )
            return
        span = f" from {summary.first:%Y-%m-%d %H:%M} to {summary.last:%Y-%m-%d %H:%M} UTC" if summary.first else ""
        self.stdout.write(f"{summary.total} events{span}")
        for name, top in tops.items():
            self.stdout.write(f"\n{name}")
            self.stdout.writelines(f"{count:>8}  {escape(value)[1:-1]}\n" for value, count in top)


def _selected(reader: reading.Reader, path: Path, options: dict[str, Any]) -> Iterator[SecurityEvent]:
    wanted = Selection(
        names=tuple(chain.from_iterable(options["event"])),
        networks=tuple(options["address"]),
        users=tuple(options["user"]),
        surfaces=tuple(options["surface"]),
        since=options["since"],
        counted=options["counted"],
    )
    # --follow alone shows only what comes.
    past = not options["follow"] or options["since"] is not None
    wait = reading.pause if options["follow"] else None
    lines = reading.lines_of(path, since=options["since"], past=past, wait=wait)
    return filter(wanted.matches, reader.events(lines))


def _as(read: Callable[[str], T]) -> Callable[[str], T]:
    """Return the function with its ValueError as argparse's error, whose message the user sees."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return convert
