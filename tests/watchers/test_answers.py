"""Readers of other packages' answers."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from security_logging.watchers import answers


@pytest.fixture(autouse=True)
def _no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without readers."""
    monkeypatch.setattr(answers, "_readers", [])


def test_nobody_reads() -> None:
    """Without a reader nobody knows the answer."""
    assert not answers.is_read(HttpRequest(), HttpResponse())


def test_first_who_knows() -> None:
    """Readers are asked one after the other, until one knows the answer; each is asked once."""
    asked: list[str] = []

    def ignorant(request: HttpRequest, response: HttpResponseBase) -> bool:
        asked.append("ignorant")
        return False

    def wise(request: HttpRequest, response: HttpResponseBase) -> bool:
        asked.append("wise")
        return True

    for reader in (ignorant, ignorant, wise):
        answers.add(reader)
    answers.add(lambda request, response: pytest.fail("asked too many"))
    assert (answers.is_read(HttpRequest(), HttpResponse()), asked) == (True, ["ignorant", "wise"])
