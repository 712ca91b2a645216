"""The hostile logins of vectors/hostile.json as bytes on the wire, as a trusted proxy would send them on."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

PASSWORD = "Tr0ub4dor&3"
_TOKEN = "a" * 32
_PATHS = {"site": "/accounts/login/", "admin": "/admin/login/", "basic": "/api/whoami/"}


@dataclass(frozen=True)
class Attack:
    """
    One hostile login.

    `desc` says why it is here. `attacker` is the client's address as the proxy writes it, `expected` the only one that
    may be counted, None for none. It must be counted if the attack `reaches_authenticate`; Django refuses some before.
    """

    number: str
    desc: str
    attacker: str
    expected: str | None
    reaches_authenticate: bool = True
    login: str = "site"
    user: bytes = b"alice"
    path: str = ""
    headers: dict[str, bytes] = field(default_factory=dict)

    def request(self) -> bytes:
        """Return the HTTP request; the proxy's own X-Forwarded-For comes last."""
        headers = {"Host": b"localhost", "User-Agent": b"curl/8", "X-Attack": self.number.encode(), **self.headers}
        claimed = headers.pop("X-Forwarded-For", None)
        method, body = b"GET", b""
        if self.login == "basic":
            headers["Authorization"] = b"Basic " + base64.b64encode(self.user + b":" + PASSWORD.encode())
        else:
            method, body = b"POST", self._form()
            headers |= {"Cookie": f"csrftoken={_TOKEN}".encode(), "Content-Length": str(len(body)).encode()}
            headers["Content-Type"] = b"application/x-www-form-urlencoded"
        headers["Connection"] = b"close"
        headers["X-Forwarded-For"] = (claimed + b", " if claimed else b"") + self.attacker.encode()
        head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
        return b" ".join([method, (self.path or _PATHS[self.login]).encode(), b"HTTP/1.1\r\n"]) + head + b"\r\n" + body

    def _form(self) -> bytes:
        password = quote_from_bytes(PASSWORD.encode())
        return f"csrfmiddlewaretoken={_TOKEN}&password={password}&username={quote_from_bytes(self.user)}".encode()


def attacks() -> list[Attack]:
    """Return all attacks, each from an address of its own unless the vector names one."""
    vectors = json.loads((Path(__file__).parent / "vectors" / "hostile.json").read_text())
    return [_attack(number, vector) for number, vector in enumerate(vectors)]


def send(port: int, request: bytes) -> None:
    """Send a request to the server on this machine and read the answer to its end, whatever it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        while connection.recv(65536):
            pass


def _attack(number: int, vector: dict[str, Any]) -> Attack:
    attacker = vector.get("attacker", f"203.0.113.{number}" if number % 2 else f"2001:db8:{number + 1:x}::7")
    return Attack(
        number=str(number),
        desc=vector["desc"],
        attacker=attacker,
        expected=vector.get("expected", attacker),
        reaches_authenticate=vector.get("reaches_authenticate", True),
        login=vector.get("login", "site"),
        user=_bytes(vector.get("user", "alice")),
        path=vector.get("path", ""),
        headers={name: _bytes(value) for name, value in vector.get("headers", [])},
    )


def _bytes(text: str | dict[str, Any]) -> bytes:
    """Return what a client sends for a vector's text: its UTF-8, given bytes, or a repetition."""
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    if "bytes" in text:
        return bytes.fromhex(text["bytes"])
    return _bytes(text["repeat"]) * int(text["times"])
