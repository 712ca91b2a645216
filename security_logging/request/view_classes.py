"""The classes of views, compared with those of packages that may not be there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.urls import ResolverMatch


def view_class_of(match: ResolverMatch | None) -> Any | None:
    """Return the class of the view that was found, None when the view is a function."""
    function = None if match is None else match.func
    return getattr(function, "cls", None) or getattr(function, "view_class", None)


def is_of(view_class: Any, module: str, name: str) -> bool:
    """
    Tell whether the class is the module's class of that name, or derived from it.

    Imports nothing: where nobody has imported the module, no view is one of these.
    """
    base = getattr(sys.modules.get(module), name, None)
    return isinstance(base, type) and isinstance(view_class, type) and issubclass(view_class, base)
