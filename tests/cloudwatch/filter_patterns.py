"""Match JSON filter patterns of CloudWatch Logs, as far as ours go; moto lets everything match."""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(r'\s*(\(|\)|&&|\|\||>=|=|"[^"]*"|\$[A-Za-z_.]+|\d+)')


def matches(pattern: str, document: dict[str, Any]) -> bool:
    """Tell whether the document matches; raises ValueError for a pattern that is not well formed."""
    if not (pattern.startswith("{ ") and pattern.endswith(" }")):
        raise ValueError(pattern)
    tokens = _tokens(pattern[2:-2])
    result = _either(tokens, document)
    if tokens:
        raise ValueError(f"{tokens} is left of {pattern}")
    return result


def value_of(path: str, document: Any) -> Any:
    """Return what the path, e.g. $.event.action, leads to; None when it leads nowhere."""
    for key in path.split(".")[1:]:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(text[position:])
        found.append(match[1])
        position = match.end()
    return found


def _either(tokens: list[str], document: dict[str, Any]) -> bool:
    result = _both(tokens, document)
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        result = _both(tokens, document) or result
    return result


def _both(tokens: list[str], document: dict[str, Any]) -> bool:
    result = _term(tokens, document)
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        result = _term(tokens, document) and result
    return result


def _term(tokens: list[str], document: dict[str, Any]) -> bool:
    first = tokens.pop(0)
    if first == "(":
        result = _either(tokens, document)
        if tokens.pop(0) != ")":
            raise ValueError(tokens)
        return result
    operator, wanted, found = tokens.pop(0), json.loads(tokens.pop(0)), value_of(first, document)
    if operator == ">=":
        return isinstance(found, int) and bool(found >= wanted)
    return bool(found == wanted)
