"""What is wrong with names: of the logger, of namespaces and surfaces, and of settings that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from django.conf import settings

from security_logging.checks.problem import Problem, error
from security_logging.conf import PREFIX, Settings, conf, declared
from security_logging.request.surface import ADMIN, API, SITE


def problems() -> Iterator[Problem]:
    """Check the settings of this module, and look for settings that do not exist."""
    yield from _logger_name_problems(conf.LOGGER_NAME)
    yield from _surface_problems(conf.SURFACE_NAMESPACES)
    yield from _unknown_settings()


def _logger_name_problems(name: object) -> Iterator[Problem]:
    if not isinstance(name, str) or not name or name.startswith(".") or name.endswith("."):
        message = f"{Settings.LOGGER_NAME.name} is not the name of a logger: {name!r}."
        yield error("E006", message, 'Write e.g. "security".')


def _surface_problems(mapping: object) -> Iterator[Problem]:
    setting = Settings.SURFACE_NAMESPACES.name
    if not isinstance(mapping, Mapping):
        yield error("E007", f"{setting} is not a mapping: {mapping!r}.", 'Write e.g. {"api-1.0.0": "api"}.')
        return
    for namespace, surface in mapping.items():
        if surface not in (SITE, ADMIN, API):
            message = f"{setting}[{namespace!r}] is not a surface: {surface!r}."
            yield error("E007", message, f'Write "{SITE}", "{ADMIN}" or "{API}".')


def _unknown_settings() -> Iterator[Problem]:
    known = declared()
    for name in sorted(name for name in dir(settings) if name.startswith(PREFIX) and name not in known):
        # Compared without the prefix, which makes all names similar.
        close = get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
        fix = f"Did you mean {PREFIX}{close[0]}?" if close else f"The settings are: {', '.join(known)}."
        yield error("E008", f"{name} is not a setting of django-security-logging.", fix)
