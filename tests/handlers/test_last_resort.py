"""The last resort: what found no other place is on standard error, and nothing is raised."""

from __future__ import annotations

import time
from contextlib import redirect_stderr

import pytest

from security_logging.handlers.last_resort import LastResort
from stalled_pipe import stalled_pipe

ERROR = OSError("full")


def test_notice_once_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is kept, the reason is told once a minute."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    resort = LastResort("cannot write x")
    for seconds in (0, 30, 31):
        now += seconds
        resort.write(["hello"], ERROR)
    notice = "security_logging: cannot write x: OSError('full'); lines follow here\n"
    assert capsys.readouterr().err == f"{notice}hello\nhello\n{notice}hello\n"


def test_pipe() -> None:
    """A pipe gets the notice and the lines, and what its encoding does not have with a backslash."""
    with stalled_pipe() as pipe, redirect_stderr(pipe.stream):
        LastResort("cannot write x").write(["one", "\u00e9"], ERROR)
        assert pipe.read() == "security_logging: cannot write x: OSError('full'); lines follow here\none\n\\xe9\n"


def test_notice_that_found_no_room() -> None:
    """A notice that a full pipe did not take is given as soon as there is room."""
    with stalled_pipe() as pipe, redirect_stderr(pipe.stream):
        pipe.fill()
        resort = LastResort("cannot send to y")
        resort.write(["b"], ERROR)
        pipe.read()
        resort.write(["c"], ERROR)
        assert pipe.read().endswith("security_logging: cannot send to y: OSError('full'); lines follow here\nc\n")


def test_many_lines_without_room() -> None:
    """Many lines wait together no longer than one, and all of them are counted."""
    with stalled_pipe() as pipe, redirect_stderr(pipe.stream):
        pipe.fill()
        resort = LastResort("x")
        began = time.monotonic()
        resort.write(["b"] * 10_000, ERROR, 0.5)
        assert time.monotonic() - began < 5
        pipe.read()
        resort.write(["c"], ERROR)
        assert pipe.read().startswith("security_logging: 10001 earlier lines found no room")
