"""An error of ours does not reach the package that sends a signal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from receivers import receivers, send_raising


@pytest.mark.parametrize("receiver", receivers("integrations"), ids=lambda receiver: receiver.__name__)
def test_failure_of_a_receiver(receiver: Callable[..., object]) -> None:
    """A receiver raises nothing, whatever is sent to it."""
    assert send_raising(receiver) is None
