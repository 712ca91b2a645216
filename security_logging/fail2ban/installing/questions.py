"""Questions to the person at the terminal, each with an answer that Enter gives."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping

_TRIES = 5


class UnansweredError(Exception):
    """Nobody answered: the terminal is gone, or no answer was one of those offered."""


def choose(question: str, answers: Mapping[str, str], default: str) -> str:
    """Return the key of the answer that was chosen, by its number or its name; `answers` maps keys to words."""
    names = list(answers)
    lines = [f"  {number}  {name:<14} {answers[name]}" for number, name in enumerate(names, 1)]
    print("\n".join(["", question, *lines]))  # noqa: T201 - a dialogue belongs to the terminal
    numbers = {str(number): name for number, name in enumerate(names, 1)}

    def accepted(answer: str) -> str | None:
        return answer if answer in answers else numbers.get(answer)

    return _asked(f"[{names.index(default) + 1}] ", default, accepted)


def text(question: str, default: str = "", *, is_secret: bool = False) -> str:
    """Return a text; one without a default must be given. A secret is not shown."""
    shown = f" [{default}]" if default else ""
    return _asked(f"{question}{shown}: ", default, lambda answer: answer or None, is_secret=is_secret)


def agreed(question: str) -> bool:
    """Tell whether the answer is yes, which Enter says too."""
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
