"""What the environment asks for, for the site and for the server in front of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def configured(build: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return LOGGING from `build`, with the test's own socket in the place of journald's."""
    config = build(*os.environ["TEST_PROFILES"].split(","), **json.loads(os.environ["TEST_OPTIONS"]))
    if "security_journald" in config["handlers"]:
        config["handlers"]["security_journald"]["path"] = os.environ["TEST_JOURNAL"]
    return config
