"""Read the site's configuration from environment variables, each with a safe default."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def text(name: str, default: str) -> str:
    """Return HARBOUR_<name>, or the default when it is unset or empty."""
    return os.environ.get(f"HARBOUR_{name}") or default


def flag(name: str, *, default: bool) -> bool:
    """Return HARBOUR_<name> as a switch: "1", "on", "true" and "yes" are on, any other text is off."""
    written = text(name, "on" if default else "off")
    return written.lower() in {"1", "on", "true", "yes"}


def words(name: str, default: str) -> list[str]:
    """Return HARBOUR_<name> split at commas, without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def secret_from(path: Path) -> str:
    """
    Return the secret kept in the file, which is made (mode 0600) when it does not exist.

    Every worker must read the same secret, or a session of one would be unknown to the other.
    """
    if not path.exists():
        _create_secret(path)
    return path.read_text(encoding="ascii")


def _create_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)  # unlike a rename, it leaves the secret of a faster worker in place
    except FileExistsError:
        pass
    finally:
        draft.unlink()
