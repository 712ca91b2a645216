"""What tests of a whole site have at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attacked_site import logging_to


@pytest.fixture
def log(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the security log of the test server, whose visitors may be banned."""
    monkeypatch.chdir(tmp_path)  # without MEDIA_ROOT the test server serves the directory that it runs in
    settings.ALLOWED_HOSTS = ["shop.example", "127.0.0.1"]
    settings.SECURITY_LOGGING_CLIENT_IP_RESOLVER = "attacked_site.visitor"
    with logging_to(tmp_path / "security.log") as path:
        yield path
