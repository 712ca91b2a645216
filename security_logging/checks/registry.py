"""The system checks: their ids, and the functions that Django calls."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from security_logging import integrations
from security_logging.checks import (
    addresses,
    events,
    hosts,
    log_file,
    logging_setting,
    middleware,
    names,
    requests,
    shared_proxies,
    user_names,
)
from security_logging.checks.messages import as_message
from security_logging.checks.problem import Problem, warning

# What each check means, by its id without the app label. The letter is the level. Ids are never reused.
DECLARED = {
    "E001": "An entry of SECURITY_LOGGING_TRUSTED_PROXIES is not a network, an address or a preset.",
    "E002": "SECURITY_LOGGING_CLIENT_IP_HEADER is not a header that can be used.",
    "E003": "SECURITY_LOGGING_CLIENT_IP_RESOLVER cannot be imported or called.",
    "E004": "An entry of SECURITY_LOGGING_BANNABLE_NETWORKS is not a network.",
    "E005": "SECURITY_LOGGING_PROXY_RANGES_FILE cannot be read, or an entry of it is wrong.",
    "E006": "SECURITY_LOGGING_LOGGER_NAME is not the name of a logger.",
    "E007": "SECURITY_LOGGING_SURFACE_NAMESPACES maps a namespace to something that is not a surface.",
    "E008": "A setting begins with SECURITY_LOGGING_ but does not exist.",
    "E009": "An entry of SECURITY_LOGGING_SHARED_PROXIES is not a network, an address or a preset.",
    "E010": "SECURITY_LOGGING_ORIGIN_SECRET is not a pair of a header and a secret value.",
    "E101": "SECURITY_LOGGING_REQUEST_ID_HEADER is not the name of a header.",
    "E102": "SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER is not the name of a header.",
    "E103": "An entry of SECURITY_LOGGING_BAIT_PATHS_ADD is not a path.",
    "E104": "SECURITY_LOGGING_BAIT_PATHS_REMOVE is not a list.",
    "E105": "SECURITY_LOGGING_FLOOD_WINDOW, _FLOOD_LINES or _FLOOD_ADDRESS_LINES is not a usable number.",
    "E106": "SECURITY_LOGGING_PRIOR_FAILURES_WINDOW is not a number of seconds.",
    "E107": "SECURITY_LOGGING_HEARTBEAT is not a number of seconds.",
    "E110": "SECURITY_LOGGING_CREDENTIAL_HEADERS is not a list of header names.",
    "E201": "A key of SECURITY_LOGGING_EVENTS is not an event or a class, or a value is neither True nor False.",
    "E202": "SECURITY_LOGGING_USER_NAMES or _UNKNOWN_USER_NAMES is not a policy for user names.",
    "E203": "SECURITY_LOGGING_KNOWN_USERS is neither True nor False.",
    "E204": "SECURITY_LOGGING_HASH_KEY is not a usable key.",
    "E301": "LOGGING, or a logger or formatter in it, has an unknown key.",
    "E302": "A handler in LOGGING has a key that its class does not know.",
    "E303": "A handler in LOGGING writes its file into a directory that the web server serves.",
    "E304": "Two handlers in LOGGING write the same file, and one of them rotates it.",
    "W001": "SECURITY_LOGGING_TRUSTED_PROXIES trusts more addresses than any proxy needs.",
    "W002": "The published ranges of a trusted preset are old.",
    "W003": "SECURITY_LOGGING_BANNABLE_NETWORKS lists a network on which it has no effect.",
    "W004": "SECURITY_LOGGING_TRUSTED_PROXIES trusts a wide public network that is not known to be shared.",
    "W005": "SECURITY_LOGGING_TRUSTED_PROXIES trusts a shared network, and no secret keeps strangers out.",
    "W006": "The header of SECURITY_LOGGING_ORIGIN_SECRET has a name that Django shows on debug pages.",
    "W020": "Deploy: the security logger has no handler, so events are lost.",
    "W021": "Deploy: the directory of the security log does not exist.",
    "W022": "Deploy: the security log cannot be written.",
    "W023": "Deploy: the security log is in a directory that the web server serves.",
    "W024": "Deploy: a rotating handler of the standard library loses lines when several processes write.",
    "W025": "Deploy: requests have forwarding headers, but no proxy is trusted.",
    "W101": "MIDDLEWARE lacks SecurityLoggingMiddleware, so some events are missing.",
    "W102": "SecurityLoggingMiddleware comes after a middleware that it should watch.",
    "W103": "An entry of SECURITY_LOGGING_BAIT_PATHS_REMOVE is not in the list of bait paths.",
    "W104": "SECURITY_LOGGING_FLOOD_LINES or _FLOOD_ADDRESS_LINES leaves Fail2ban too few lines.",
    "W110": 'Deploy: ALLOWED_HOSTS contains "*": bait paths are not counted, and visitors can be banned by a page.',
    "W201": "SECURITY_LOGGING_EVENTS switches off an event that Fail2ban counts.",
    "W202": "The integration with an installed package could not be connected.",
    "W301": "LOGGING disables every existing logger that it does not name.",
    "W302": "A record reaches the same handler twice: from its logger and from a parent logger.",
}


def register() -> None:
    """Register the checks with Django; those of the log file run with `check --deploy`."""
    checks.register(check_settings, checks.Tags.security)
    checks.register(check_logging, checks.Tags.security)
    checks.register(check_log, checks.Tags.security, deploy=True)


def check_settings(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check every setting of the package, MIDDLEWARE, and the integrations; look for settings that do not exist."""
    modules = (addresses, shared_proxies, events, user_names, requests, middleware, names)
    found = [problem for module in modules for problem in module.problems()]
    return [as_message(problem) for problem in (*found, *_failed_integrations())]


def check_logging(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check the LOGGING setting for mistakes that Python does not report."""
    found = logging_setting.problems(settings.LOGGING, getattr(settings, "SETTINGS_MODULE", None))
    return [as_message(problem) for problem in found]


def check_log(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check the handlers of the security logger, the files that they write, and ALLOWED_HOSTS."""
    return [as_message(problem) for module in (log_file, hosts) for problem in module.problems()]


def _failed_integrations() -> Iterator[Problem]:
    for app, module in integrations.failed.items():
        message = f"The integration with {app!r} could not be connected, so its events are missing from the log."
        fix = (
            f"Look for 'integration {module}' in the log of security_logging.internal; "
            "docs/integrations.md lists the versions that work."
        )
        yield warning("W202", message, fix)
