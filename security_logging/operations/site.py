"""What the settings of this site mean for its Fail2ban."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings

from security_logging.addresses.proxies import trusted_networks
from security_logging.checks.middleware import MIDDLEWARE
from security_logging.conf import conf
from security_logging.fail2ban.site import Site
from security_logging.handlers.sinks import JSON, readable_files, sinks
from security_logging.operations.lockouts import lockouts


def this_site() -> Site:
    """Return the log files, the trusted proxies and the rest, as the settings say."""
    trusted = conf.TRUSTED_PROXIES if isinstance(conf.TRUSTED_PROXIES, (list, tuple)) else ()
    forms = {sink.path: sink.format for sink in sinks()}
    module = sys.modules.get(str(getattr(settings, "SETTINGS_MODULE", "")))
    file = getattr(module, "__file__", None)
    return Site(
        logs={path: "json" if forms[path] == JSON else "file" for path in readable_files()},
        proxies=trusted_networks(tuple(map(str, trusted)), conf.PROXY_RANGES_FILE),
        settings_file=Path(file) if file else None,
        middleware=MIDDLEWARE in settings.MIDDLEWARE,
        has_logging=hasattr(module, "LOGGING"),
        lockouts=lockouts(),
        knows_clients=bool(trusted) or conf.CLIENT_IP_RESOLVER is not None,
    )
