"""The files that an installation writes, from the choices and the site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from security_logging.addresses.parsing import Network, holds, readable_networks
from security_logging.fail2ban.configuration import DEFAULT_IGNORED, default_ignored, networks
from security_logging.fail2ban.files.fronts import action_for
from security_logging.fail2ban.files.record import Choices
from security_logging.fail2ban.files.render import JailOptions
from security_logging.fail2ban.files.shipped import shipped_files
from security_logging.fail2ban.site import Site


def jail_options(
    choices: Choices, proxies: Sequence[Network], *, ignored: str = DEFAULT_IGNORED, enabled: bool = True
) -> JailOptions:
    """
    Return the options of the jails; `ignored` is the `ignoreip` of all jails of this Fail2ban.

    Raises ChoiceError if the action of the front lacks a parameter.
    """
    report = str(Path(choices.log).parent.resolve() / Path(choices.log).name) if choices.report else ""
    action = action_for(choices.front, choices.parameters, report=report, logtype=choices.logtype)
    known = networks(ignored.split())
    ignore = dict.fromkeys([*proxies, *readable_networks(choices.never_banned)])
    added = [str(proxy) for proxy in ignore if not any(holds(each, proxy) for each in known)]
    return JailOptions(
        log=choices.log,
        logtype=choices.logtype,
        key=choices.key,
        trusted_proxies=added,
        ignored=ignored,
        action=action,
        enabled=enabled,
        locked=choices.locked,
    )


def wanted_files(directory: Path, site: Site, choices: Choices | None) -> dict[str, str]:
    """Return the content of each file by its path; `choices` is None for the shipped files, copied by hand."""
    if choices is None:
        return shipped_files()
    return shipped_files(jail_options(choices, site.proxies, ignored=default_ignored(directory)))
