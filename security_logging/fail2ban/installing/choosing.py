"""What an installation shall be: from the options, the last one, the site, or who sits at the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from security_logging.addresses.own import own_addresses
from security_logging.addresses.parsing import readable_networks
from security_logging.addresses.proxies import PRESETS
from security_logging.fail2ban.files.fronts import FRONTS, ChoiceError
from security_logging.fail2ban.files.record import Choices
from security_logging.fail2ban.installing import questions
from security_logging.fail2ban.secrets import is_secret
from security_logging.fail2ban.site import Site

HERE, ELSEWHERE = "here", "elsewhere"
_PLACES = {HERE: "on this machine", ELSEWHERE: "on another one, e.g. the host of this container"}
_WORDS = {
    "nothing": "this machine: gunicorn, uvicorn or Apache answers them itself",
    "nginx": "nginx on this machine",
    "load-balancer": "another machine: a load balancer, or a proxy of yours",
    "aws": "CloudFront or an Application Load Balancer (bans go into AWS WAF)",
    "cloudflare": "Cloudflare (bans go there)",
}
_PROXIES: Mapping[str, Sequence[str]] = {preset.front: [name] for name, preset in PRESETS.items() if preset.front}
_PARAMETER = re.compile(r"[a-z]\w*", re.IGNORECASE)
_UNSAFE = re.compile(r"""[\x00-\x20"'%\[\],;#=\x7f]""")  # means something in Fail2ban's files


def choices_from(options: Mapping[str, Any], site: Site, last: Choices | None, *, ask: bool = False) -> Choices:
    """
    Return the choices; an option wins over an answer, and both over what was chosen last.

    Raises ChoiceError for what Fail2ban would misread, UnansweredError when there is no answer.
    """
    known = last or _of_site(site)
    front = options["front"] or (_front(known.front) if ask else known.front)
    given = parameters(options["set"] or ()) or (known.parameters if front == known.front else {})
    if ask:
        given = {**given, **{name: _parameter(name) for name in FRONTS[front][1] if not given.get(name)}}
    log = options["log"] or known.log
    if not log.startswith("/") or _UNSAFE.search(log):
        raise ChoiceError(f"--log {log!r} must be a full path without blanks, quotes and %")
    return Choices(
        front=front,
        parameters=given,
        log=log,
        logtype=options["logtype"] or (known.logtype if log == known.log else _logtype(site, log)),
        key=options["key"] or known.key,
        report=known.report and not options["no_report"],
        never_banned=_never_banned(options, known, ask=ask),
        locked=known.locked if options["locked"] is None else options["locked"],
    )


def proxies_of(choices: Choices, options: Mapping[str, Any], *, ask: bool = False) -> Sequence[str]:
    """Return the proxies that the site must trust behind this front; empty if there are none, or they are not known."""
    given = _words(options["proxy"] or ())
    if choices.front == "load-balancer" and ask and not given:
        given = _words([questions.text("Addresses of that machine, e.g. 10.0.0.0/24")])
    return given or _PROXIES.get(choices.front, ())


def parameters(words: Sequence[str]) -> dict[str, str]:
    """Return the NAME=VALUE words as a mapping; raises ChoiceError for another form."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _PARAMETER.fullmatch(name) or _UNSAFE.search(value):
            # Without the value, which may be a token.
            raise ChoiceError(
                f"--set {name if equals else '...'} is not NAME=VALUE, or holds what Fail2ban would misread"
            )
        found[name] = value
    return found


def place_of(options: Mapping[str, Any], *, is_here: bool, ask: bool = False) -> Path | None:
    """Return the directory of files for a Fail2ban on another machine; None when it runs here."""
    given: Path | None = options["elsewhere"]
    if given is not None or not ask:
        return given
    where = questions.choose("Where does Fail2ban run?", _PLACES, HERE if is_here else ELSEWHERE)
    return Path(questions.text("Directory for its files", "django-security-fail2ban")) if where == ELSEWHERE else None


def _front(default: str) -> str:
    return questions.choose("What do your visitors connect to?", _WORDS, default)


def _never_banned(options: Mapping[str, Any], known: Choices, *, ask: bool) -> Sequence[str]:
    """Return whom the jails ignore: you, who would lock yourself out, and the site, which may ask itself."""
    given = _words(options.get("never_ban") or ())
    if not given and not ask:
        return known.never_banned
    if not given:
        likely = " ".join(known.never_banned or map(str, own_addresses()))
        question = "Never ban these: the address you come from, and the site's public ones ('none' for none)"
        given = [word for word in _words([questions.text(question, likely or "none")]) if word != "none"]
    if unreadable := [word for word in given if not readable_networks((word,))]:
        raise ChoiceError(f"--never-ban {unreadable[0]!r} is not an address or a CIDR range")
    return tuple(given)


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.replace(",", " ").split()]


def _parameter(name: str) -> str:
    value = questions.text(f"{name}, for the action that bans", is_secret=is_secret(name))
    return parameters([f"{name}={value}"])[name]


def _of_site(site: Site) -> Choices:
    for path, logtype in site.logs.items():
        return Choices(log=str(path), logtype=logtype)
    return Choices()


def _logtype(site: Site, log: str) -> str:
    return next((logtype for path, logtype in site.logs.items() if str(path) == log), "file")
