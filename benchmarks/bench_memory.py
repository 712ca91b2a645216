"""What importing and connecting adds to a Django process: memory and threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from benchmarks.table import Table, spread

ROUNDS = 7
PROGRAM = """
import sys, threading
from django.conf import settings
apps = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages"]
options = {}
if sys.argv[1] == "ours":
    from security_logging.logging_config import build_logging
    apps.append("security_logging")
    options = {"LOGGING": build_logging("file", "json", directory="/tmp")}
settings.configure(INSTALLED_APPS=apps, SECRET_KEY="x", ROOT_URLCONF="django.contrib.auth.urls",
                   DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, **options)
import django
django.setup()
from django.core.wsgi import get_wsgi_application
get_wsgi_application()
import django.contrib.auth.urls
if sys.argv[1] == "ours":
    import security_logging.middleware
with open("/proc/self/status") as file:
    print(next(line.split()[1] for line in file if line.startswith("VmRSS")), threading.active_count())
"""


def tables() -> Iterator[Table]:
    """Measure and yield the table."""
    measured: dict[str, list[list[int]]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        for variant, collected in measured.items():
            output = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PROGRAM, variant], capture_output=True, text=True, check=True
            ).stdout
            collected.append([int(word) for word in output.split()])
    added = [(ours[0] - bare[0]) / 1024 for ours, bare in zip(measured["ours"], measured["bare"], strict=True)]
    threads = max(ours[1] for ours in measured["ours"]) - 1
    row = ["importing and connecting", f"{median(added):+.1f}", spread(added, 1), f"{threads:+d}"]
    yield Table("Memory of a Django process", ["with us", "MB added", "10 % to 90 %", "threads"], [row])
