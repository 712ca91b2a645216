"""A hostile page does not get its visitors banned: a real browser, a real site, and the real filter."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from pytest_django.live_server_helper import LiveServer

from attacked_site import VISITOR, counted, lines
from requires import require_fail2ban, require_program
from waiting import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BAITS = [
    "/wp-login.php", "/.env", "/.git/config", "/xmlrpc.php", "/phpmyadmin/", "/wp-admin/install.php", "/backup.sql",
    "/.aws/credentials", "/actuator/env", "/shell.php", "/phpunit/src/Util/PHP/eval-stdin.php", "/id_rsa",
]  # fmt: skip
LOGINS = ["/accounts/login/", "/admin/login/", "/office/login/"]
FORMS = [*LOGINS, *LOGINS, "/xmlrpc.php", "/wp-login.php"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-dev-shm-usage",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable", "--no-proxy-server",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]  # fmt: skip
PAGE = """<!doctype html><title>Cute cats</title>{head}
{body}
<script>for (const form of document.forms) form.submit()</script>
"""
FORM = (
    '<iframe name="f{number}"></iframe><form method="post" target="f{number}" action="{url}">'
    '<input name="username" value="root"><input name="password" value="guess"></form>'
)


@contextmanager
def serving(content: str) -> Iterator[int]:
    """Serve one page to anybody; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def visit(
    head: str, site: str, images: list[str], forms: list[str], profile: Path, is_done: Callable[[], bool]
) -> None:
    """Let a browser open a hostile page that asks the site for images and posts forms to it, until that is done."""
    parts = [f'<img src="{site}{path}">' for path in images]
    parts += [FORM.format(number=number, url=site + path) for number, path in enumerate(forms)]
    page = PAGE.format(head=head, body="\n".join(parts))
    with serving(page) as port, visiting(f"http://evil.example:{port}/", profile / "browser"):
        wait_for(is_done, "the browser's requests")


@contextmanager
def visiting(url: str, profile: Path) -> Iterator[None]:
    """Open a page in Chromium, and close it at the end."""
    require_fail2ban()
    require_program("chromium", "chromium")
    command = ["chromium", *FLAGS, f"--user-data-dir={profile}", url]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(timeout=30)


@pytest.fixture(params=["127.0.0.1", "shop.example"], ids=["Fetch Metadata", "plain HTTP"])
def visited(request: pytest.FixtureRequest, live_server: LiveServer, log: Path, tmp_path: Path) -> Path:
    """
    Return the site's log after a browser has opened a hostile page.

    Fetch Metadata is sent to hosts that a browser trusts, of which loopback is one, and over plain HTTP to no other.
    """
    site = f"http://{request.param}:{live_server.thread.port}"
    visit("", site, BAITS, FORMS, tmp_path, lambda: len(lines(log)) >= len(BAITS) + len(FORMS))
    return log


def test_visit_is_logged(visited: Path) -> None:
    """All twenty requests of a hostile page are logged as another site's, which the browser says of each."""
    csrf = ["crosssite_request csrf 1"] * sum(path in LOGINS for path in FORMS)
    assert lines(visited) == [*["crosssite_request bait 1"] * (20 - len(csrf)), *csrf]


def test_visit_is_not_counted(visited: Path) -> None:
    """Not one of them is counted by the real Fail2ban, not even in its most eager mode."""
    assert counted(visited, "aggressive") == []


@pytest.mark.parametrize("policy", ["no-referrer", "unsafe-url"])
def test_page_that_hides(policy: str, live_server: LiveServer, log: Path, tmp_path: Path) -> None:
    """On plain HTTP an image in a page that sends no Referer is not marked at all, and not counted either."""
    site = f"http://shop.example:{live_server.thread.port}"
    visit(f'<meta name="referrer" content="{policy}">', site, BAITS, [], tmp_path, lambda: len(lines(log)) >= 12)
    mark = "1" if policy == "unsafe-url" else "-"
    assert (lines(log), counted(log, "aggressive")) == ([f"crosssite_request bait {mark}"] * 12, [])


def test_page_that_has_others_fetched_in_advance(live_server: LiveServer, log: Path, tmp_path: Path) -> None:
    """What speculation rules prefetch looks as if the visitor had typed the address, and is not counted either."""
    site = f"http://127.0.0.1:{live_server.thread.port}"
    urls = [site + path for path in BAITS[:2]]
    rules = {"prefetch": [{"urls": urls, "eagerness": "immediate", "referrer_policy": "no-referrer"}]}
    head = f"<script type=speculationrules>{json.dumps(rules)}</script>"
    visit(head, site, [], [], tmp_path, lambda: len(lines(log)) >= len(urls))
    assert (lines(log), counted(log, "aggressive")) == (["crosssite_request bait -"] * len(urls), [])


def test_image_in_our_own_page(
    live_server: LiveServer, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that somebody puts into a comment on our own pages bans none of its readers."""
    comment = "".join(f'<img src="{path}">' for path in BAITS)
    monkeypatch.setattr("testsite.views.HttpResponse", lambda content: HttpResponse(content + comment))
    with visiting(f"http://127.0.0.1:{live_server.thread.port}/", tmp_path / "profile"):
        wait_for(lambda: len(lines(log)) >= len(BAITS), "the browser's requests")
    assert (lines(log), counted(log, "aggressive")) == (["crosssite_request bait -"] * 12, [])


@contextmanager
def rebinding(page: str, site: int) -> Iterator[int]:
    """
    Serve a page, and have the same port lead to the site from then on; yield the port.

    To a browser that is DNS rebinding: the host name of the page stays, and the site is what answers behind it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/evil":
                self._answer(200, [("Content-Type", "text/html")], page.encode())
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", site, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name in ("Content-Type", "Set-Cookie")]
            self._answer(answer.status, kept, answer.read())
            connection.close()

        do_POST = do_GET  # noqa: N815 - the name that the base class calls

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(body)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


REBOUND = """<!doctype html><title>Cute cats</title><script>
const post = (path, fields) => fetch(path, {method: "POST", body: new URLSearchParams(fields)});
(async () => {
  for (const path of %s) { await fetch(path); await post(path, {}); }
  await post("/accounts/login/", {username: "root", password: "guess"});
  await fetch("/accounts/login/");
  const csrfmiddlewaretoken = (document.cookie.match(/csrftoken=(\\w+)/) || ["", "none"])[1];
  await post("/accounts/login/", {csrfmiddlewaretoken, username: "root"});
  await post("/accounts/login/", {csrfmiddlewaretoken, username: "ro\\0ot", password: "guess"});
  await post("/accounts/login/", {csrfmiddlewaretoken, username: "root", password: "guess"});
})();
</script>
"""


@pytest.fixture(params=["evil.example", "127.0.0.1"], ids=["plain HTTP", "Fetch Metadata"])
def rebound(
    request: pytest.FixtureRequest, live_server: LiveServer, log: Path, tmp_path: Path
) -> Callable[[int], None]:
    """Return a function that has a browser open a page whose host name leads to the site, and waits for some lines."""

    def visit_it(number: int) -> None:
        page = REBOUND % json.dumps(BAITS[:3])
        with (
            rebinding(page, live_server.thread.port) as port,
            visiting(f"http://{request.param}:{port}/evil", tmp_path / "browser"),
        ):
            wait_for(lambda: len(lines(log)) >= number, "the browser's requests", seconds=60)

    return visit_it


def test_rebound_page_where_any_host_is_served(rebound: Callable[[int], None], log: Path, settings: Any) -> None:
    """With ALLOWED_HOSTS = ["*"] a rebound page has only the password counted that it has really tried."""
    settings.ALLOWED_HOSTS = ["*"]
    rebound(10)
    assert lines(log) == [
        *["crosssite_request bait -"] * 6,
        "crosssite_request csrf -",
        "crosssite_request empty -",
        "crosssite_request rejected_by_form -",
        "login_failed bad_credentials -",
    ]
    assert counted(log, "aggressive") == [VISITOR]


@pytest.mark.parametrize("rebound", ["evil.example"], indirect=True)
def test_rebound_page_where_hosts_are_named(rebound: Callable[[int], None], log: Path) -> None:
    """Where ALLOWED_HOSTS names the hosts, Django refuses all that a rebound page sends, and nothing is counted."""
    rebound(11)
    assert set(lines(log)) == {"disallowed_host - -"}
    assert counted(log, "aggressive") == []


@pytest.mark.parametrize("bait", BAITS)
def test_tool_that_asks_for_a_bait(bait: str, live_server: LiveServer, log: Path) -> None:
    """The same request from a tool is counted: the address could have been banned."""
    require_fail2ban()
    ask(live_server.thread.port, bait, {})
    assert (lines(log), counted(log, "probe")) == (["probe bait -"], [VISITOR])


@pytest.mark.parametrize("path", LOGINS)
def test_tool_that_forges_the_mark(path: str, live_server: LiveServer, log: Path) -> None:
    """Who guesses a password and says that another site sent the request is counted all the same."""
    require_fail2ban()
    guess(live_server.thread.port, path, {"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"})
    assert (lines(log), counted(log, "normal")) == (["login_failed bad_credentials 1"], [VISITOR])


def ask(port: int, path: str, headers: dict[str, str], body: str | None = None) -> str:
    """Send a request as a tool does; return the cookie that the answer sets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET" if body is None else "POST", path, body, headers)
    cookie = connection.getresponse().headers.get("Set-Cookie", "")
    connection.close()
    return cookie


def guess(port: int, path: str, headers: dict[str, str]) -> None:
    """Try a password, with the CSRF token that the login page gives to anybody."""
    token = ask(port, path, {}).partition("csrftoken=")[2].partition(";")[0]
    form = urlencode({"username": "root", "password": "guess", "csrfmiddlewaretoken": token})
    cookie = {"Cookie": f"csrftoken={token}", "Content-Type": "application/x-www-form-urlencoded"}
    ask(port, path, {**headers, **cookie}, form)
