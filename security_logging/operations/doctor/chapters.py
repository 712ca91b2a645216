"""Everything that the doctor checks: the chapters of its report, in the order in which an event passes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from security_logging.checks.problem import Level, Problem, unknown
from security_logging.handlers.sinks import readable_files
from security_logging.operations.doctor import (
    addresses,
    aliases,
    cloudwatch,
    fail2ban,
    last_day,
    log_files,
    loggers,
    probe,
    settings,
    unseen_events,
)

Check = Callable[[], Iterator[Problem]]


@dataclass(frozen=True)
class Chapter:
    """What was found about one thing, e.g. Fail2ban."""

    title: str
    problems: tuple[Problem, ...]


def run(*, write: bool = True, site: str | None = None) -> list[Chapter]:
    """
    Run all checks; `write` allows them to log the probe event and the event of a suspicion.

    `site` is where the site answers on this machine, to be asked with another spelling of the forwarding header.
    """
    spellings = [lambda: aliases.check_aliases(site)] if site and write else []
    chapters: tuple[tuple[str, tuple[Check, ...]], ...] = (
        ("Settings", (settings.check_settings, settings.check_middleware)),
        (
            "Handlers and files",
            (loggers.check_loggers, log_files.check_handlers, *([probe.check_arrival] if write else [])),
        ),
        ("Addresses", (addresses.check_addresses, *spellings)),
        ("The last day", (lambda: _check_last_day(write=write),)),
        ("Fail2ban", (fail2ban.check_fail2ban,)),
        ("CloudWatch", (cloudwatch.check_cloudwatch,)),
        ("What is not seen", (unseen_events.check_coverage,)),
    )
    return [Chapter(title, tuple(run_checks(*checks))) for title, checks in chapters]


def run_checks(*checks: Check) -> Iterator[Problem]:
    """Yield what each check finds; a check that fails is a problem of its own, and the others still run."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 (whatever fails, the other checks are still worth running)
            yield unknown("failed", f"This check failed: {type(error).__name__}: {error}.")


def levels(chapters: Sequence[Chapter]) -> list[Level]:
    """Return the levels of all problems."""
    return [problem.level for chapter in chapters for problem in chapter.problems]


def _check_last_day(*, write: bool) -> Iterator[Problem]:
    path = next(readable_files(), None)
    if path is None or not path.exists():
        yield unknown("history", "There is no log file to read, so the events of the last day could not be checked.")
        return
    yield from last_day.check_last_day(path, write=write)
