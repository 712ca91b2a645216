"""An error of ours does not reach the code that sends a signal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from receivers import receivers, send_raising


@pytest.mark.parametrize("receiver", receivers("watchers"), ids=lambda receiver: receiver.__name__)
def test_receiver(receiver: Callable[..., object]) -> None:
    """A receiver raises nothing, whatever is sent to it."""
    assert send_raising(receiver) is None
