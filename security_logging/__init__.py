"""Security events of a Django site, in one line that Fail2ban, CloudWatch and humans can trust."""

__version__ = "0.1.0.dev0"
