"""One thing that is wrong with a setting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """
    One thing that is wrong with a setting.

    `message` continues the setting's name ("is not a network"), `value` is the wrong value as repr, `hint` says what
    to write instead. `index` is the place in a list, None when the setting as a whole is meant.
    """

    message: str
    value: str
    hint: str
    index: int | None = None
    is_error: bool = True  # False: a warning
