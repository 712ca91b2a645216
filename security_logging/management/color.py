"""Whether a command writes in colour."""

from __future__ import annotations

import os
from typing import Any


def wants_color(options: dict[str, Any], *, is_terminal: bool) -> bool:
    """
    Return whether to write in colour: from Django's options, else from NO_COLOR and FORCE_COLOR, else the terminal.

    The variables are those of no-color.org and force-color.org; an empty one is ignored.
    """
    if options["no_color"] or options["force_color"]:
        return not options["no_color"]
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal
