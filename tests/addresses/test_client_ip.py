"""The client's address: vectors of every server and platform, and what no client can ever do."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import override_settings
from hypothesis import assume, example, given
from hypothesis import strategies as st

import address_resolvers
from security_logging.addresses import chain, claims
from security_logging.addresses.claims import FORWARDING_HEADERS
from security_logging.addresses.client_ip import ClientIP, resolve
from security_logging.addresses.parsing import parse_address
from security_logging.addresses.policy import Judged, Policy, judge
from security_logging.addresses.proxies import PRESETS, trusted_proxies
from security_logging.internal import errors

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "client_ip.json").read_text("ascii"))


SOCKET = "/run/site.sock"
# What servers say of a connection, as tests/end_to_end/test_unix_sockets.py sees it in their scopes.
ASGI: dict[str, dict[str, object]] = {
    "uvicorn": {"type": "http", "client": None, "server": (SOCKET, None)},
    "daphne": {"type": "http", "client": None, "server": None},
    "granian": {"type": "http", "client": ("", "0"), "server": (SOCKET, "0")},
    "uvicorn over TCP, reset": {"type": "http", "client": None, "server": ("10.0.0.9", 8000)},
    "websocket": {"type": "websocket", "client": None, "server": (SOCKET, None)},
    "tcp": {"type": "http", "client": ("127.0.0.1", 50000), "server": ("10.0.0.9", 8000)},
}


@dataclass(frozen=True)
class Request:
    """The attributes of a request that the resolver needs; a request that no server made has neither of the others."""

    META: Mapping[str, object] = field(default_factory=dict)
    scope: Mapping[str, object] | None = None
    environ: Mapping[str, object] | None = None


def request_of(
    meta: Mapping[str, object], made_by: str = "wsgi", sent: Sequence[Sequence[str]] | None = None
) -> Request:
    """Return the request that a server makes; `sent` are its headers under ASGI where META does not say them."""
    if made_by == "code":
        return Request(meta)
    if made_by == "wsgi" and sent is None:
        return Request(meta, environ={"wsgi.version": (1, 0), **meta})
    named = [(name[5:].replace("_", "-"), str(value)) for name, value in meta.items() if name[:5] == "HTTP_"]
    encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in sent or named]
    return Request(meta, {**ASGI["tcp" if made_by == "wsgi" else made_by], "headers": encoded})


def resolve_with(
    meta: Mapping[str, object], sent: Sequence[Sequence[str]] | None = None, made_by: str = "wsgi", **values: object
) -> ClientIP:
    """Resolve under the settings given without their prefix."""
    with override_settings(**{f"SECURITY_LOGGING_{name}": value for name, value in values.items()}):
        return resolve(request_of(meta, made_by, sent))


def text_of(parts: str | list[str | list[Any]]) -> str:
    """Return a vector's text; long ones are written as a list of texts and [text, times]."""
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


@pytest.fixture
def nothing_was_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of ours are reported once a minute; no test has had its turn yet."""
    monkeypatch.setattr(errors, "_reported", {})
    monkeypatch.setattr(errors, "internal_errors", {})


hops = st.sampled_from(["203.0.113.7", "8.8.8.8", "127.0.0.1", "203.0.113.7, 127.0.0.1", "unknown", ""])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["desc"])
def test_vector(vector: dict[str, Any]) -> None:
    """The address, the reason, the peer and the claim of a request are exactly those of the vector."""
    meta = {key: text_of(parts) for key, parts in vector["meta"].items()}
    result = resolve_with(meta, vector.get("sent"), vector.get("made_by", "wsgi"), **vector["settings"])
    values = {name: getattr(result, name) for name in vector["expect"]}
    assert {name: value if value is None else str(value) for name, value in values.items()} == vector["expect"]


@given(st.lists(st.tuples(st.sampled_from(["x-forwarded-for", "x_forwarded_for", "x-forwarded_for", "via"]), hops)))
def test_asgi(sent: list[tuple[str, str]]) -> None:
    """Under ASGI, in whatever version of Django, only what was sent under the header's very name counts."""
    headers = [(name.encode(), value.encode()) for name, value in sent]
    scope = {"type": "http", "method": "POST", "path": "/", "client": ("127.0.0.1", 1), "headers": headers}
    told = ",".join(value for name, value in sent if name == "x-forwarded-for")
    with override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=["nginx"]):
        found = resolve(ASGIRequest(scope, BytesIO()))
    expected = resolve_with({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": told}, TRUSTED_PROXIES=["nginx"])
    assert (found.address, found.reason) == (expected.address, expected.reason)


def test_vectors_are_complete() -> None:
    """Every vector says why it is there and what is expected of all four results."""
    assert [
        v for v in VECTORS if not v["desc"] or not {"address", "reason", "peer", "claimed"} <= set(v["expect"])
    ] == []


def test_vectors_are_different() -> None:
    """No vector is there twice."""
    assert len({vector["desc"] for vector in VECTORS}) == len(VECTORS)


# What a client may send in a header: a server lets no NUL, CR or LF through, but nobody promised that.
hostile = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ["8.8.8.8", "127.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "203.0.113.7", "2001:db8::7", "::1", "[::1]:1",
             "::ffff:8.8.8.8", "unknown", "unix:", "", " ", "\t", "8.8.8.8:443", "[2001:db8::9]", "fe80::1%8.8.8.8",
             'for="8.8.8.8"', '"', "'", "[", "]", "\\", "\r\n", "\x00", "8.8.8.8\nX-Real-IP: 9.9.9.9", "x" * 600]
        ) | st.text(max_size=8) | st.ip_addresses().map(str),
        max_size=40,
    ).map(",".join),
    st.sampled_from(["8.8.8.8,", ",", " ", "10.0.0.1, ", "A", "[", "10.0.0.2,"]).map(lambda text: text * 2000),
)  # fmt: skip
headers = st.dictionaries(st.sampled_from([*FORWARDING_HEADERS, "HTTP_X_PLATFORM_CLIENT", "X_FORWARDED_FOR"]), hostile)
clients = st.ip_addresses().filter(lambda address: parse_address(str(address)) == address).map(str)

TRUSTED = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


@given(clients, headers, st.sampled_from([(), TRUSTED, ("unix:", "nginx", "cloudflare")]))
def test_untrusted_peer(client: str, forged: dict[str, str], trusted: tuple[str, ...]) -> None:
    """No header whatsoever changes the address of a peer that is not trusted."""
    assume(ip_address(client) not in trusted_proxies(trusted).networks)
    forged_result = resolve_with({**forged, "REMOTE_ADDR": client}, TRUSTED_PROXIES=trusted)
    result = resolve_with({"REMOTE_ADDR": client}, TRUSTED_PROXIES=trusted)
    assert (forged_result.address, forged_result.reason) == (result.address, result.reason)


def through(proxies: tuple[str, ...], client: str, forged: str | None, separator: str) -> dict[str, str]:
    """Return META as Django sees it when each proxy appends to X-Forwarded-For the peer that it saw."""
    header, peer = forged, client
    for proxy in proxies:
        header = peer if header is None else f"{header}{separator}{peer}"
        peer = proxy
    return {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header or ""}


@given(
    st.integers(1, 3),
    clients,
    st.none() | hostile,
    st.sampled_from([", ", ",", " , "]),
    headers,
)
@example(1, "203.0.113.7", "8.8.8.8, " * 1300, ", ", {})
@example(3, "203.0.113.7", "10.0.0.1, 10.0.0.2", ", ", {})
@example(2, "203.0.113.7", "[", ", ", {"HTTP_X_REAL_IP": "8.8.8.8"})
def test_behind_proxies(count: int, client: str, forged: str | None, separator: str, others: dict[str, str]) -> None:
    """Behind one, two or three trusted proxies a client's address is its own or unknown, whatever it sends."""
    meta = {**others, **through(TRUSTED[:count], client, forged, separator)}
    assert resolve_with(meta, TRUSTED_PROXIES=TRUSTED).address in (parse_address(client), None)


@given(st.integers(1, 3), st.none() | hostile)
def test_client_behind_proxies_is_found(count: int, forged: str | None) -> None:
    """Behind trusted proxies an ordinary client is known, whatever it sends: nobody escapes by forging."""
    meta = through(TRUSTED[:count], "203.0.113.7", forged, ", ")
    assert str(resolve_with(meta, TRUSTED_PROXIES=TRUSTED).address) == "203.0.113.7"


@given(st.integers(1, 3), st.none() | hostile)
def test_client_behind_a_unix_socket_is_found(count: int, forged: str | None) -> None:
    """The same holds when the innermost proxy speaks through a unix socket."""
    meta = {**through(TRUSTED[:count], "203.0.113.7", forged, ", "), "REMOTE_ADDR": ""}
    assert str(resolve_with(meta, TRUSTED_PROXIES=(*TRUSTED, "unix:")).address) == "203.0.113.7"


SHARED = [preset for preset in PRESETS.values() if preset.date is not None]
SHARED_PEERS = st.sampled_from([*(str(ip_network(preset.networks[0])[1]) for preset in SHARED), "192.0.2.9"])
SHARED_SETTINGS = (
    ("nginx", *(preset.name for preset in SHARED), "192.0.2.0/24", *TRUSTED),
    ("unix:", "127.0.0.1", *(network for preset in SHARED for network in preset.networks), "192.0.2.0/24"),
)


@given(
    SHARED_PEERS,
    st.lists(st.sampled_from(["127.0.0.1", "10.0.0.1"]), max_size=2),
    hostile,
    st.sampled_from(SHARED_SETTINGS),
    st.booleans(),
)
@example("172.64.0.1", [], "203.0.113.7,2a06:98c0:3600::103", SHARED_SETTINGS[0], False)
@example("172.64.0.1", ["127.0.0.1"], "203.0.113.7,127.0.0.1,2a06:98c0:3600::103", SHARED_SETTINGS[0], False)
def test_left_of_a_shared_hop(edge: str, behind: list[str], text: str, trusted: tuple[str, ...], worker: bool) -> None:
    """Whatever the header says, of what stands left of a shared hop no address but the last entry is ever named."""
    written = [text, edge, *behind][: len(behind) + 1]  # each proxy behind the edge appends the peer that it saw
    meta = {"REMOTE_ADDR": ([edge, *behind])[-1], "HTTP_X_FORWARDED_FOR": ", ".join(written)}
    meta |= {"HTTP_CF_WORKER": "x"} if worker else {}
    result = resolve_with(meta, TRUSTED_PROXIES=trusted, SHARED_PROXIES=["192.0.2.0/24"])
    assert result.address in (parse_address(text.rpartition(",")[2]), None)


values = hostile | st.none() | st.integers() | st.binary(max_size=20)


@given(
    st.dictionaries(st.sampled_from(["REMOTE_ADDR", *FORWARDING_HEADERS]), values),
    st.sampled_from([(), ("nginx",), ("0.0.0.0/0", "::/0", "unix:"), 7, None, "nginx", [["10.0.0.0/8"]]]),
    st.sampled_from([None, "Forwarded", "X-Real-IP", "", 7]),
)
def test_never_raises(meta: dict[str, object], trusted: object, header: object) -> None:
    """Whatever META and the settings hold, there is a result, and unknown has a reason."""
    result = resolve_with(meta, TRUSTED_PROXIES=trusted, CLIENT_IP_HEADER=header)
    assert (result.address is None) == (result.reason != "") == (result.net == "-")


@given(headers, st.sampled_from(["203.0.113.7", "10.0.0.1", "", "x"]))
def test_claim_is_an_address_of_its_own(forged: dict[str, str], peer: str) -> None:
    """A claimed address is a parsed one and never repeats the known one."""
    result = resolve_with({**forged, "REMOTE_ADDR": peer}, TRUSTED_PROXIES=TRUSTED)
    assert result.claimed is None or (
        result.claimed != result.address and parse_address(str(result.claimed)) == result.claimed
    )


def test_resolver_may_be_a_function() -> None:
    """The setting takes a function as well as its dotted path."""
    meta = {"REMOTE_ADDR": "10.9.9.9", "HTTP_X_PLATFORM_CLIENT": "203.0.113.7"}
    result = resolve_with(meta, CLIENT_IP_RESOLVER=address_resolvers.from_platform_header)
    assert str(result.address) == "203.0.113.7"


@pytest.mark.usefixtures("nothing_was_reported")
def test_failing_resolver_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """Fifty failures of the project's function leave one report, which shows nothing that the client sent."""
    meta = {"REMOTE_ADDR": "203.0.113.7", "HTTP_X_PLATFORM_CLIENT": "secret words"}
    for _ in range(50):
        resolve_with(meta, CLIENT_IP_RESOLVER=address_resolvers.raising)
    reports = [(r.name, r.levelno, r.getMessage()) for r in caplog.records]
    message = "SECURITY_LOGGING_CLIENT_IP_RESOLVER failed, 1 times in this process"
    assert reports == [("security_logging.internal", logging.ERROR, message)]
    assert "secret words" not in caplog.text


@pytest.mark.usefixtures("nothing_was_reported")
def test_failing_ipware_costs_only_the_claim(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A bug in the guess of the claimed address costs no event its address, and is reported once."""
    monkeypatch.setattr(claims, "get_client_ip", lambda *args, **kwargs: 1 / 0)
    results = [resolve_with({"REMOTE_ADDR": "203.0.113.7", "HTTP_X_REAL_IP": "8.8.8.8"}) for _ in range(50)]
    assert {(str(result.address), result.claimed) for result in results} == {("203.0.113.7", None)}
    assert caplog.messages == ["django-ipware failed, 1 times in this process"]


@pytest.mark.parametrize(
    ("name", "value", "claimed"), [("IPWARE_META_PROXY_COUNT", "two", "None"), ("IPWARE_ALGORITHM", "none", "8.8.8.8")]
)
def test_wrong_ipware_settings_cost_only_the_claim(name: str, value: str, claimed: str) -> None:
    """A project's own settings of django-ipware cannot break the address."""
    with override_settings(**{name: value}):
        result = resolve_with({"REMOTE_ADDR": "203.0.113.7", "HTTP_X_REAL_IP": "8.8.8.8"})
    assert (str(result.address), str(result.claimed)) == ("203.0.113.7", claimed)


def test_long_headers_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a header as long as a server lets through only the last 8 KB are looked at."""
    lengths: list[int] = []

    def measured(text: str, policy: Policy) -> Judged:
        lengths.append(len(text))
        return judge(text, policy)

    monkeypatch.setattr(chain, "judge", measured)
    resolve_with({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "1" * 1_000_000}, TRUSTED_PROXIES=("unix:",))
    assert max(lengths) == chain.MAX_HEADER


@pytest.mark.parametrize(("header", "length"), [("1" * 1_000_000, 512), ("8," * 1_000_000, 15)])
def test_guess_is_bounded(monkeypatch: pytest.MonkeyPatch, header: str, length: int) -> None:
    """django-ipware sees at most 512 characters and eight entries of each header; 16 full ones took it 15 ms."""
    seen: list[int] = []

    def get_client_ip(request: Request, **options: object) -> tuple[None, bool]:
        seen.extend(len(str(value)) for value in request.META.values())
        return None, False

    monkeypatch.setattr(claims, "get_client_ip", get_client_ip)
    resolve_with(dict.fromkeys(FORWARDING_HEADERS, header))
    assert seen == [length] * len(FORWARDING_HEADERS)


def test_ipware_is_spared_when_headers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind one honest proxy the guess costs nothing: no header says anything new."""
    monkeypatch.setattr(claims, "get_client_ip", None)
    meta = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7", "HTTP_X_REAL_IP": "203.0.113.7"}
    assert resolve_with(meta, TRUSTED_PROXIES=("nginx",)).claimed is None


def test_settings_are_read_at_every_request() -> None:
    """A changed setting takes effect at once; nothing is kept but by value."""
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    before = resolve_with(meta, TRUSTED_PROXIES=("10.0.0.1",))
    after = resolve_with(meta, TRUSTED_PROXIES=("10.0.0.2",))
    assert (str(before.address), after.address) == ("203.0.113.7", None)
