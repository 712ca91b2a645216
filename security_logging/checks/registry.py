"""System checks of the settings: every wrong one is named, with its value and with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches

from django.conf import settings
from django.core import checks

from security_logging import integrations
from security_logging.checks import addresses, events, log_file, logging_setting, requests, user_names
from security_logging.checks.problem import Problem
from security_logging.conf import PREFIX, Settings, conf, declared
from security_logging.request.surface import ADMIN, API, SITE


@dataclass(frozen=True)
class Declared:
    """A system check: its id without the app label, never reused, and what it says. The letter is its level."""

    id: str
    meaning: str

    @property
    def level(self) -> str:
        """Return the level that the id's letter stands for."""
        return "Error" if self.id.startswith("E") else "Warning"


DECLARED = (
    Declared("E001", "An entry of SECURITY_LOGGING_TRUSTED_PROXIES is no network, address or preset."),
    Declared("E002", "SECURITY_LOGGING_CLIENT_IP_HEADER is no header that can be used."),
    Declared("E003", "SECURITY_LOGGING_CLIENT_IP_RESOLVER cannot be imported or called."),
    Declared("E004", "An entry of SECURITY_LOGGING_BANNABLE_NETWORKS is no network."),
    Declared("E005", "SECURITY_LOGGING_PROXY_RANGES_FILE cannot be read or holds what is no range."),
    Declared("E006", "SECURITY_LOGGING_LOGGER_NAME is no logger name."),
    Declared("E007", "SECURITY_LOGGING_SURFACE_NAMESPACES maps something to what is no surface."),
    Declared("E008", "A setting begins with SECURITY_LOGGING_ but does not exist."),
    Declared("E101", "SECURITY_LOGGING_REQUEST_ID_HEADER is no header."),
    Declared("E102", "SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER is no header."),
    Declared("E103", "An entry of SECURITY_LOGGING_BAIT_PATHS_ADD is no path."),
    Declared("E104", "SECURITY_LOGGING_BAIT_PATHS_REMOVE is no list."),
    Declared("E105", "SECURITY_LOGGING_FLOOD_WINDOW, _FLOOD_LINES or _FLOOD_ADDRESS_LINES is no usable number."),
    Declared("E106", "SECURITY_LOGGING_PRIOR_FAILURES_WINDOW is no number of seconds."),
    Declared("E201", "SECURITY_LOGGING_EVENTS names no event and no class, or does not say True or False."),
    Declared("E202", "SECURITY_LOGGING_USER_NAMES or _UNKNOWN_USER_NAMES is no way to write user names."),
    Declared("E203", "SECURITY_LOGGING_KNOWN_USERS is neither True nor False."),
    Declared("E204", "SECURITY_LOGGING_HASH_KEY is no key."),
    Declared("E301", "LOGGING, or a logger or formatter in it, has a key that means nothing there."),
    Declared("E302", "A handler in LOGGING has a key that its class does not know."),
    Declared("E303", "A handler in LOGGING writes its file to where the web server serves files from."),
    Declared("E304", "Two handlers in LOGGING write one file, and one of them rotates it under the other."),
    Declared("W001", "SECURITY_LOGGING_TRUSTED_PROXIES trusts more than any proxy needs."),
    Declared("W002", "The published ranges of a trusted preset are old."),
    Declared("W003", "SECURITY_LOGGING_BANNABLE_NETWORKS lists a network for which it decides nothing."),
    Declared("W020", "Deploy: the security logger has no handler, so no event is kept."),
    Declared("W021", "Deploy: the directory of the security log does not exist."),
    Declared("W022", "Deploy: the security log cannot be written."),
    Declared("W023", "Deploy: the security log lies where the web server serves files from."),
    Declared("W024", "Deploy: a rotating handler of the standard library loses lines with several processes."),
    Declared("W025", "Deploy: requests bring forwarding headers, but no proxy is trusted."),
    Declared("W101", "MIDDLEWARE lacks SecurityLoggingMiddleware: some events will be missing."),
    Declared("W102", "SecurityLoggingMiddleware stands after a middleware that it should watch."),
    Declared("W103", "An entry of SECURITY_LOGGING_BAIT_PATHS_REMOVE is not in the shipped list."),
    Declared("W104", "SECURITY_LOGGING_FLOOD_LINES or _FLOOD_ADDRESS_LINES leaves Fail2ban too few lines."),
    Declared("W201", "SECURITY_LOGGING_EVENTS switches off what Fail2ban counts."),
    Declared("W202", "The integration with an installed package could not be connected."),
    Declared("W301", "LOGGING silences every logger that exists by the time it is read."),
    Declared("W302", "A record reaches one handler twice: by its logger and by the one above."),
)


def register() -> None:
    """Register the checks with Django; those of the log's set-up run with `check --deploy`."""
    checks.register(check_settings, checks.Tags.security)
    checks.register(check_logging, checks.Tags.security)
    checks.register(check_log, checks.Tags.security, deploy=True)


def check_settings(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check every setting of the package, and look for settings that do not exist."""
    return [
        *_messages(Settings.TRUSTED_PROXIES.name, _trusted_proxies(), "E001", "W001"),
        *_messages(Settings.TRUSTED_PROXIES.name, _preset_age(), "E001", "W002"),
        *_messages(Settings.CLIENT_IP_HEADER.name, addresses.header_problems(conf.CLIENT_IP_HEADER), "E002"),
        *_messages(Settings.CLIENT_IP_RESOLVER.name, addresses.resolver_problems(conf.CLIENT_IP_RESOLVER), "E003"),
        *_messages(Settings.BANNABLE_NETWORKS.name, _bannable_networks(), "E004", "W003"),
        *_messages(Settings.PROXY_RANGES_FILE.name, addresses.ranges_file_problems(conf.PROXY_RANGES_FILE), "E005"),
        *_messages(Settings.LOGGER_NAME.name, _logger_name(), "E006"),
        *_messages(Settings.EVENTS.name, events.switch_problems(conf.EVENTS), "E201", "W201"),
        *(message for finding in user_names.findings() for message in _messages(*finding)),
        *_messages(Settings.SURFACE_NAMESPACES.name, list(_surface_namespaces()), "E007"),
        *(message for finding in requests.findings() for message in _messages(*finding)),
        *_integrations(),
        *_unknown_settings(),
    ]


def check_logging(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check the LOGGING setting for mistakes that Python does not tell."""
    found = logging_setting.findings(settings.LOGGING, getattr(settings, "SETTINGS_MODULE", None))
    return [_message(finding) for finding in found]


def _integrations() -> Iterator[checks.CheckMessage]:
    for app, module in integrations.failed.items():
        message = f"The integration with {app!r} could not be connected, so its events are missing from the log."
        hint = f"The logger security_logging.internal says why, as 'integration {module}'; docs/integrations.md says "
        yield checks.Warning(message, hint=f"{hint}which versions are tested.", id=_id("W202"))


def check_log(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Check where the security logger writes to."""
    return [_message(finding) for finding in log_file.findings()]


def _message(finding: log_file.Finding) -> checks.CheckMessage:
    kind: Callable[..., checks.CheckMessage] = checks.Error if finding.id.startswith("E") else checks.Warning
    return kind(finding.message, hint=finding.hint, id=_id(finding.id))


def _trusted_proxies() -> list[Problem]:
    return addresses.trusted_proxy_problems(conf.TRUSTED_PROXIES)


def _bannable_networks() -> list[Problem]:
    return addresses.bannable_network_problems(conf.BANNABLE_NETWORKS)


def _preset_age() -> list[Problem]:
    if not isinstance(conf.TRUSTED_PROXIES, list | tuple):
        return []
    today = datetime.now(timezone.utc).date()
    return addresses.preset_age_problems(conf.TRUSTED_PROXIES, today, conf.PROXY_RANGES_FILE)


def _logger_name() -> list[Problem]:
    name: object = conf.LOGGER_NAME
    if isinstance(name, str) and name and not name.startswith(".") and not name.endswith("."):
        return []
    return [Problem("is not the name of a logger", repr(name), 'Write e.g. "security".')]


def _surface_namespaces() -> Iterator[Problem]:
    mapping: object = conf.SURFACE_NAMESPACES
    if not isinstance(mapping, Mapping):
        yield Problem("is not a mapping", repr(mapping), 'Write e.g. {"api-1.0.0": "api"}.')
        return
    for namespace, surface in mapping.items():
        if surface not in (SITE, ADMIN, API):
            hint = f'Write "{SITE}", "{ADMIN}" or "{API}".'
            yield Problem(f"maps {namespace!r} to what is not a surface", repr(surface), hint)


def _unknown_settings() -> Iterator[checks.CheckMessage]:
    known = declared()
    for name in sorted(name for name in dir(settings) if name.startswith(PREFIX) and name not in known):
        # Without the prefix, which makes all names alike.
        close = get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
        hint = f"Did you mean {PREFIX}{close[0]}?" if close else f"The settings are: {', '.join(known)}."
        yield checks.Error(f"{name} is not a setting of django-security-logging.", hint=hint, id=_id("E008"))


def _messages(name: str, problems: list[Problem], error: str, warning: str = "") -> Iterator[checks.CheckMessage]:
    for problem in problems:
        where = name if problem.index is None else f"{name}[{problem.index}]"
        kind: Callable[..., checks.CheckMessage] = checks.Error if problem.is_error else checks.Warning
        identifier = _id(error if problem.is_error else warning)
        yield kind(f"{where} {problem.message}: {problem.value}.", hint=problem.hint, id=identifier)


def _id(number: str) -> str:
    return f"security_logging.{number}"
