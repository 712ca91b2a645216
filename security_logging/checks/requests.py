"""What is wrong in the settings of request ids, credential headers, bait paths, flood control and prior failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from security_logging.checks.problem import Problem, error, warning
from security_logging.conf import Settings, conf
from security_logging.watchers.bait_paths import shipped

FEWEST_LINES = 5  # the lines of one address that a jail may need; the shipped jails ban after three to five

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_BAIT = re.compile(r"(\*)?/[^\s?#]*[^\s?#/*]/?")


def problems() -> Iterator[Problem]:
    """Check the settings of this module."""
    yield from _header_problems("E101", Settings.REQUEST_ID_HEADER.name, conf.REQUEST_ID_HEADER)
    if conf.REQUEST_ID_RESPONSE_HEADER is not None:
        yield from _header_problems("E102", Settings.REQUEST_ID_RESPONSE_HEADER.name, conf.REQUEST_ID_RESPONSE_HEADER)
    yield from _credential_header_problems(conf.CREDENTIAL_HEADERS)
    yield from _added_bait_problems(conf.BAIT_PATHS_ADD)
    yield from _removed_bait_problems(conf.BAIT_PATHS_REMOVE)
    yield from _number_problems("E105", Settings.FLOOD_WINDOW.name, conf.FLOOD_WINDOW, least=0)
    yield from _flood_lines_problems(Settings.FLOOD_LINES.name, conf.FLOOD_LINES)
    yield from _flood_lines_problems(Settings.FLOOD_ADDRESS_LINES.name, conf.FLOOD_ADDRESS_LINES)
    yield from _number_problems("E106", Settings.PRIOR_FAILURES_WINDOW.name, conf.PRIOR_FAILURES_WINDOW, least=0)
    yield from _number_problems("E107", Settings.HEARTBEAT.name, conf.HEARTBEAT, least=0)


def _header_problems(problem_id: str, name: str, value: object) -> Iterator[Problem]:
    if not (isinstance(value, str) and _HEADER.fullmatch(value)):
        yield error(problem_id, f"{name} is not the name of a header: {value!r}.", 'Write "X-Request-ID".')


def _credential_header_problems(headers: object) -> Iterator[Problem]:
    name = Settings.CREDENTIAL_HEADERS.name
    fix = 'Write e.g. ("Authorization", "X-API-Key").'
    if not isinstance(headers, (tuple, list)):
        yield error("E110", f"{name} is not a tuple or list: {headers!r}.", fix)
        return
    for index, header in enumerate(headers):
        if not (isinstance(header, str) and _HEADER.fullmatch(header)):
            yield error("E110", f"{name}[{index}] is not the name of a header: {header!r}.", fix)


def _added_bait_problems(paths: object) -> Iterator[Problem]:
    name = Settings.BAIT_PATHS_ADD.name
    fix = 'Write e.g. "/old-shop/admin.php", "/cgi-bin/" or "*/dump.sql", without the query.'
    if not isinstance(paths, (tuple, list)):
        yield error("E103", f"{name} is not a tuple or list: {paths!r}.", fix)
        return
    for index, path in enumerate(paths):
        if not _BAIT.fullmatch(str(path)):
            yield error("E103", f"{name}[{index}] is not a path: {path!r}.", fix)


def _removed_bait_problems(paths: object) -> Iterator[Problem]:
    name = Settings.BAIT_PATHS_REMOVE.name
    if not isinstance(paths, (tuple, list)):
        yield error("E104", f"{name} is not a tuple or list: {paths!r}.", 'Write e.g. ["*/wp-login.php"].')
        return
    known = [bait.path for bait in shipped()]
    for index, path in enumerate(paths):
        if str(path).lower() not in known:
            message = f"{name}[{index}] is not in the list of bait paths: {path!r}."
            yield warning("W103", message, _closest(str(path), known))


def _number_problems(problem_id: str, name: str, value: object, *, least: int) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        message = f"{name} is not a whole number of {least} or more: {value!r}."
        yield error(problem_id, message, f"Write {least} or more.")


def _flood_lines_problems(name: str, value: object) -> Iterator[Problem]:
    wrong = list(_number_problems("E105", name, value, least=1))
    yield from wrong
    if not wrong and isinstance(value, int) and value < FEWEST_LINES:
        message = f"{name} leaves fewer lines of an address than a jail needs to ban it: {value!r}."
        fix = f"Write {FEWEST_LINES} or more; Fail2ban counts a line once, even when it stands for many events."
        yield warning("W104", message, fix)


def _closest(path: str, known: list[str]) -> str:
    close = get_close_matches(path.lower(), known, n=1)
    return f'Did you mean "{close[0]}"?' if close else "The list is in security_logging/data/bait_paths.json."
