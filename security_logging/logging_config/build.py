"""Ready-made logging configurations: one call in settings.py returns Django's whole LOGGING."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from security_logging.formatters.text import TEXT_FORMATS
from security_logging.handlers.syslog import parse_address
from security_logging.logging_config import profiles as catalogue
from security_logging.logging_config import streams as groups
from security_logging.logging_config.profiles import ALIASES, PROFILES, Plan

DEFAULT_DIRECTORY = "/var/log/django"
PROFILE_VARIABLE, PATH_VARIABLE = "SECURITY_LOGGING_PROFILE", "LOG_FILE_PATH"
# Environment variables, and the arguments of build_logging that they set.
VARIABLES = {
    "SECURITY_LOGGING_SITE": "site",
    "SECURITY_LOGGING_ENVIRONMENT": "env",
    "SECURITY_LOGGING_LEVEL": "level",
    "SECURITY_LOGGING_STREAMS": "streams",
    "SECURITY_LOGGING_SYSLOG": "syslog",
    "SECURITY_LOGGING_TEXT": "text",
}


def build_logging(  # noqa: PLR0913 (each argument is an independent choice with a default)
    *profiles: str,
    directory: str | os.PathLike[str] = DEFAULT_DIRECTORY,
    site: str = "",
    env: str = "",
    logger_name: str = "security",
    level: str = "INFO",
    base: Mapping[str, Any] | None = None,
    streams: str | Mapping[str, Sequence[str]] | None = None,
    text: str = "verbose",
    syslog: str = "/dev/log",
    rotate_bytes: int = 0,
    rotate_files: int = 10,
    health_paths: Sequence[str] = groups.HEALTH_PATHS,
    rate_limit: int = 0,
    tenant: str | Callable[[], object] | None = None,
) -> dict[str, Any]:
    """
    Return a LOGGING dictionary that writes to each of the profiles; it opens and creates nothing.

    `profiles` are names of destinations; docs/logging.md describes them. Files are written to `directory`, and `site`
    and `env` are written with each record. `syslog` is the address of the log server, e.g.
    `tls://logs.example.com?facility=local0`.

    `streams` chooses which loggers share a file: the name of a preset, or a mapping such as
    `{"payments": ["shop.payments"]}`. Without `base` you get the whole of LOGGING in three streams: security, django
    (requests and servers) and application (everything else). `base` is a LOGGING dictionary of your own. It is copied,
    and it keeps its handlers and loggers. By default only the security logger is added to it; if `base` configures a
    logger that we configure too, our handlers are added to that logger.

    `logger_name` must equal SECURITY_LOGGING_LOGGER_NAME. `text` is the format of all text files but the security log.
    `rotate_bytes` rotates the files at that size, for sites without logrotate, but not on Windows.
    `health_paths` are paths whose successful requests are left out of access logs. `rate_limit` is how many similar
    records of other loggers are kept in a minute; 0 keeps all. `tenant` is a function without arguments, or its dotted
    path, that returns the current tenant.

    Raises ValueError, and lists the choices, if there is no profile, or if a profile, a preset, a format or the syslog
    address is not valid.
    """
    _check(profiles, text, syslog)
    plan = Plan(
        profiles=tuple(dict.fromkeys(ALIASES.get(profile, profile) for profile in profiles)),
        streams=groups.resolve(streams, logger_name, is_whole=base is None),
        directory=Path(directory),
        site=site,
        env=env,
        text=text,
        syslog=syslog,
        rotate_bytes=rotate_bytes,
        rotate_files=rotate_files,
        health_paths=health_paths,
        rate_limit=rate_limit,
        tenant=tenant,
    )
    return _assembled(plan, level, base)


def build_logging_from_environment(environment: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """
    Return LOGGING from environment variables, for a site that is configured the twelve-factor way.

    SECURITY_LOGGING_PROFILE lists profiles, e.g. `console,json`. Its default is `file` if LOG_FILE_PATH is set, else
    `console`. LOG_FILE_PATH is the directory of the files, or the path of the security log if it has a suffix.
    SECURITY_LOGGING_SITE, _ENVIRONMENT, _LEVEL, _STREAMS, _SYSLOG and _TEXT set arguments of `build_logging`.
    `options` are further arguments of `build_logging`; a variable overrides them. Raises ValueError as `build_logging`
    does, and names the variables.
    """
    variables = os.environ if environment is None else environment
    given = {name: variables[variable] for variable, name in VARIABLES.items() if variables.get(variable)}
    path = Path(variables.get(PATH_VARIABLE) or options.pop("directory", DEFAULT_DIRECTORY))
    default = "file" if variables.get(PATH_VARIABLE) else "console"
    wanted = [name.strip() for name in (variables.get(PROFILE_VARIABLE) or default).split(",") if name.strip()]
    directory = path.parent if path.suffix else path
    try:
        config = build_logging(*wanted, directory=directory, **{**options, **given})
    except ValueError as error:
        names = ", ".join((PROFILE_VARIABLE, *VARIABLES))
        raise ValueError(f"{error} It comes from one of the environment variables {names}.") from error
    security_log = catalogue.handler_name("file")
    if path.suffix and security_log in config["handlers"]:
        config["handlers"][security_log]["filename"] = str(path)
    return config


def _check(profiles: tuple[str, ...], text: str, syslog: str) -> None:
    known = (*PROFILES, *ALIASES)
    unknown = [name for name in profiles if name not in known]
    if unknown or not profiles:
        wrong = repr(unknown[0]) if unknown else "no profile"
        raise ValueError(f"build_logging: {wrong} given; choose from {', '.join(map(repr, known))}.")
    if text not in TEXT_FORMATS:
        raise ValueError(f"build_logging: text={text!r}; choose from {', '.join(map(repr, TEXT_FORMATS))}.")
    parse_address(syslog)


def _assembled(plan: Plan, level: str, base: Mapping[str, Any] | None) -> dict[str, Any]:
    config = _copy(base or {})
    config.setdefault("version", 1)
    config.setdefault("disable_existing_loggers", False)
    parts = catalogue.build(plan)
    for name in ("formatters", "filters", "handlers"):
        config.setdefault(name, {}).update(getattr(parts, name))
    for stream, prefixes in plan.streams.items():
        for prefix in prefixes:
            _add_logger(config, prefix, parts.of_stream[stream], level)
    if base is None and "django" in config["loggers"]:
        _add_mail(config)
    for name in groups.NOISY if base is None else ():
        config["loggers"].setdefault(name, {"level": "CRITICAL"})
    return config


def _add_logger(config: dict[str, Any], name: str, handlers: list[str], level: str) -> None:
    loggers = config.setdefault("loggers", {})
    if name == "":
        logger = config.setdefault("root", {"level": level})
    else:
        quiet = name in groups.NOISY
        logger = loggers.setdefault(name, {"level": "WARNING" if quiet else level, "propagate": False})
    # Each handler once: Fail2ban would count a line twice that is written twice.
    names = dict.fromkeys([*logger.get("handlers", []), *handlers])
    logger["handlers"] = sorted(names, key=lambda name: _turn(config["handlers"].get(name, {})))


def _turn(handler: Mapping[str, Any]) -> int:
    """Return when a handler gets a record: our files first, whatever may be slow or fail after them; consoles last."""
    return {catalogue.FILE_HANDLER: 0, catalogue.STREAM_HANDLER: 2}.get(handler.get("class", ""), 1)


def _add_mail(config: dict[str, Any]) -> None:
    """Keep Django's own mail to ADMINS about errors in requests, since our logger `django` replaces Django's."""
    config["filters"]["require_debug_false"] = {"()": "django.utils.log.RequireDebugFalse"}
    config["handlers"]["mail_admins"] = {
        "class": "django.utils.log.AdminEmailHandler",
        "level": "ERROR",
        "filters": ["require_debug_false"],
    }
    config["loggers"]["django"]["handlers"].append("mail_admins")


def _copy(base: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the mappings and lists of a configuration; other objects in it, such as classes, are not copied."""
    return {key: _copied(value) for key, value in base.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copy(value)
    return list(value) if isinstance(value, list | tuple) else value
