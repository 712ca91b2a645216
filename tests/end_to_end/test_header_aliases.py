"""Other spellings of X-Forwarded-For: the cells of docs/proxies.md whose programs every checkout has."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from documented import page
from header_aliases import APACHE_LINES, CADDY_LINES, HAPROXY_LINE, NGINX, PASSING_NGINX, PROXIES, SERVERS, cell, lab
from requires import require_nginx

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

HERE = [server for server in SERVERS if server.name in ("gunicorn", "uvicorn", "daphne")]
FOLDING = [server for server in SERVERS if server.name == "Hypercorn, WSGI"]
PROXIES_HERE = (NGINX, PASSING_NGINX)
TABLE = page("proxies.md").partition("<!-- measured: header aliases -->")[2].partition("<!-- end -->")[0]
ROWS = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in TABLE.splitlines()}


@pytest.fixture(scope="module")
def ports() -> Iterator[Mapping[tuple[str, str], int]]:
    """The servers behind both kinds of nginx."""
    require_nginx()
    with lab(Path(sys.executable), [*HERE, *FOLDING], PROXIES_HERE) as found:
        yield found


@pytest.mark.parametrize("proxy", PROXIES_HERE, ids=lambda proxy: proxy.name)
@pytest.mark.parametrize("server", [*HERE, *FOLDING], ids=lambda server: server.name)
def test_cell(ports: Mapping[tuple[str, str], int], proxy: object, server: object) -> None:
    """The page says of this pair what happens."""
    names = (getattr(proxy, "name", ""), getattr(server, "name", ""))
    column = [each.name for each in SERVERS].index(names[1]) + 1
    assert cell(ports[names]) == ROWS[names[0]][column]


def test_lines_of_the_page() -> None:
    """The page shows the lines that were tried."""
    text = page("proxies.md")
    shown = [APACHE_LINES.split("\n")[0], "Require not env odd_header", HAPROXY_LINE, *CADDY_LINES.split("\n")]
    assert [line for line in shown if line.strip() not in text] == []


def test_no_line_leaves_a_client_believed() -> None:
    """With the page's lines each proxy protects each server."""
    rows = [ROWS[proxy.name] for proxy in PROXIES if "below" in proxy.name]
    assert [cells for row in rows for cells in row[1:] if cells != "the proxy's"] == []
