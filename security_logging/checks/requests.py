"""What is wrong in the settings of the middleware, bait paths and counting, as data for the system checks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from django.conf import settings
from django.utils.module_loading import import_string

from security_logging.checks.missing_events import told
from security_logging.checks.problem import Problem
from security_logging.conf import Settings, conf
from security_logging.watchers.bait_paths import shipped

MIDDLEWARE = "security_logging.middleware.SecurityLoggingMiddleware"
FEWEST_LINES = 5  # of one address that a jail may have to see; the shipped ones ban after three to five

# What is to stand behind ours, since it tries or refuses credentials.
_LATER = ("django.contrib.auth.middleware.AuthenticationMiddleware", "django.middleware.csrf.CsrfViewMiddleware")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_BAIT = re.compile(r"(\*)?/[^\s?#]*[^\s?#/*]/?")


def findings() -> list[tuple[str, list[Problem], str, str]]:
    """Return for each setting its name, what is wrong with it, and the check's ids for an error and a warning."""
    return [
        ("MIDDLEWARE", middleware_problems(settings.MIDDLEWARE), "", "W101"),
        (Settings.REQUEST_ID_HEADER.name, id_header_problems(conf.REQUEST_ID_HEADER), "E101", ""),
        (Settings.REQUEST_ID_RESPONSE_HEADER.name, _response_header_problems(), "E102", ""),
        (Settings.BAIT_PATHS_ADD.name, added_bait_problems(conf.BAIT_PATHS_ADD), "E103", ""),
        (Settings.BAIT_PATHS_REMOVE.name, removed_bait_problems(conf.BAIT_PATHS_REMOVE), "E104", "W103"),
        (Settings.FLOOD_WINDOW.name, count_problems(conf.FLOOD_WINDOW, 0), "E105", ""),
        (Settings.FLOOD_LINES.name, flood_lines_problems(conf.FLOOD_LINES), "E105", "W104"),
        (Settings.FLOOD_ADDRESS_LINES.name, flood_lines_problems(conf.FLOOD_ADDRESS_LINES), "E105", "W104"),
        (Settings.PRIOR_FAILURES_WINDOW.name, count_problems(conf.PRIOR_FAILURES_WINDOW, 0), "E106", ""),
        ("MIDDLEWARE", order_problems(settings.MIDDLEWARE), "", "W102"),
    ]


def middleware_problems(middleware: Sequence[str]) -> list[Problem]:
    """Check that SecurityLoggingMiddleware is in MIDDLEWARE; what else will be missing is said one by one."""
    if _place(middleware, MIDDLEWARE) is not None:
        return []
    missed = "; ".join(told())
    hint = f'Write it first: MIDDLEWARE = ["{MIDDLEWARE}", ...].'
    return [Problem(f"lacks {MIDDLEWARE}, so the log will miss", missed, hint, is_error=False)]


def order_problems(middleware: Sequence[str]) -> list[Problem]:
    """Check that SecurityLoggingMiddleware stands before those that try and refuse credentials."""
    ours = _place(middleware, MIDDLEWARE)
    places = [(path, _place(middleware, path)) for path in _LATER]
    return [
        Problem(
            "is SecurityLoggingMiddleware, too late to see what is authenticated or answered before it",
            f"it stands after {path}",
            "Write it before, best as the first.",
            ours,
            is_error=False,
        )
        for path, place in places
        if ours is not None and place is not None and place < ours
    ]


def id_header_problems(name: object) -> list[Problem]:
    """Check SECURITY_LOGGING_REQUEST_ID_HEADER and SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER."""
    if isinstance(name, str) and _HEADER.fullmatch(name):
        return []
    return [Problem("is not the name of a header", repr(name), 'Write "X-Request-ID".')]


def _response_header_problems() -> list[Problem]:
    name = conf.REQUEST_ID_RESPONSE_HEADER
    return [] if name is None else id_header_problems(name)


def added_bait_problems(paths: object) -> list[Problem]:
    """Check SECURITY_LOGGING_BAIT_PATHS_ADD."""
    hint = 'Write e.g. "/old-shop/admin.php", "/cgi-bin/" or "*/dump.sql", without the query.'
    if not isinstance(paths, (tuple, list)):
        return [Problem("is not a tuple or list", repr(paths), hint)]
    wrong = [(index, path) for index, path in enumerate(paths) if not _BAIT.fullmatch(str(path))]
    return [Problem("is not a path", repr(path), hint, index) for index, path in wrong]


def removed_bait_problems(paths: object) -> list[Problem]:
    """Check SECURITY_LOGGING_BAIT_PATHS_REMOVE."""
    if not isinstance(paths, (tuple, list)):
        return [Problem("is not a tuple or list", repr(paths), 'Write e.g. ["*/wp-login.php"].')]
    known = [bait.path for bait in shipped()]
    return [
        Problem("is not in the shipped list", repr(path), _closest(str(path), known), index, False)
        for index, path in enumerate(paths)
        if str(path).lower() not in known
    ]


def count_problems(value: object, least: int) -> list[Problem]:
    """Check a number of seconds or lines."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return []
    return [Problem(f"is not a whole number from {least} on", repr(value), f"Write {least} or more.")]


def flood_lines_problems(value: object) -> list[Problem]:
    """Check SECURITY_LOGGING_FLOOD_LINES and SECURITY_LOGGING_FLOOD_ADDRESS_LINES."""
    problems = count_problems(value, 1)
    if problems or (isinstance(value, int) and value >= FEWEST_LINES):
        return problems
    hint = f"Write {FEWEST_LINES} or more: Fail2ban counts lines, and one that stands for many counts once."
    return [Problem("folds lines before a jail has seen enough of them", repr(value), hint, is_error=False)]


def _closest(path: str, known: list[str]) -> str:
    close = get_close_matches(path.lower(), known, n=1)
    return f'Did you mean "{close[0]}"?' if close else "The list is in security_logging/data/bait_paths.json."


def _place(middleware: Sequence[str], wanted: str) -> int | None:
    """Return where the middleware, or one derived from it, first stands."""
    return next((index for index, path in enumerate(middleware) if path == wanted or _is_derived(path, wanted)), None)


def _is_derived(path: str, wanted: str) -> bool:
    try:
        found, base = import_string(path), import_string(wanted)
    except ImportError:  # Django itself will say so, louder
        return False
    return isinstance(found, type) and issubclass(found, base)
