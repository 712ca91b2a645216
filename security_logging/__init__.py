"""Security events of a Django site, in one line that Fail2ban, CloudWatch and humans can trust."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
