"""The receivers of signals in a room of ours, and a value that raises at every touch."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import security_logging


class Raising:
    """A value that may not be touched at all."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    __bool__ = __iter__ = __str__ = __len__ = __hash__ = __eq__ = __getattribute__  # type: ignore[assignment]  # what Python asks the type for


def receivers(room: str) -> list[Callable[..., object]]:
    """Return the functions of the room whose name says that they receive a signal."""
    found: list[Callable[..., object]] = []
    for path in sorted((Path(security_logging.__file__).parent / room).glob("*.py")):
        names = [x.name for x in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(x, ast.FunctionDef)]
        module = import_module(f"security_logging.{room}.{path.stem}")
        found.extend(getattr(module, name) for name in names if name.startswith(("on_", "_on_")))
    return found


def send_raising(receiver: Callable[..., object]) -> object:
    """Return what the receiver returns when every value that it is sent raises."""
    named = [each for each in signature(receiver).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    return receiver(**{each.name: Raising() for each in named})
