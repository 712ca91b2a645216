"""Syslog: the records as RFC 5424 messages over UDP, TCP, TLS and the local socket."""

from __future__ import annotations

import encodings.idna  # noqa: F401  # a name is looked up in the background, where a fork could cut its import in two
import ipaddress
import logging
import re
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from security_logging.events.fields import UNKNOWN
from security_logging.events.line import IDENT
from security_logging.formatters import record_attributes
from security_logging.formatters.record_text import time_of, visible
from security_logging.formatters.security import SecurityLineFormatter, event_of
from security_logging.handlers.datagrams import Datagrams
from security_logging.handlers.senders import QueuedSender, Sender, SenderHandler
from security_logging.handlers.streams import SEND_TIMEOUT, DatagramTransport, StreamTransport
from security_logging.internal.queue import own_traffic
from security_logging.internal.queue.message import Message, Transport
from security_logging.internal.queue.worker import Options
from security_logging.internal.writable import EXIT_WAIT_SECONDS

FOREIGN_IDENT = "django"  # APP-NAME of records that are no security events
DOCUMENTATION_NUMBER = 32473  # private enterprise number for examples (RFC 5612)
SD_NAME = "security"
DEFAULT_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
FACILITIES = {"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, **{f"local{n}": 16 + n for n in range(8)}}
_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
_HEAD = ("ip", "net", "surface", "reason")
_NOT_PRINTABLE = re.compile(r"[^!-~]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class SyslogAddress:
    """Where a syslog server listens, and how it wants to be spoken to."""

    scheme: str  # udp, tcp, tls or unix
    host: str = ""
    port: int = 0
    path: str = ""
    facility: str = "authpriv"
    enterprise: int = DOCUMENTATION_NUMBER
    form: str = "rfc5424"


def parse_address(url: str) -> SyslogAddress:
    """
    Read e.g. `udp://192.0.2.1:514`, `tls://logs.example.com?enterprise=12345` or `/dev/log?facility=local0`.

    `facility` is authpriv unless it says otherwise, `enterprise` the private enterprise number for structured data.
    `form` is rfc5424, on the local socket rfc3164: neither rsyslog nor journald reads RFC 5424 there. Raises ValueError
    with what to write instead.
    """
    parts = urlsplit(url)
    scheme = parts.scheme or "unix"
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    facility, enterprise = options.pop("facility", "authpriv"), options.pop("enterprise", str(DOCUMENTATION_NUMBER))
    form = options.pop("form", "rfc3164" if scheme == "unix" else "rfc5424")
    if scheme not in ("unix", *DEFAULT_PORTS) or not (parts.path if scheme == "unix" else parts.hostname) or options:
        raise ValueError(f"not a syslog address: {url!r}; write e.g. 'udp://192.0.2.1:514', 'tcp://...' or '/dev/log'.")
    if parts.hostname and not _can_be_looked_up(parts.hostname):
        raise ValueError(f"not a syslog address: {url!r}; {parts.hostname!r} cannot be the name of a host.")
    if facility not in FACILITIES or not enterprise.isdecimal() or form not in ("rfc5424", "rfc3164"):
        known = ", ".join(FACILITIES)
        raise ValueError(f"{url!r}: facility is one of {known}; enterprise a number; form rfc5424 or rfc3164.")
    port = parts.port or DEFAULT_PORTS.get(scheme, 0)
    return SyslogAddress(scheme, parts.hostname or "", port, parts.path, facility, int(enterprise), form)


class SyslogFormatter(logging.Formatter):
    """
    Write a record as one RFC 5424 message, or in the older form of RFC 3164 for the local socket.

    A security event has its name as MSGID and what we chose ourselves - class, id, address, surface, reason - as
    structured data; what a client wrote is in the message alone, as JSON strings. Every message is ASCII and one line.
    """

    def __init__(self, address: SyslogAddress | None = None) -> None:
        """Take facility, enterprise number and form from the address."""
        super().__init__()
        self._address = address or SyslogAddress("udp")
        self._message = SecurityLineFormatter(bare=True)
        self._hostname = _header(socket.gethostname(), 255)

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole message, without a line end."""
        priority = f"<{FACILITIES[self._address.facility] * 8 + severity(record.levelno)}>"
        event = event_of(record)
        ident = IDENT if event is not None else FOREIGN_IDENT
        message = self._message.format(record)
        if self._address.form == "rfc3164":
            return f"{priority}{_old_time(record)} {ident}[{record.process}]: {message}"
        time = (event.time if event is not None else time_of(record)).isoformat(timespec="milliseconds")
        kind = _header(event.type.name, 32) if event is not None else "log"
        header = f"{priority}1 {time} {self._hostname} {ident} {record.process} {kind}"
        return f"{header} {self.structured_data(record)} {message}"

    def structured_data(self, record: logging.LogRecord) -> str:
        """Return the structured data: what we chose of the event, and the record's context."""
        event = event_of(record)
        known: dict[str, object] = {}
        if event is not None:
            known = {"event": event.type.name, "class": event.type.event_class, "id": event.id}
            known |= {name: event.fields[name] for name in _HEAD if event.fields[name] != UNKNOWN}
        known |= record_attributes.values(record, {**record_attributes.CONSTANT, **record_attributes.CURRENT})
        if not known:
            return "-"
        words = " ".join(f'{name}="{_parameter(value)}"' for name, value in known.items())
        return f"[{SD_NAME}@{self._address.enterprise} {words}]"


class SyslogHandler(SenderHandler):
    """
    Send each record to a syslog server, without waiting for it.

    To the local socket and to an IP address over UDP a datagram goes out at once; over TCP and TLS, and to a server
    that must be looked up by name, a queue in the background takes the messages. TCP uses octet counting (RFC 6587).
    """

    def __init__(self, address: str = "/dev/log") -> None:
        """Open nothing yet; raises ValueError for an address that is none."""
        where = parse_address(address)
        self._is_counted = where.scheme in ("tcp", "tls")
        super().__init__(address)
        self.setFormatter(SyslogFormatter(where))
        self.send_by(self._sender_to(where))

    def encode(self, record: logging.LogRecord) -> bytes:
        """Return the message, framed as the transport wants it."""
        message = self.format(record).encode("ascii", "backslashreplace")
        return b"%d %s" % (len(message), message) if self._is_counted else message

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 (the name of the standard library)
        """Take a formatter of ours; another would send what no syslog server reads."""
        if isinstance(fmt, SyslogFormatter):
            super().setFormatter(fmt)

    def _sender_to(self, where: SyslogAddress) -> Sender:
        if where.scheme == "unix":
            return Datagrams(where.path)
        if where.scheme == "udp" and _is_address(where.host):
            return Datagrams((where.host, where.port))
        self.addFilter(own_traffic.is_foreign)
        return QueuedSender(lambda: Options("syslog", partial(_transport, where), give_back=self._give_back))

    def _give_back(self, messages: list[Message]) -> None:
        self.fall_back([message.text for message in messages], OSError("the process ends"), EXIT_WAIT_SECONDS)


def _transport(where: SyslogAddress) -> Transport:
    if where.scheme == "udp":
        return DatagramTransport(where.host, where.port)
    return StreamTransport(partial(_connect, where))


def _connect(where: SyslogAddress) -> socket.socket:
    connection = socket.create_connection((where.host, where.port), SEND_TIMEOUT)
    if where.scheme == "tls":  # RFC 5425
        return ssl.create_default_context().wrap_socket(connection, server_hostname=where.host)
    return connection


def severity(level: int) -> int:
    """Return syslog's severity for a level of logging."""
    return next((severity for least, severity in _SEVERITIES if level >= least), _DEBUG)


def _header(text: str, length: int) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:length] or "-"


def _parameter(value: object) -> str:
    text = visible(str(value)).encode("ascii", "backslashreplace").decode("ascii")
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _old_time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created).astimezone()  # RFC 3164 knows no zone: the host's is meant
    return f"{_MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S}"


def _can_be_looked_up(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:  # an empty or overlong label; the resolver would raise the same
        return False
    return True


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
