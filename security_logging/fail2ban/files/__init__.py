"""The files that belong into Fail2ban's configuration directory."""
