"""Reverse proxies: the presets by name, and what the project's list of trusted proxies comes down to."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from security_logging.addresses.parsing import Network, NetworkSet, readable_networks

internal = logging.getLogger("security_logging.internal")

DEFAULT_HEADER = "X-Forwarded-For"
UNIX_SOCKET = "unix:"


@dataclass(frozen=True)
class Preset:
    """
    A proxy or platform that many sites run behind.

    `header` None is X-Forwarded-For. `date` is the day on which the published ranges were seen to hold, None where
    the ranges are private by an RFC and cannot grow old; `refresh` is the command that prints them anew, in the form
    of SECURITY_LOGGING_PROXY_RANGES_FILE. `note` says what the reader accepts by trusting it.
    """

    name: str
    networks: tuple[str, ...]
    source: str
    note: str
    header: str | None = None
    date: date | None = None
    refresh: str | None = None


def _published(name: str, note: str) -> Preset:
    shipped = json.loads(files("security_logging").joinpath("data/proxy_ranges.json").read_text("ascii"))[name]
    return Preset(
        name,
        tuple(shipped["networks"]),
        source=shipped["source"],
        note=note,
        date=date.fromisoformat(shipped["date"]),
        refresh=shipped["refresh"],
    )


_PRESETS = (
    Preset(
        "nginx",
        ("127.0.0.1/32", "::1/128", UNIX_SOCKET),
        source="https://nginx.org/en/docs/http/ngx_http_proxy_module.html#var_proxy_add_x_forwarded_for",
        note="nginx on the same host, over TCP or a unix socket, with $proxy_add_x_forwarded_for. Every process on "
        "this host can name any address.",
    ),
    Preset(
        "traefik",
        ("172.16.0.0/12",),
        source="https://doc.traefik.io/traefik/routing/entrypoints/#forwarded-headers",
        note="Traefik beside the site in Docker. Every container of this host can name any address; do not publish "
        "the site's own port, since Docker makes its visitors look like the gateway. With many networks Docker "
        "continues in 192.168.0.0/16: then list the one that Traefik is in.",
    ),
    Preset(
        "alb",
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html",
        note="An AWS Application Load Balancer in the same VPC, with X-Forwarded-For in the mode append; preserve "
        "lets every client name any address. So can every machine in the VPC: list the load balancer's subnets "
        "instead when you can.",
    ),
    Preset(
        "heroku",
        ("10.0.0.0/8",),
        source="https://devcenter.heroku.com/articles/http-routing",
        note="Heroku's router, which puts the client last. Only the router reaches a dyno outside of a private space.",
    ),
    Preset(
        "fly",
        ("172.16.0.0/12", "fdaa::/16"),
        source="https://fly.io/docs/networking/request-headers/",
        # Fly puts the site's own public address last into X-Forwarded-For.
        header="Fly-Client-IP",
        note="Fly Proxy. Every machine in your organisation's private network can name any address.",
    ),
    # The walk over X-Forwarded-For, and not CF-Connecting-IP: with nginx in between, the peer is nginx, and whether
    # its peer was Cloudflare is written in X-Forwarded-For alone. CF-Connecting-IP would then be anybody's to forge.
    _published(
        "cloudflare",
        note="Cloudflare in front of the site, directly or with further trusted proxies between. Every Cloudflare "
        "customer can send requests from these ranges: let only yours in (Authenticated Origin Pulls, a tunnel).",
    ),
    _published(
        "cloudfront",
        note="CloudFront in front of the site; list your load balancer too. Every CloudFront customer can send "
        "requests from these ranges: let only yours in (a secret origin header, a VPC origin).",
    ),
)
PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _PRESETS}


@dataclass(frozen=True)
class TrustedProxies:
    """The trusted proxies: their networks, whether a unix socket counts, and the header they write."""

    networks: NetworkSet
    unix: bool
    header: str


@lru_cache(maxsize=32)
def trusted_proxies(entries: tuple[str, ...], ranges_file: str | None = None) -> TrustedProxies:
    """
    Return what SECURITY_LOGGING_TRUSTED_PROXIES means; wrong entries count for nothing, `address_checks` names them.

    Computed once for each value of the settings, so a changed file of ranges needs a restart.
    """
    names = [entry for entry in entries if entry in PRESETS]
    networks = _entries_written_out(entries, ranges_file)
    headers = [header for name in names if (header := PRESETS[name].header)]
    return TrustedProxies(
        NetworkSet(readable_networks(networks)), UNIX_SOCKET in networks, (headers or [DEFAULT_HEADER])[0]
    )


def trusted_networks(entries: tuple[str, ...], ranges_file: str | None = None) -> list[Network]:
    """Return the networks that the entries name, the presets written out; wrong entries count for nothing."""
    return readable_networks(_entries_written_out(entries, ranges_file))


def _entries_written_out(entries: tuple[str, ...], ranges_file: str | None) -> list[str]:
    names = [entry for entry in entries if entry in PRESETS]
    networks = [entry for entry in entries if entry not in PRESETS]
    overrides = published_ranges(ranges_file) if ranges_file and names else {}
    for name in names:
        networks += overrides.get(name, PRESETS[name].networks)
    return networks


def published_ranges(path: str) -> dict[str, tuple[str, ...]]:
    """
    Return the ranges in a file of SECURITY_LOGGING_PROXY_RANGES_FILE by preset.

    A file that cannot be read overrides nothing: with no ranges at all the proxy itself would be banned.
    """
    try:
        return read_ranges(path)
    except (OSError, ValueError):
        internal.exception("SECURITY_LOGGING_PROXY_RANGES_FILE cannot be read, the shipped ranges are used")
        return {}


def read_ranges(path: str) -> dict[str, tuple[str, ...]]:
    """Read a file of ranges; raises OSError, or ValueError when it is not a JSON object of lists of texts."""
    content = json.loads(Path(path).read_text("utf-8"))
    if not isinstance(content, dict) or not all(isinstance(ranges, list) for ranges in content.values()):
        raise ValueError('not of the form {"cloudflare": ["198.51.100.0/24", ...]}')
    return {name: tuple(map(str, ranges)) for name, ranges in content.items()}
