"""`security_fail2ban install`, from the questions to what is left to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from security_logging.addresses.proxies import trusted_networks
from security_logging.fail2ban.checking.check import check
from security_logging.fail2ban.client import Client
from security_logging.fail2ban.files.plan import wanted_files
from security_logging.fail2ban.files.record import NAME, Choices, read_record, render_record
from security_logging.fail2ban.installing import questions, site_settings
from security_logging.fail2ban.installing.at_boot import at_boot
from security_logging.fail2ban.installing.changes import Change, changes, mode_of, read
from security_logging.fail2ban.installing.choosing import choices_from, place_of, proxies_of
from security_logging.fail2ban.installing.install import Installed, install
from security_logging.fail2ban.installing.log_file import likely_owner
from security_logging.fail2ban.installing.site_settings import Lacking
from security_logging.fail2ban.site import Site
from security_logging.internal.files import write_file

Write = Callable[[str], object]
CONFIGURATION = Path("/etc/fail2ban")  # where this machine's own Fail2ban has its files
_OURS = ("file", "json")  # logtypes whose log the site writes; the others are written by another program


def run(options: Mapping[str, Any], site: Site, client: Client, write: Write, *, ask: bool) -> None:
    """Ask what the options leave open, show what changes, do it, and say what is left to do."""
    directory: Path = options["config"]
    elsewhere = place_of(options, is_here=directory.is_dir(), ask=ask)
    record = read_record(directory)
    choices = choices_from(options, site, record.choices if record else None, ask=ask)
    proxies = () if site.knows_clients else proxies_of(choices, options, ask=ask)
    lacking = _lacking(site, choices, proxies)
    behind = replace(site, proxies=[*site.proxies, *trusted_networks(tuple(proxies))])
    files = wanted_files(directory, behind, choices)
    if elsewhere is not None and not options["dry_run"]:
        _write_for_elsewhere(elsewhere, files, write)
        return
    wanted = changes(elsewhere or directory, files, record)
    for change in wanted:
        write(change.difference())
    settings = _settings_change(site, lacking, write)
    boot = _boot_change(directory, choices, options["owner"] or likely_owner(site.settings_file))
    if boot:
        write(boot.difference())
    if options["dry_run"]:
        write(f"{len(wanted)} files would be written; nothing was changed.")
        return
    if ask and wanted and not questions.agreed("Write these files, and load them?"):
        raise questions.UnansweredError("nothing was changed")
    agreed = settings is not None and (
        options["write_settings"] or (ask and questions.agreed("Change the settings too?"))
    )
    owner = _owner(options, site, choices, ask=ask)
    boot = _boot_change(directory, choices, owner)
    steps = [*wanted, *_record_change(directory, choices, files), boot, settings if agreed else None]
    installed = install(
        client,
        [step for step in steps if step],
        log=Path(choices.log) if choices.logtype in _OURS else None,
        owner=owner,
        test=site_settings.failure if agreed else str,
    )
    _report(write, directory, wanted, installed)
    _say_what_is_left(write, [] if agreed else lacking.lines(), site.settings_file, is_written=agreed)
    for problem in check(client, directory, replace(behind, logs={**behind.logs, Path(choices.log): choices.logtype})):
        write(f"To do: {problem.message}\n       {problem.fix}")


def _lacking(site: Site, choices: Choices, proxies: Sequence[str]) -> Lacking:
    log = Path(choices.log)
    return Lacking(
        log=None if choices.logtype not in _OURS or log in site.logs else log,
        logtype=choices.logtype,
        has_logging=site.has_logging,
        middleware=not site.middleware,
        proxies=proxies,
    )


def _settings_change(site: Site, lacking: Lacking, write: Write) -> Change | None:
    if site.settings_file is None or not lacking.lines():
        return None
    change = site_settings.appended(site.settings_file, lacking.lines())
    write(change.difference())
    return change


def _boot_change(directory: Path, choices: Choices, owner: str) -> Change | None:
    """Return what makes the log at each boot; only for this machine's own Fail2ban."""
    is_ours = directory == CONFIGURATION and choices.logtype in _OURS
    return at_boot(Path(choices.log), owner) if is_ours else None


def _record_change(directory: Path, choices: Choices, files: Mapping[str, str]) -> list[Change]:
    path, text = directory / NAME, render_record(choices, files)
    old = read(path)
    return [Change(path, old, text, mode=0o600)] if old != text else []


def _owner(options: Mapping[str, Any], site: Site, choices: Choices, *, ask: bool) -> str:
    likely = str(options["owner"] or likely_owner(site.settings_file))
    if options["owner"] or not likely or not ask or choices.logtype not in _OURS or Path(choices.log).exists():
        return likely
    return questions.text("The log is to be written by user:group", likely)


def _report(write: Write, directory: Path, wanted: Sequence[Change], installed: Installed) -> None:
    write(f"{len(wanted)} files written to {directory}.")
    for path in installed.kept:
        local = path.name.partition(".conf")[0] + ".local"
        write(f"Your own version is kept as {path}; move what you need into {local}, which no installation touches.")
    write("Fail2ban has loaded them." if installed.is_loaded else "Fail2ban does not run: systemctl start fail2ban")


def _say_what_is_left(write: Write, lines: Sequence[str], path: Path | None, *, is_written: bool) -> None:
    if is_written:
        write(f"{path} was changed: restart the site.")
    if lines:
        added = "\n".join(f"       {line}" for line in lines[1:])
        write(
            f"To do: the settings lack what follows; add it ({path or 'settings.py'}), then restart the site:\n{added}"
        )


def _write_for_elsewhere(directory: Path, files: Mapping[str, str], write: Write) -> None:
    for name, text in files.items():
        write_file(directory / name, text.encode(), mode_of(name, text))
    write(f"{len(files)} files written to {directory}. On the machine of Fail2ban, where the log must exist first:")
    quoted = shlex.quote(str(directory))
    write(f"  cp -r {quoted}/. /etc/fail2ban/ && fail2ban-client -t && fail2ban-client reload")
    write("Read them first if others can change them: what the actions say, Fail2ban runs as root.")
