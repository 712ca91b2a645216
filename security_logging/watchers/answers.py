"""Answers of other packages' views: who can tell from one what became of an attempt registers here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Reader = Callable[[HttpRequest, HttpResponseBase], bool]

_readers: list[Reader] = []


def add(reader: Reader) -> None:
    """
    Add a function that is asked about each answer to a request that may change something; twice adds it once.

    It returns True when the answer is one of its package's, and has then logged whatever there was to log.
    """
    if reader not in _readers:
        _readers.append(reader)


def is_read(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Ask each reader until one knows the answer; tell whether one did."""
    return any(reader(request, response) for reader in _readers)
