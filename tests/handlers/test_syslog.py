"""Syslog: messages that a strict reader of RFC 5424 accepts, over every transport, and nothing lost without a word."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfc5424
from log_records import EVENT, event_record, failed, record
from security_logging.events.line import render_message
from security_logging.formatters.text import TextFormatter
from security_logging.handlers.last_resort import LastResort
from security_logging.handlers.syslog import FACILITIES, SyslogAddress, SyslogFormatter, SyslogHandler, parse_address
from security_logging.internal.writable import EXIT_WAIT_SECONDS


def message(made: logging.LogRecord, address: str = "udp://127.0.0.1") -> rfc5424.Message:
    """Return the record's message, read strictly."""
    return rfc5424.parse(SyslogFormatter(parse_address(address)).format(made).encode("ascii"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/dev/log", SyslogAddress("unix", path="/dev/log", form="rfc3164")),
        ("unix:///run/log?form=rfc5424", SyslogAddress("unix", path="/run/log")),
        ("udp://192.0.2.1", SyslogAddress("udp", "192.0.2.1", 514)),
        ("udp://[2001:db8::1]:5514", SyslogAddress("udp", "2001:db8::1", 5514)),
        ("tcp://logs.example.com:601", SyslogAddress("tcp", "logs.example.com", 601)),
        ("tls://logs.example.com", SyslogAddress("tls", "logs.example.com", 6514)),
        ("udp://h?facility=local0&enterprise=12345", SyslogAddress("udp", "h", 514, "", "local0", 12345)),
    ],
)
def test_address(url: str, expected: SyslogAddress) -> None:
    """An address names transport, place, facility and enterprise number."""
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h",
        "udp://",
        "udp://h?colour=red",
        "udp://h?facility=kern2",
        "udp://h?enterprise=x",
        "udp://h?form=x",
    ],
)
def test_wrong_address(url: str) -> None:
    """A wrong address is refused with what to write instead."""
    with pytest.raises(ValueError, match=r"syslog address|facility is one of"):
        parse_address(url)


def test_event() -> None:
    """An event's message is its line, without time and ident; the header and structured data say the rest."""
    found = message(event_record())
    assert (found.time, found.app, found.process, found.kind, found.message) == (
        *("2026-08-01T12:00:00.123+00:00", "django-security", "412", "login_failed"),
        render_message(EVENT),
    )


def test_facility_and_severity() -> None:
    """The facility is authpriv by default, the severity that of the level."""
    found = message(event_record())
    assert (found.facility, found.severity) == (FACILITIES["authpriv"], 4)


@pytest.mark.parametrize(("level", "severity"), [(5, 7), (10, 7), (20, 6), (30, 4), (35, 4), (40, 3), (50, 2), (99, 2)])
def test_severity(level: int, severity: int) -> None:
    """Each level of logging has its severity."""
    assert message(record(levelno=level)).severity == severity


def test_structured_data() -> None:
    """The structured data hold what we chose of the event; what a client wrote is not in it."""
    assert message(event_record(), "udp://h?enterprise=12345").data == {
        "security@12345": {
            "event": "login_failed",
            "class": "auth",
            "id": EVENT.id,
            "ip": "203.0.113.7",
            "net": "203.0.113.7",
            "surface": "admin",
            "reason": "bad_credentials",
        }
    }


def test_context() -> None:
    """The record's context is in the structured data, escaped."""
    found = message(record(tenant='a"b]c\\d\n\u4e16', env="prod"))
    assert found.data == {"security@32473": {"env": "prod", "tenant": 'a"b]c\\d\\n\\u4e16'}}


def test_foreign_record() -> None:
    """A record that is no security event has another APP-NAME, so no filter looks at it."""
    found = message(record("a\nb"))
    assert (found.app, found.kind, found.data, found.message) == (
        *("django", "log", {}),
        'log level="WARNING" logger="shop.views" message="a\\nb"',
    )


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_record(text: str, value: str) -> None:
    """Whatever a record carries, its message keeps to the grammar."""
    made = record(text.replace("%", ""), name=value, tenant=value, exc_info=failed(text))
    assert message(made).message.startswith("log ")


def test_size() -> None:
    """The longest message stays below 4 KB, with the address in its first 500 bytes."""
    text = SyslogFormatter().format(event_record(tenant="\u4e16" * 999, service="x" * 999))
    assert (len(text) < 4096, text.index("ip=") < 500) == (True, True)


def test_hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with a name that the grammar does not allow gets one that it does."""
    monkeypatch.setattr("socket.gethostname", lambda: "my \u4e16 host")
    assert SyslogFormatter().format(record()).split(" ")[2] == "my___host"


def test_no_hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a name is a dash."""
    monkeypatch.setattr("socket.gethostname", str)
    assert SyslogFormatter().format(record()).split(" ")[2] == "-"


def test_old_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local socket gets the form of RFC 3164, as glibc writes it."""
    text = SyslogFormatter(parse_address("/dev/log")).format(event_record())
    assert (text[:4], text[20:].partition(" ip=")[0]) == ("<84>", "django-security[412]: login_failed")


@pytest.fixture
def udp() -> Any:
    """Yield a socket that receives datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_udp(udp: socket.socket, host: str) -> None:
    """A datagram is one message, to an address as to a name."""
    handler = SyslogHandler(f"udp://{host}:{udp.getsockname()[1]}")
    handler.emit(event_record())
    handler.flush()
    handler.close()
    assert rfc5424.parse(udp.recv(4096)).message == render_message(EVENT)


def receive_one(listening: socket.socket, into: list[bytes]) -> None:
    """Keep all that the first connection sends."""
    connection = listening.accept()[0]
    with connection:
        while data := connection.recv(4096):
            into.append(data)


def test_tcp() -> None:
    """Over TCP each message stands behind its length."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = threading.Thread(target=receive_one, args=(listening, received))
        reader.start()
        handler = SyslogHandler(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        for _ in range(3):
            handler.emit(event_record())
        handler.close()
        reader.join(5)
    assert [rfc5424.parse(frame).kind for frame in rfc5424.frames(b"".join(received))] == ["login_failed"] * 3


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for localhost, in one file with its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    options = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*command, *options], check=True, capture_output=True, timeout=30)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.mark.parametrize(("is_trusted", "messages"), [(True, 1), (False, 0)])
@pytest.mark.usefixtures("capsys")
def test_tls(is_trusted: bool, messages: int, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS nothing is sent to a server whose certificate is not trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate) if is_trusted else "/dev/null")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    received: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection = listening.accept()[0]
        try:
            with context.wrap_socket(connection, server_side=True) as secured:
                while data := secured.recv(4096):
                    received.append(data)
        except OSError:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = threading.Thread(target=serve, args=(listening,))
        reader.start()
        handler = SyslogHandler(f"tls://localhost:{listening.getsockname()[1]}")
        handler.emit(event_record())
        handler.close()
        reader.join(5)
    assert (len(rfc5424.frames(b"".join(received))), handler.failures) == (messages, 1 - messages)


def test_lost_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message that nobody takes is written to standard error, with the reason once a minute."""
    handler = SyslogHandler(str(tmp_path / "log"))
    handler.emit(event_record())
    handler.emit(event_record())
    handler.close()
    notice, *lines = capsys.readouterr().err.splitlines()
    assert (handler.failures, "lines follow here" in notice, [render_message(EVENT) in line for line in lines]) == (
        *(2, True),
        [True, True],
    )


def test_longer_wait_at_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for an absent server when the process ends may fill standard error faster than it is read."""
    written: list[tuple[object, ...]] = []
    monkeypatch.setattr(LastResort, "write", lambda self, lines, error, seconds: written.append((lines, seconds)))
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    handler = SyslogHandler(f"tcp://127.0.0.1:{port}")
    handler.emit(record())
    handler.close()
    message = handler.encode(record()).decode()
    assert written == [([message], EXIT_WAIT_SECONDS)]


def test_foreign_formatter() -> None:
    """LOGGING cannot put another formatter in the place of ours: no server could read its messages."""
    handler = SyslogHandler()
    handler.setFormatter(TextFormatter())
    assert isinstance(handler.formatter, SyslogFormatter)
