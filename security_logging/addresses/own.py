"""The addresses that a ban would hurt most: that of the user at the terminal, and this machine's public ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from security_logging.addresses.parsing import Address, is_bannable, network_set, parse_address

_PARENTS = 12  # processes between a command and its SSH session: sudo, a shell, a multiplexer
_NONE = network_set(())


def own_addresses() -> list[Address]:
    """Return the SSH client's address, if there is one, and this machine's public addresses."""
    client = ssh_client()
    return list(dict.fromkeys([*([client] if client else []), *public_addresses()]))


def ssh_client() -> Address | None:
    """
    Return the address from which the person at the terminal has logged in, None where that is not known.

    sudo drops the variable that says it, so the environments of the processes above are read too. Each user writes
    their own environment: ask before you rely on it.
    """
    for environment in _environments():
        if words := environment.get("SSH_CONNECTION", environment.get("SSH_CLIENT", "")).split():
            return parse_address(words[0])
    return None


def public_addresses() -> list[Address]:
    """Return the addresses of this machine's interfaces that the Internet can reach; none where nothing says them."""
    try:
        done = subprocess.run(["/bin/hostname", "-I"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    found = [address for word in done.stdout.split() if (address := parse_address(word))]
    return [address for address in found if is_bannable(address, _NONE, _NONE)]


def _environments() -> Iterator[dict[str, str]]:
    yield dict(os.environ)
    process = os.getppid()
    for _ in range(_PARENTS):
        try:
            text = Path(f"/proc/{process}/environ").read_bytes().decode("utf-8", "replace")
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        yield dict(pair.partition("=")[::2] for pair in text.split("\0"))
