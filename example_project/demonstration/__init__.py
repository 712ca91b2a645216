"""The demo: a real attack on the example site, logged, found by a real Fail2ban and stopped."""
