"""What the console and the text formats really print, for docs/logging.md: as an SVG, and as blocks of text."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import replace
from datetime import timedelta
from html import escape
from logging.config import DictConfigurator
from types import TracebackType

from scripts.samples import sample
from security_logging.events import type_registry
from security_logging.events.line import render_message
from security_logging.formatters.security import ConsoleFormatter, ECSFormatter
from security_logging.formatters.text import TEXT_FORMATS

_MOMENT = type_registry.get("login")
_START = sample(_MOMENT).time
_COLUMN, _ROW, _MARGIN = 8.43, 19, 14  # pixels
_STYLES = {"2": "d", "32": "g", "33": "y", "31": "r", "1;31": "c", "1": "b"}
_STYLE_SHEET = (
    "text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#d6d6d6;white-space:pre}"
    ".d{fill:#808a94}.g{fill:#5fc26b}.y{fill:#e0b341}.r{fill:#ef6b6b}.c{fill:#ff4d4d;font-weight:bold}"
    ".b{font-weight:bold;fill:#fff}"
)
_COLOURED = re.compile(r"\x1b\[([\d;]+)m(.*?)\x1b\[0m|([^\x1b]+)")


def console_svg() -> str:
    """Return what a terminal shows of an ordinary minute, as an SVG."""
    formatter = ConsoleFormatter(color=True)
    lines = [line for record in _records() for line in formatter.format(record).splitlines()]
    width = round(max(len(_plain(line)) for line in lines) * _COLUMN) + 2 * _MARGIN
    height = len(lines) * _ROW + 2 * _MARGIN
    rows = [
        f'<text x="{_MARGIN}" y="{_MARGIN + _ROW * number + 14}">{_spans(line)}</text>'
        for number, line in enumerate(lines)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">'
    body = f'<style>{_STYLE_SHEET}</style><rect width="100%" height="100%" rx="6" fill="#1c2127"/>'
    return "\n".join([head, "<title>The console profile</title>", body, *rows, "</svg>", ""])


def text_formats() -> str:
    """Return a block for each text format, with the same records in each."""
    blocks = []
    for name, described in TEXT_FORMATS.items():
        formatter = DictConfigurator({"version": 1}).configure_formatter(dict(described))
        lines = "\n".join(formatter.format(record) for record in _records()[-2:])
        blocks.append(f"`text={name!r}`:\n\n```\n{lines}\n```".replace("'", '"', 2))
    return "\n\n".join(blocks)


def json_form() -> str:
    """Return an error of the application in JSON."""
    formatter = ECSFormatter(service="shop.example.com", environment="prod")
    return f"```json\n{formatter.format(_records()[-1])}\n```"


def _records() -> list[logging.LogRecord]:
    return [
        _event("login_failed", 0, surface="admin", path="/admin/login/"),
        _event("login", 2, status=302),
        _event("csrf_failed", 9, path="/contact/", status=403),
        _event("privileges_changed", 12, surface="admin", path="/admin/auth/user/8/change/"),
        _event("logging_degraded", 31),
        _record(
            38, logging.WARNING, "django.security.DisallowedHost", "Invalid HTTP_HOST header: 'x\n\x1b[2Jroot: ok'"
        ),
        _record(51, logging.ERROR, "shop.payments", "order 1042 cannot be paid", _failure()),
    ]


def _event(name: str, seconds: int, **fields: str | int) -> logging.LogRecord:
    event = sample(type_registry.get(name))
    event = replace(event, time=_START + timedelta(seconds=seconds), fields={**event.fields, **fields})
    message = render_message(event)
    record = _record(seconds, event.type.level, f"security.{event.type.event_class}", message)
    record.security_event = event
    return record


_Failure = tuple[type[BaseException], BaseException, TracebackType | None]


def _record(seconds: int, level: int, name: str, message: str, failure: _Failure | None = None) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "/srv/shop/payments.py", 88, message, None, failure, "pay")
    record.created = (_START + timedelta(seconds=seconds)).timestamp()
    record.process, record.thread = 412, 140233
    record.request_id = "7d0c5a31"
    return record


def _failure() -> _Failure:
    code = compile(
        'def pay(order):\n    raise TimeoutError("the bank does not answer")\n', "/srv/shop/payments.py", "exec"
    )
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 (two lines of our own, which need a file name that is not this one)
    try:
        names["pay"](1042)  # type: ignore[operator]  # the function above
    except TimeoutError as error:
        own = error.__traceback__
        return type(error), error, own.tb_next if own is not None else None
    sys.exit("pay() did not fail")


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[\d;]+m", "", line)


def _spans(line: str) -> str:
    found = []
    for code, coloured, plain in _COLOURED.findall(line):
        text = escape(coloured or plain, quote=False)
        found.append(f'<tspan class="{_STYLES.get(code, "d")}">{text}</tspan>' if code else text)
    return "".join(found)
