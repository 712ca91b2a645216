"""Fail2ban: the filter and the jails, rendered from the vocabulary."""
