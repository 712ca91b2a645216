"""What README.md shows below a command."""

from __future__ import annotations

import re

from documented import page

PAGE = "../README.md"  # from the directory of the documentation


def output_of(command: str) -> str:
    """Return the first output that README.md shows below a command of manage.py."""
    found = re.search(rf"`python manage\.py {command}.*?^```\n(.*?)^```$", page(PAGE), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""
