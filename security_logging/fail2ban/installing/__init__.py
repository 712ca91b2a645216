"""Install the files for Fail2ban, and take them back if anything fails."""
