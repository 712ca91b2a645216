"""Harbour: a small Django site that is logged and protected by django-security-logging."""
