"""A strict reader of RFC 5424 messages and of RFC 6587's octet counting, written from the grammar of the RFCs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PRINT = r"[\x21-\x7e]"
_NAME = r'[^\x00-\x20\x7f-\xff="\]]{1,32}'
_VALUE = r'"((?:[^"\\\]]|\\["\\\]])*)"'
_PARAMETER = rf" ({_NAME})={_VALUE}"
_ELEMENT = rf"\[({_NAME})((?:{_PARAMETER})*)\]"
_MESSAGE = re.compile(
    r"<(?P<priority>0|[1-9][0-9]{0,2})>1 "
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})) "
    rf"(?P<host>-|{_PRINT}{{1,255}}) (?P<app>-|{_PRINT}{{1,48}}) (?P<process>-|{_PRINT}{{1,128}}) "
    rf"(?P<kind>-|{_PRINT}{{1,32}}) (?P<data>-|(?:\[[^\x00]*\])+?)(?: (?P<message>[\x20-\x7e]*))?"
)


@dataclass(frozen=True)
class Message:
    """A message, taken apart."""

    facility: int
    severity: int
    time: str
    host: str
    app: str
    process: str
    kind: str
    data: dict[str, dict[str, str]]
    message: str


def parse(data: bytes) -> Message:
    """Return the message; raises ValueError where the grammar is not kept."""
    text = data.decode("ascii")
    header = re.match(r"(?:\S+ ){6}", text)
    if header is None:
        raise ValueError(f"no header: {text!r}")
    structured, end = _structured(text, header.end())
    found = _MESSAGE.fullmatch(f"{text[: header.end()]}-{text[end:]}")
    if found is None or int(found["priority"]) > 191:
        raise ValueError(f"not RFC 5424: {text!r}")
    facility, severity = divmod(int(found["priority"]), 8)
    header_fields = {name: found[name] for name in ("time", "host", "app", "process", "kind")}
    return Message(facility, severity, **header_fields, data=structured, message=found["message"] or "")


def frames(data: bytes) -> list[bytes]:
    """Return the messages of a TCP stream (RFC 6587, section 3.4.1); raises ValueError when it is cut or mixed."""
    found = []
    while data:
        length, space, rest = data.partition(b" ")
        if not space or not re.fullmatch(rb"[1-9][0-9]*", length) or len(rest) < int(length):
            raise ValueError(f"not a frame: {data[:80]!r}")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found


def _structured(text: str, start: int) -> tuple[dict[str, dict[str, str]], int]:
    if text[start : start + 1] == "-":
        return {}, start + 1
    found: dict[str, dict[str, str]] = {}
    end = start
    while text[end : end + 1] == "[":
        element = re.compile(_ELEMENT).match(text, end)
        if element is None or element[1] in found:
            raise ValueError(f"no structured data: {text[end:]!r}")
        pairs = re.findall(_PARAMETER, element[2])
        found[element[1]] = {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs}
        end = element.end()
    if end == start:
        raise ValueError(f"no structured data: {text[start:]!r}")
    return found, end
