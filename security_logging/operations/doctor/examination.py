"""The whole examination: every chapter, in the order in which an event passes what is examined."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from security_logging.handlers.sinks import readable_files
from security_logging.operations.doctor import (
    address_report,
    blind_spots,
    history,
    jails,
    log_files,
    probe,
    shipping,
    wiring,
)
from security_logging.operations.doctor.findings import Chapter, Finding, unknown

Look = Callable[[], Iterator[Finding]]


def examine(*, write: bool = True) -> list[Chapter]:
    """Return the findings of every chapter; `write` allows the probe event and the event of a suspicion."""
    looks: tuple[tuple[str, tuple[Look, ...]], ...] = (
        ("Settings", (wiring.of_settings, wiring.of_middleware)),
        ("Handlers and files", (wiring.of_loggers, log_files.of_sinks, *([probe.of_pipeline] if write else []))),
        ("Addresses", (address_report.of_addresses,)),
        ("The last day", (lambda: _of_last_day(tell=write),)),
        ("Fail2ban", (jails.of_fail2ban,)),
        ("CloudWatch", (shipping.of_cloudwatch,)),
        ("What is not seen", (blind_spots.of_coverage,)),
    )
    return [Chapter(title, tuple(finding for look in parts for finding in _safely(look))) for title, parts in looks]


def _of_last_day(*, tell: bool) -> Iterator[Finding]:
    path = next(readable_files(), None)
    if path is None or not path.exists():
        yield unknown("history", "there is no log file to read")
        return
    yield from history.of_last_day(path, tell=tell)


def _safely(look: Look) -> list[Finding]:
    """Return what a look finds; when it fails, that is a finding too, and the others go on."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except Exception as problem:  # noqa: BLE001 (a doctor who faints at the first wound helps nobody)
        found.append(unknown("failed", f"it failed: {type(problem).__name__}: {problem}"))
    return found
