"""The addresses that a ban would hurt most."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from security_logging.addresses.own import own_addresses, public_addresses

CODE = "from security_logging.addresses.own import ssh_client; print(ssh_client())"


def said_by(*words: str, **environment: str) -> str:
    """Return what a program says that runs in this environment."""
    variables = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(words, env=variables, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"SSH_CONNECTION": "203.0.113.7 50000 10.0.0.9 22"}, "203.0.113.7"),
        ({"SSH_CONNECTION": "2001:db8::7 50000 2001:db8::1 22"}, "2001:db8::7"),
        ({"SSH_CLIENT": "203.0.113.7 50000 22"}, "203.0.113.7"),
        ({"SSH_CONNECTION": "UNKNOWN 65535 UNKNOWN 65535"}, "None"),
    ],
)
def test_ssh_client(environment: dict[str, str], address: str) -> None:
    """What sshd says of its client is found."""
    assert said_by(sys.executable, "-c", CODE, **environment) == address


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux")
def test_ssh_client_of_a_parent() -> None:
    """It is found too where a program between has dropped the variable, as sudo does."""
    inner = f"{sys.executable} -c '{CODE}'; true"
    words = ("sh", "-c", f"env -i {inner}", "sh")
    assert said_by(*words, SSH_CONNECTION="203.0.113.7 50000 10.0.0.9 22") == "203.0.113.7"


def test_public_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this machine's addresses those count that the Internet can reach."""
    said = "10.0.0.9 203.0.113.9 172.17.0.1 2001:db8::9 fe80::1 fd00::1 x \n"
    done = subprocess.CompletedProcess((), 0, said, "")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: done)
    assert list(map(str, public_addresses())) == ["203.0.113.9", "2001:db8::9"]


def test_nothing_says_the_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program there are none."""

    def missing(*words: object, **options: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert public_addresses() == []


def test_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who works on the machine itself has one of its addresses; it is named once."""
    done = subprocess.CompletedProcess((), 0, "203.0.113.9", "")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: done)
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 1 203.0.113.9 22")
    assert list(map(str, own_addresses())) == ["203.0.113.9"]
