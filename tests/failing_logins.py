"""
A process of a site that counts failed logins, driven by lines on its standard input.

    start                   begin as a server's process does with its first request
    fail NAME ADDRESS       log a failed login
    login NAME ADDRESS      print how many failures there were before this login
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django
from django.conf import settings
from django.test import RequestFactory


def _configure() -> None:
    configuration: dict[str, Any] = json.loads(os.environ["FAILING_LOGINS"])
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "security_logging"],
        SECURITY_LOGGING_PRIOR_FAILURES_WINDOW=600,
        **configuration,
    )
    django.setup()


def main() -> None:
    """Do what each line says."""
    _configure()
    from security_logging.events.types import LOGIN_FAILED
    from security_logging.watchers import prior_failures

    for line in sys.stdin:
        command, *words = line.split()
        if command == "start":
            prior_failures.sharing.start()
            print("started", flush=True)
            continue
        name, address = words
        request = RequestFactory().post("/", REMOTE_ADDR=address)
        if command == "fail":
            prior_failures.log_failure(LOGIN_FAILED, request, reason="bad_credentials", user=name)
            print("failed", flush=True)
        else:
            print(prior_failures.before_login(name, request), flush=True)


if __name__ == "__main__":
    main()
