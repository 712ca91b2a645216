"""Render the Fail2ban filter and jails from the event types, so that they always fit the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from security_logging.events.line import IDENT
from security_logging.events.type_registry import MODES, counted
from security_logging.fail2ban.configuration import DEFAULT_IGNORED

DEFAULT_LOG = "/var/log/django/security.log"


@dataclass(frozen=True)
class JailOptions:
    """
    The options of the jails.

    `log` is the path of the security log, `logtype` its form (file, short, journal, docker, json), and `key` what is
    banned (ip, or net: the /64 of an IPv6 address). `trusted_proxies` are addresses and networks that are never banned.
    `ignored` is the value of `[DEFAULT] ignoreip`. It is written out, because Fail2ban does not start if a jail refers
    to it and it is not set, as on a fresh Debian. `action` is the whole action line, or empty for the server's default
    action. The jails are off unless `enabled`, so that a missing log cannot keep Fail2ban from starting.
    `locked` switches on django-locked too, which can ban the victim of a lock-out.
    """

    log: str = DEFAULT_LOG
    logtype: str = "file"
    key: str = "ip"
    trusted_proxies: Sequence[str] = ()
    ignored: str = DEFAULT_IGNORED
    action: str = ""
    enabled: bool = False
    locked: bool = False


def render_filter() -> str:
    """Return the filter with the events that each mode counts, event types of the project included."""
    counted_lines = "\n".join(f"_counted-{mode} = {'|'.join(_words(mode))}" for mode in MODES)
    surface_lines = "\n".join(f"_surface-{mode} = {surface or 'any'}" for mode, (_, surface) in MODES.items())
    return filled("filter.conf", counted=counted_lines, surface=surface_lines, ident=IDENT)


def render_jails(options: JailOptions | None = None) -> str:
    """Return the four jails; without options, the shipped ones."""
    chosen = options or JailOptions()
    extra = [f"ignoreip = {' '.join([chosen.ignored, *chosen.trusted_proxies])}"] if chosen.trusted_proxies else []
    extra += [f"action = {chosen.action}"] if chosen.action else []
    # With the journal, a logpath would keep the jail from starting.
    source = "backend = systemd" if chosen.logtype == "journal" else f"backend = auto\nlogpath = {chosen.log}"
    return filled(
        "jail.conf",
        enabled=str(chosen.enabled).lower(),
        locked=str(chosen.enabled and chosen.locked).lower(),
        parameters=_parameters(chosen),
        source=source,
        extra="".join(f"{line}\n" for line in extra),
    )


def _words(mode: str) -> list[str]:
    return [event_type.name for event_type in counted(mode)]


def _parameters(options: JailOptions) -> str:
    chosen = {"key": options.key, "logtype": options.logtype}
    shipped = JailOptions()
    return "".join(f", {name}={value}" for name, value in chosen.items() if value != getattr(shipped, name))


def filled(name: str, **values: str) -> str:
    """Return the template with each @{name} replaced; $, % and { alone have a meaning in a filter."""
    text = (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"@{{{placeholder}}}", value)
    return text.rstrip() + "\n"
