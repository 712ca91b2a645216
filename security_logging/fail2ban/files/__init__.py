"""Render the files for Fail2ban's configuration directory."""
