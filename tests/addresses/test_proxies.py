"""The presets and what a list of trusted proxies comes down to."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from security_logging.addresses.parsing import parse_network
from security_logging.addresses.proxies import (
    PRESETS,
    UNIX_SOCKET,
    Preset,
    published_ranges,
    read_ranges,
    shared_networks,
    trusted_proxies,
)
from security_logging.internal import errors


@pytest.fixture(autouse=True)
def nothing_was_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of ours are reported once a minute; no test has had its turn yet."""
    monkeypatch.setattr(errors, "_reported", {})


every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
PUBLISHED = [preset for preset in PRESETS.values() if preset.date]
every_published_preset = pytest.mark.parametrize("preset", PUBLISHED, ids=lambda preset: preset.name)


def ranges_file(tmp_path: Path, content: object) -> str:
    """Write a file for SECURITY_LOGGING_PROXY_RANGES_FILE."""
    path = tmp_path / "ranges.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


def test_names() -> None:
    """These presets exist; removing or renaming one would untrust somebody's proxy."""
    assert list(PRESETS) == ["nginx", "traefik", "alb", "heroku", "fly", "cloudflare", "cloudfront", "fastly"]


@every_preset
def test_networks_are_readable(preset: Preset) -> None:
    """Every network of a preset is a network, or the word for unix sockets."""
    assert [text for text in preset.networks if text != UNIX_SOCKET and str(parse_network(text)) != text] == []


@every_preset
def test_source_and_note(preset: Preset) -> None:
    """A preset says where its ranges come from and what its reader accepts by trusting it."""
    assert (preset.source.startswith("https://"), preset.note.endswith(".")) == (True, True)


@every_preset
def test_only_published_ranges_grow_old(preset: Preset) -> None:
    """Ranges that are private by an RFC have no date, all others have one and the command that renews them."""
    public = any(ip_network(text).is_global for text in preset.networks if text != UNIX_SOCKET)
    assert (preset.date is not None, preset.refresh is not None) == (public, public)


def test_only_fly_has_its_own_header() -> None:
    """CF-Connecting-IP is not read: behind a local nginx it would be anybody's to forge."""
    assert [(name, preset.header) for name, preset in PRESETS.items() if preset.header] == [("fly", "Fly-Client-IP")]


@pytest.mark.parametrize(
    ("name", "four", "six", "seen"),
    [
        ("cloudflare", 15, 7, date(2026, 9, 1)),
        ("cloudfront", 46, 35, date(2026, 10, 6)),
        ("fastly", 19, 2, date(2026, 7, 2)),
    ],
)
def test_published_ranges(name: str, four: int, six: int, seen: date) -> None:
    """The data file holds as many ranges as were published on its date."""
    versions = [ip_network(text).version for text in PRESETS[name].networks]
    assert (versions.count(4), versions.count(6), PRESETS[name].date) == (four, six, seen)


@every_published_preset
def test_published_ranges_are_narrow(preset: Preset) -> None:
    """No published range is private or wider than a CDN's largest block: a slip would trust strangers."""
    networks = [ip_network(text) for text in preset.networks]
    assert [n for n in networks if not n.is_global or n.prefixlen < (13 if n.version == 4 else 29)] == []


# The services answer in these forms; the addresses are invented.
ANSWERS: dict[str, Any] = {
    "cloudflare": {"result": {"ipv4_cidrs": ["192.0.2.0/24"], "ipv6_cidrs": ["2001:db8::/32"]}, "success": True},
    "cloudfront": {
        "prefixes": [
            {"ip_prefix": "192.0.2.0/24", "service": "CLOUDFRONT_ORIGIN_FACING"},
            {"ip_prefix": "198.51.100.0/24", "service": "CLOUDFRONT"},
        ],
        "ipv6_prefixes": [
            {"ipv6_prefix": "2001:db8::/32", "service": "CLOUDFRONT_ORIGIN_FACING"},
            {"ipv6_prefix": "2001:db8:1::/48", "service": "EC2"},
        ],
    },
    "fastly": {"addresses": ["192.0.2.0/24"], "ipv6_addresses": ["2001:db8::/32"]},
}


@every_published_preset
@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_refresh_command(preset: Preset, tmp_path: Path) -> None:
    """The command that a preset shows prints a file of ranges."""
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(ANSWERS[preset.name])}\nEND\n")
    curl.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    printed = subprocess.run(
        ["sh", "-c", str(preset.refresh)], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=True
    )
    assert read_ranges(ranges_file(tmp_path, printed.stdout)) == {preset.name: ("192.0.2.0/24", "2001:db8::/32")}


def test_nothing_is_trusted_by_default() -> None:
    """An empty list trusts neither an address nor a unix socket."""
    proxies = trusted_proxies(())
    assert (ip_address("127.0.0.1") in proxies.networks, proxies.unix) == (False, False)


@every_preset
def test_trusted(preset: Preset) -> None:
    """A preset makes the addresses of its networks trusted, and a network beside it its own."""
    networks = [ip_network(text) for text in preset.networks if text != UNIX_SOCKET]
    trusted = trusted_proxies((preset.name, "192.0.2.0/24")).networks
    ends = [end for network in networks for end in (network[0], network[-1])]
    assert [end for end in (*ends, ip_address("192.0.2.20")) if end not in trusted] == []


@every_preset
def test_shared(preset: Preset) -> None:
    """The published ranges of a preset are shared, and no private network is."""
    networks = [ip_network(text) for text in preset.networks if text != UNIX_SOCKET]
    shared = shared_networks().networks
    assert {network[0] in shared for network in networks} == {preset.date is not None}


def test_file_adds_to_shared(tmp_path: Path) -> None:
    """The ranges of a file are shared beside the shipped ones, which strangers could rent yesterday."""
    shared = shared_networks((), ranges_file(tmp_path, {"cloudflare": ["192.0.2.0/24"], "nginx": ["198.51.100.0/24"]}))
    addresses = ("192.0.2.1", "172.64.0.1", "198.51.100.1")
    assert [ip_address(text) in shared.networks for text in addresses] == [True, True, False]


@every_preset
def test_says_who_else_can_send(preset: Preset) -> None:
    """A preset says who else can send from its networks, what they can write, and what keeps them out."""
    said = [preset.strangers, preset.writes, preset.lock]
    assert ([text for text in said if not text.endswith(".")], bool(preset.read_at)) == ([], True)


@pytest.mark.parametrize(
    ("entries", "address"),
    [
        (("nginx",), "127.0.0.2"),
        (("heroku",), "172.16.0.1"),
        (("unix:",), "127.0.0.1"),
        (("10.0.0.7/8", "NGINX", "cloudflare "), "10.0.0.7"),
    ],
)
def test_not_trusted(entries: tuple[str, ...], address: str) -> None:
    """Nothing else is trusted, wrong entries included."""
    assert ip_address(address) not in trusted_proxies(entries).networks


@pytest.mark.parametrize(
    ("entries", "trusted"), [(("unix:",), True), (("nginx",), True), (("127.0.0.1",), False), (("unix",), False)]
)
def test_unix_sockets(entries: tuple[str, ...], trusted: bool) -> None:
    """A unix socket is trusted when it is listed or when nginx on the same host is."""
    assert trusted_proxies(entries).unix is trusted


@pytest.mark.parametrize(
    ("entries", "header"),
    [((), "X-Forwarded-For"), (("nginx",), "X-Forwarded-For"), (("nginx", "fly"), "Fly-Client-IP")],
)
def test_header(entries: tuple[str, ...], header: str) -> None:
    """A preset that names its own header wins over X-Forwarded-For."""
    assert trusted_proxies(entries).header == header


def test_file_replaces_ranges(tmp_path: Path) -> None:
    """The ranges of a file stand in place of the shipped ones, not beside them."""
    proxies = trusted_proxies(("cloudflare",), ranges_file(tmp_path, {"cloudflare": ["192.0.2.0/24"]}))
    assert [ip_address(text) in proxies.networks for text in ("192.0.2.1", "104.16.0.1")] == [True, False]


def test_file_leaves_other_presets(tmp_path: Path) -> None:
    """A preset that the file does not name keeps its ranges."""
    proxies = trusted_proxies(("cloudfront",), ranges_file(tmp_path, {"cloudflare": ["192.0.2.0/24"]}))
    assert ip_address("130.176.88.10") in proxies.networks


def test_file_is_read_for_presets_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A site that trusts no preset does not open the file."""
    trusted_proxies(("192.0.2.0/24",), str(tmp_path / "missing.json"))
    assert caplog.messages == []


@pytest.mark.parametrize("content", ["", "[]", '{"cloudflare": "192.0.2.0/24"}', "{", '{"cloudflare": [}', "\x00"])
def test_unreadable_file(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str) -> None:
    """A file that cannot be understood overrides nothing, and that is logged: else the CDN would be banned."""
    assert published_ranges(ranges_file(tmp_path, content)) == {}
    assert [(r.name, r.levelno) for r in caplog.records] == [("security_logging.internal", logging.ERROR)]


def test_missing_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A missing file keeps the shipped ranges."""
    proxies = trusted_proxies(("cloudflare",), str(tmp_path / "missing.json"))
    assert (ip_address("104.16.0.1") in proxies.networks, len(caplog.records)) == (True, 1)
