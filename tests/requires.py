"""Say which tool a test needs: a skip with a hint on a developer's machine, a failure in CI."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def require(present: bool, hint: str) -> None:
    """
    Skip the test with `hint`, or fail it where CI=true, unless `present`.

    A test that CI skips silently is a promise that nobody keeps.
    """
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(hint, pytrace=False)
    pytest.skip(hint)


def require_program(program: str, package: str) -> None:
    """Require an executable; `package` is the one of Debian and Ubuntu that has it."""
    require(shutil.which(program) is not None, _hint(program, package))


def require_fail2ban() -> None:
    """Require the system's Fail2ban, or the one below FAIL2BAN_ROOT."""
    root = Path(os.environ.get("FAIL2BAN_ROOT", "/"))
    require((root / "usr/bin/fail2ban-client").exists(), _hint("fail2ban-client", "fail2ban"))


def require_nginx() -> None:
    """Require nginx, which Debian keeps where only root's PATH looks."""
    require(shutil.which("nginx", path=_path_of_root()) is not None, _hint("nginx", "nginx"))


def require_root() -> None:
    """Require to be root, in this user namespace at least."""
    require(os.geteuid() == 0, "needs root: run the tests with sudo")


def require_network_namespaces() -> None:
    """Require that this user may make network namespaces, as root or in a user namespace of its own."""
    require(_can_unshare(), "network namespaces are not allowed here: run the tests with sudo")


@functools.cache
def _can_unshare() -> bool:
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*command, "true"], check=False, capture_output=True, timeout=10).returncode == 0


def _path_of_root() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _hint(program: str, package: str) -> str:
    return f"{program} is missing: run `make test-packages`, or install your system's package like Debian's {package}"
