"""The handlers of the security log: where they write, in which format, who may read it, and how much room is left."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from security_logging.handlers.sinks import LINE, OTHER, Sink, sinks
from security_logging.operations.doctor.findings import Finding, error, note, ok, warning

_MEGABYTE = 1_000_000
LITTLE, TOO_LITTLE = 1000 * _MEGABYTE, 100 * _MEGABYTE  # bytes free on the log's disk


def of_sinks() -> Iterator[Finding]:
    """List the handlers, and look at the files that they write."""
    found = sinks()
    for sink in found:
        yield ok("sink", f"{sink.name}: {sink.path or type(sink.handler).__name__}, format {sink.format}")
        if sink.path is not None:
            yield from _of_file(sink, sink.path)
    if found and not any(sink.path is not None and sink.format == LINE for sink in found):
        hint = 'Add the profile "file": build_logging("file", ...). A filter with logtype=json reads a JSON file too.'
        yield note("sink.no_line", "No handler writes the file that Fail2ban reads by default.", hint)


def _of_file(sink: Sink, path: Path) -> Iterator[Finding]:
    if sink.format == OTHER:
        hint = 'Give the handler the formatter {"()": "security_logging.formatters.SecurityLineFormatter"}.'
        yield error("file.format", f"{path} is not written in one of our formats: Fail2ban cannot read it.", hint)
    if not path.parent.is_dir():
        return  # a system check says so
    if not path.exists():
        why = "; before version 1.1.1 the whole Fail2ban does not start without it" if sink.format == LINE else ""
        hint = f"Create it for the web server's user: install -m 0640 -o www-data -g adm /dev/null {path}"
        yield warning("file.missing", f"{path} does not exist yet{why}.", hint)
    else:
        yield from _of_mode(path)
    yield from _of_disk(path)


def _of_mode(path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        message = f"Everybody on this machine may write {path}, and so have anybody banned."
        yield error("file.writable", message, f"chmod 0640 {path}")
    elif mode & stat.S_IROTH:
        message = f"Everybody on this machine may read {path}: it holds names and addresses."
        yield warning("file.readable", message, f"chmod 0640 {path}")
    if path.parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
        message = f"Everybody on this machine may rename {path}, and put another file in its place."
        yield error("directory.writable", message, f"chmod o-w {path.parent}")


def _of_disk(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    hint = "Make room, and let logrotate keep less or more often (deploy/logrotate.d/django-security)."
    if free < TOO_LITTLE:
        yield error("disk", f"Only {free // _MEGABYTE} MB are free for {path}.", hint)
    elif free < LITTLE:
        yield warning("disk", f"Only {free // _MEGABYTE} MB are free for {path}.", hint)
