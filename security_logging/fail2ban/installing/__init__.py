"""Putting the files where Fail2ban reads them, and taking them back."""
