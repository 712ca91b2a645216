"""The scripts behind `make`: what they do where the machine lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from requires import require_program

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
BASH = shutil.which("bash") or "bash"


def _run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASH, str(SCRIPTS / script), *arguments],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _program(directory: Path, name: str, body: str) -> None:
    path = directory / name
    path.write_text(f"#!{BASH}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """Return a PATH of a system without apt."""
    return str(tmp_path)


def test_packages_without_apt(bare_path: str) -> None:
    """Where there is no apt, what to install is named and the script fails."""
    run = _run("install_system_packages.sh", "fail2ban", "nginx", PATH=bare_path)
    assert (run.returncode, run.stderr.splitlines()[-1]) == (1, "Install these yourself: fail2ban nginx")


def test_optional_packages_without_apt(bare_path: str) -> None:
    """Where the packages are optional, their absence is told and does not fail."""
    run = _run("install_system_packages.sh", "--optional", "fail2ban", PATH=bare_path)
    assert (run.returncode, "Install these yourself: fail2ban" in run.stderr) == (0, True)


def test_packages_without_root(tmp_path: Path) -> None:
    """Who is not root and has no sudo is told what is missing; apt is not started."""
    _program(tmp_path, "id", "echo 1000")
    _program(tmp_path, "apt-get", f"touch {tmp_path}/started")
    run = _run("install_system_packages.sh", "fail2ban", PATH=str(tmp_path))
    assert (run.returncode, (tmp_path / "started").exists()) == (1, False)


def test_packages_that_are_there(tmp_path: Path) -> None:
    """Where everything is installed nothing is done, and nobody needs to be root for that."""
    _program(tmp_path, "dpkg-query", "printf 'ii '")
    _program(tmp_path, "apt-get", "exit 1")
    run = _run("install_system_packages.sh", "fail2ban", PATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (0, "System packages: all here.\n")


def test_pythons_are_found() -> None:
    """The Pythons found are real ones, the newest first."""
    found = _run("find_pythons.sh").stdout.splitlines()
    versions = [subprocess.run([python, "-V"], check=True, capture_output=True, timeout=30).stdout for python in found]
    minors = [int(version.split(b".")[1]) for version in versions]
    assert minors == sorted(set(minors), reverse=True)


def test_pythons_of_pyenv_are_found(tmp_path: Path) -> None:
    """A Python that only pyenv knows is found too."""
    python = tmp_path / "versions/3.99.0/bin/python3"
    python.parent.mkdir(parents=True)
    _program(python.parent, "python3", f"echo 003 099 000 {python}")
    assert _run("find_pythons.sh", PYENV_ROOT=str(tmp_path)).stdout.splitlines()[0] == str(python)


def test_broken_pythons_are_left_out(tmp_path: Path) -> None:
    """A stub in PATH that fails when it is started is not taken for a Python."""
    _program(tmp_path, "python3.16", "exit 127")
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    assert str(tmp_path) not in _run("find_pythons.sh", PATH=path).stdout


def test_make_explains_itself() -> None:
    """`make` alone prints each target with one line of help."""
    require_program("make", "make")
    run = subprocess.run(["make"], cwd=SCRIPTS.parent, check=True, capture_output=True, text=True, timeout=30)
    targets = {line.split()[1] for line in run.stdout.splitlines() if line.startswith("  make ")}
    assert targets >= {"test", "check", "test-all", "demo", "bench", "generate", "clean", "venv", "system-packages"}
