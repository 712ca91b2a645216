"""What the checks and the installation need to know about the Django site, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from security_logging.addresses.parsing import Network


@dataclass(frozen=True)
class Site:
    """
    A site: the logs that its handlers write, by path, with the logtype in which the filter reads each (file or json).

    `proxies` are the networks that it trusts. `settings_file` is its settings module, None when it has no file;
    `middleware` says whether MIDDLEWARE holds ours, `has_logging` whether LOGGING is set, `knows_clients` whether the
    site says whose word about a client's address it takes. `is_proxy_here`: the proxy in front is on this machine, so
    that its firewall sees the clients, whatever address the proxy has for the site (a container's gateway).
    `lockouts`: how many failed logins of a user within ten minutes a package checks before it locks, by its setting.
    """

    logs: Mapping[Path, str]
    proxies: Sequence[Network] = ()
    settings_file: Path | None = None
    middleware: bool = True
    has_logging: bool = True
    knows_clients: bool = False
    is_proxy_here: bool = False
    lockouts: Mapping[str, int] = field(default_factory=dict)
