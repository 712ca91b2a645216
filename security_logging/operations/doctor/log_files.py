"""The handlers of the security log: where they write, in which format, who can read it, and how much room is left."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from security_logging.checks.problem import Problem, error, note, ok, warning
from security_logging.handlers.sinks import LINE, OTHER, Sink, sinks
from security_logging.internal.files import is_roots_by_mistake

_MEGABYTE = 1_000_000
LITTLE, TOO_LITTLE = 1000 * _MEGABYTE, 100 * _MEGABYTE  # bytes free on the log's disk


def check_handlers() -> Iterator[Problem]:
    """List the handlers, and check the files that they write."""
    found = sinks()
    for sink in found:
        yield ok("sink", f"{sink.name}: {sink.path or type(sink.handler).__name__}, format {sink.format}")
        if sink.path is not None:
            yield from _check_file(sink, sink.path)
    if found and not any(sink.path is not None and sink.format == LINE for sink in found):
        fix = 'Add the profile "file": build_logging("file", ...); for a JSON file, install with --logtype json.'
        yield note("sink.no_line", "No handler writes the text file that Fail2ban reads by default.", fix)


def _check_file(sink: Sink, path: Path) -> Iterator[Problem]:
    if sink.format == OTHER:
        fix = 'Give the handler the formatter {"()": "security_logging.formatters.SecurityLineFormatter"}.'
        yield error("file.format", f"The handler of {path} uses a format that Fail2ban cannot read.", fix)
    if not path.parent.is_dir():
        return  # the system check W021 reports it
    if not path.exists():
        why = ", and Fail2ban before 1.1.1 does not start without it" if sink.format == LINE else ""
        fix = f"Create it for the web server's user: install -m 0640 -o www-data -g adm /dev/null {path}"
        yield warning("file.missing", f"{path} does not exist yet{why}.", fix)
    else:
        yield from _check_mode(path)
    yield from _check_disk(path)


def _check_mode(path: Path) -> Iterator[Problem]:
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        message = f"Every user of this machine can write {path}, and so have any address banned."
        yield error("file.writable", message, f"chmod 0640 {path}")
    elif mode & stat.S_IROTH:
        message = f"Every user of this machine can read {path}, which holds names and addresses."
        yield warning("file.readable", message, f"chmod 0640 {path}")
    if is_roots_by_mistake(path):
        message = f"Only root can write {path}, so that no event arrives of a site that another user runs."
        yield error("file.owner", message, f"chown www-data:adm {path} (the user that runs the site)")
    if path.parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
        message = f"Every user of this machine can rename {path} and put another file in its place."
        yield error("directory.writable", message, f"chmod o-w {path.parent}")


def _check_disk(path: Path) -> Iterator[Problem]:
    free = shutil.disk_usage(path.parent).free
    fix = "Make room, and let logrotate rotate more often or keep less (deploy/logrotate.d/django-security)."
    if free < TOO_LITTLE:
        yield error("disk", f"Only {free // _MEGABYTE} MB are free on the disk of {path}.", fix)
    elif free < LITTLE:
        yield warning("disk", f"Only {free // _MEGABYTE} MB are free on the disk of {path}.", fix)
