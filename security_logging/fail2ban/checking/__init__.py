"""What is wrong with an installation of Fail2ban."""
