"""The matrix of Fail2ban's versions on machines that lack something: it says so, and fails only where it must."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "test_fail2ban_matrix.sh"
BASH = shutil.which("bash") or "bash"
# A machine on which everything works but debootstrap.
MACHINE = {"id": "echo 0", "unshare": "exit 0", "wget": "exit 0", "apt-config": "exit 0", "debootstrap": "exit 1"}
SKIPPED = [
    pytest.param({"id": "echo 1000"}, "need root, for chroot", id="no root rights"),
    pytest.param({"unshare": "exit 1"}, "no mounts here", id="no mounts"),
    pytest.param({"wget": "exit 4"}, "http://mirror.test/debian/dists/sid is out of reach", id="no mirror"),
]


def run_matrix(directory: Path, ci: str, programs: dict[str, str], *suites: str) -> tuple[int, str]:
    """Run the matrix with these programs before the system's; return its exit status and what it said."""
    for name, body in {**MACHINE, **programs}.items():
        path = directory / name
        path.write_text(f"#!{BASH}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    mirrors = {"DEBIAN_MIRROR": "http://mirror.test/debian", "UBUNTU_MIRROR": "http://mirror.test/ubuntu"}
    environment = {"PATH": f"{directory}:/usr/sbin:{os.environ['PATH']}", "ROOTS": str(directory / "roots"), "CI": ci}
    done = subprocess.run(
        [BASH, str(SCRIPT), "pytest", *(suites or ["sid"])],
        env={**os.environ, **environment, **mirrors},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("programs", "why"), SKIPPED)
def test_what_cannot_be_is_skipped_in_ci(tmp_path: Path, programs: dict[str, str], why: str) -> None:
    """Where the machine cannot make a root CI goes on, and is told why."""
    status, said = run_matrix(tmp_path, "true", programs)
    assert (status, why in said) == (0, True), said


@pytest.mark.parametrize(("programs", "why"), SKIPPED)
def test_nothing_run_is_no_success(tmp_path: Path, programs: dict[str, str], why: str) -> None:
    """Who asked for the matrix and got nothing is told why, and it is no success."""
    status, said = run_matrix(tmp_path, "", programs)
    assert (status, why in said) == (1, True), said


def test_root_that_could_be_made_fails_ci(tmp_path: Path) -> None:
    """A root that debootstrap could have made and did not is a failure in CI, with the log's name."""
    status, said = run_matrix(tmp_path, "true", {})
    assert (status, f"FAILED   debootstrap failed, see {tmp_path}/roots/sid.log" in said) == (1, True), said


def test_unproven_mirror(tmp_path: Path) -> None:
    """Packages of Ubuntu are only taken with its keys or from a server that proves who it is."""
    if Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg").exists():
        pytest.skip("this machine has Ubuntu's keys")
    status, said = run_matrix(tmp_path, "true", {}, "jammy")
    assert (status, "proves nothing" in said, "with https" in said) == (0, True, True), said


@pytest.mark.parametrize(("broken", "expected"), [("sid", 1), ("none", 0)])
def test_each_suite_has_its_result(tmp_path: Path, broken: str, expected: int) -> None:
    """One failed version is a failed matrix, whatever the others do."""
    for suite in ("sid", "trixie"):
        client = tmp_path / "roots" / suite / "usr/bin/fail2ban-client"
        client.parent.mkdir(parents=True)
        client.touch(mode=0o755)
    unshare = f'case "$*" in *roots/{broken}*) exit 1 ;; esac; echo "= 7 passed in 1.0s ="'
    programs = {"chroot": "echo Fail2Ban v9.9", "unshare": unshare}
    status, said = run_matrix(tmp_path, "true", programs, "sid", "trixie")
    assert (status, "trixie     passed   Fail2Ban v9.9" in said, "FAILED" in said) == (expected, True, bool(expected))
