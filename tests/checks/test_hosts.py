"""The system check of ALLOWED_HOSTS."""

from __future__ import annotations

import pytest
from django.test import override_settings

from security_logging.checks import hosts


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (["*"], ["W110"]),
        (["shop.example", "*"], ["W110"]),
        ([".example.com"], []),
        (["shop.example", "127.0.0.1"], []),
        ([], []),
    ],
)
def test_any_host(allowed: list[str], expected: list[str]) -> None:
    """A site that serves any host name is warned of what is not counted, and of what remains."""
    with override_settings(ALLOWED_HOSTS=allowed):
        found = list(hosts.problems())
    assert [problem.id for problem in found] == expected
    assert all("DNS rebinding" in problem.message and ".example.com" in problem.fix for problem in found)
