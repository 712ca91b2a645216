"""Fail2ban: render the filter and the jails, install them, and check them."""
