"""What a record says, whatever it carries."""

from __future__ import annotations

from typing import Any

import pytest

from log_records import MOMENT, failed, record
from security_logging.formatters.record_text import message_of, text_of, time_of, traceback_of


class Unshowable:
    """An object whose text is an exception."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError


def test_time() -> None:
    """The time is aware and in UTC."""
    assert time_of(record()) == MOMENT


def test_message_that_cannot_be_shown() -> None:
    """A message that cannot be shown is named by its type."""
    assert message_of(record(msg=Unshowable())) == "(Unshowable that cannot be shown) (with arguments that do not fit)"


def test_text() -> None:
    """Anything else is what str() says."""
    assert text_of(7) == "7"


@pytest.mark.parametrize(
    ("attributes", "last"),
    [
        ({}, ""),
        ({"exc_info": True}, ""),
        ({"exc_info": (None, None, None)}, ""),
        ({"exc_text": "Traceback: kept"}, "Traceback: kept"),
        ({"stack_info": "Stack: here"}, "Stack: here"),
        ({"exc_info": failed("luck"), "stack_info": "Stack: here"}, "ValueError: luck"),
    ],
)
def test_traceback(attributes: dict[str, Any], last: str) -> None:
    """The traceback is that of the exception, behind the stack where the record says where it was made."""
    assert traceback_of(record(**attributes)).rpartition("\n")[2] == last
