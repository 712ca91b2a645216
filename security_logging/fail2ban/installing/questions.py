"""Questions at the terminal; Enter gives the default answer."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping

_TRIES = 5


class UnansweredError(Exception):
    """There was no answer: the terminal is gone, or no answer was valid."""


def choose(question: str, answers: Mapping[str, str], default: str) -> str:
    """Return the key of the chosen answer, given by number or name; `answers` maps keys to descriptions."""
    names = list(answers)
    lines = [f"  {number}  {name:<14} {answers[name]}" for number, name in enumerate(names, 1)]
    print("\n".join(["", question, *lines]))  # noqa: T201 - a dialogue belongs to the terminal
    numbers = {str(number): name for number, name in enumerate(names, 1)}

    def accepted(answer: str) -> str | None:
        return answer if answer in answers else numbers.get(answer)

    return _asked(f"[{names.index(default) + 1}] ", default, accepted)


def text(question: str, default: str = "", *, is_secret: bool = False) -> str:
    """Return the answer; it is required if there is no default. A secret is not shown."""
    shown = f" [{default}]" if default else ""
    return _asked(f"{question}{shown}: ", default, lambda answer: answer or None, is_secret=is_secret)


def agreed(question: str) -> bool:
    """Return whether the answer is yes; Enter means yes."""
    answers = {"y": "y", "yes": "y", "n": "n", "no": "n"}
    return _asked(f"{question} [Y/n] ", "y", lambda answer: answers.get(answer.lower())) == "y"


def _asked(prompt: str, default: str, accepted: Callable[[str], str | None], *, is_secret: bool = False) -> str:
    for _ in range(_TRIES):
        try:
            answer = (getpass.getpass(prompt) if is_secret else input(prompt)).strip() or default
        except EOFError:
            break
        if (found := accepted(answer)) is not None:
            return found
    raise UnansweredError("no answer; nothing was changed")
