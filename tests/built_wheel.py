"""The wheel that make or tox built, and building one where none was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
# What make or tox built and installed; a developer who calls pytest directly tests the working tree.
INSTALLED_WHEEL = os.environ.get("SECURITY_LOGGING_WHEEL") or os.environ.get("TOX_PACKAGE")


def build(target: str, directory: Path) -> Path:
    """Build the wheel or sdist into the empty directory; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(directory)]
    subprocess.run(command, cwd=PROJECT, check=True, timeout=120)
    (built,) = directory.iterdir()
    return built
