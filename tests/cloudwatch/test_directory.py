from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from django.test import override_settings

from security_logging.cloudwatch import directory as directories


def test_new_directory(tmp_path: Path) -> None:
    """The directory is made for its owner alone."""
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(tmp_path / "a" / "b")):
        assert stat.S_IMODE(directories.directory().stat().st_mode) == 0o700


def test_default_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the directory is one of this user, below that for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert directories.location() == tmp_path / f"django-security-logging-{os.geteuid()}"


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_directory_of_somebody_else(tmp_path: Path, trap: str) -> None:
    """A directory that another user may have prepared is not trusted."""
    path = tmp_path / "trap"
    if trap == "link":
        path.symlink_to(tmp_path)
    elif trap == "open":
        path.mkdir()
        path.chmod(0o777)
    else:
        path.write_text("")
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(path)), pytest.raises(OSError, match="trap"):
        directories.directory()
