"""
Run the tests of Django and of django-axes with our app and middleware installed, and compare with a run without.

    python scripts/run_suites_with_us.py                    auth_tests and admin_views of Django, axes
    python scripts/run_suites_with_us.py csrf_tests asgi    other tests of Django

The tests come from source distributions, unmodified: Django's of the version that is installed. Each is downloaded
once into build/. Exits with 1 when a test fails with us that passes without us.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "build" / "suites"
AXES = "8.3.1"
SUITES = ("auth_tests", "admin_views", "axes")
SECONDS = 1800

# runtests.py puts its settings together just before it calls django.setup().
_DJANGO_WITH_US = """
import runpy, sys
import django
from django.conf import settings

def setup(*arguments, real=django.setup, **options):
    if "security_logging" not in settings.INSTALLED_APPS:
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "security_logging"]
        settings.MIDDLEWARE = ["security_logging.middleware.SecurityLoggingMiddleware", *settings.MIDDLEWARE]
    real(*arguments, **options)

django.setup = setup
sys.path.insert(0, ".")
runpy.run_path("runtests.py", run_name="__main__")
"""
_AXES_WITH_US = """
from tests.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "security_logging"]
MIDDLEWARE = ["security_logging.middleware.SecurityLoggingMiddleware", *MIDDLEWARE]
"""
_FAILED = re.compile(r"^(?:FAIL|FAILED|ERROR|UNEXPECTED SUCCESS):? (\S.*)$", re.MULTILINE)
_RAN = re.compile(r"^(?:Ran (\d+) tests? in [\d.]+s|.*?(\d+) passed.* in [\d.]+s.*)$", re.MULTILINE)


def sources(name: str, version: str) -> Path:
    """Return the unpacked source distribution; download it the first time."""
    unpacked = SOURCES / f"{name}-{version}"
    if not unpacked.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        wanted = [f"{name}=={version}", "--no-deps", "--no-binary", ":all:", "--dest", str(SOURCES)]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *wanted], check=True)
        with tarfile.open(SOURCES / f"{name}-{version}.tar.gz") as archive:
            archive.extractall(SOURCES, filter="data")
    return unpacked


def run_django(suite: str, *, with_us: bool) -> str:
    """Run one of Django's suites; return what its runner says."""
    program = ["-c", _DJANGO_WITH_US] if with_us else ["runtests.py"]
    return _output([*program, suite, "--noinput"], sources("django", django.__version__) / "tests")


def run_axes(*, with_us: bool) -> str:
    """Run the tests of django-axes; return what pytest says."""
    directory = sources("django_axes", AXES)
    (SOURCES / "axes_with_us.py").write_text(_AXES_WITH_US, encoding="utf-8")
    settings = "axes_with_us" if with_us else "tests.settings"
    options = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:randomly", f"--ds={settings}"]
    return _output(["-m", "pytest", *options, "tests"], directory, str(SOURCES), str(directory))


def main(suites: list[str]) -> int:
    """Run the suites twice each and print the comparison; return the exit status."""
    status = 0
    for suite in suites or SUITES:
        without, with_us = (
            run_axes(with_us=ours) if suite == "axes" else run_django(suite, with_us=ours) for ours in (False, True)
        )
        print(f"{suite}: without us {_summary(without)}; with us {_summary(with_us)}", flush=True)
        for name in sorted(_failed(with_us) - _failed(without)):
            print(f"  fails only with us: {name}")
            status = 1
    return status


def _output(arguments: list[str], directory: Path, *paths: str) -> str:
    search = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": search}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if _RAN.search(done.stdout + done.stderr) is None:
        raise SystemExit(f"{' '.join(arguments[-2:])} did not run:\n{done.stdout[-4000:]}{done.stderr[:4000]}")
    return done.stdout + done.stderr


def _failed(output: str) -> set[str]:
    return set(_FAILED.findall(output))


def _summary(output: str) -> str:
    ran = _RAN.search(output)
    count = 0 if ran is None else int(ran[1] or ran[2])
    return f"{count} tests, {len(_failed(output))} failed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
