"""The last resort: what found no other place is on standard error, and nothing is raised."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from security_logging.last_resort import LastResort

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


class TwoAtOnce:
    """A stream in which a second thread writes too before the first has done so."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        if text == "first\n":
            second = threading.Thread(target=LastResort("x").write, args=(["second"], ERROR))
            second.start()
            second.join()
        self.texts.append(text)

    def flush(self) -> None: ...


def test_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a thread from running in circles costs no other thread its line."""
    stderr = TwoAtOnce()
    monkeypatch.setattr(sys, "stderr", stderr)
    LastResort("x").write(["first"], ERROR)
    assert [text for text in stderr.texts if not text.startswith("security_logging:")] == ["second\n", "first\n"]
