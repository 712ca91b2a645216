"""
Other spellings of X-Forwarded-For, sent through real proxies to real servers: whose words the site takes.

A server that makes X_Forwarded_For and X-Forwarded-For one variable lets a client name anybody where the proxy passes
the first. `python -m header_aliases DIRECTORY` tries every cell and writes the table into docs/proxies.md; DIRECTORY is
a virtual environment with the servers. `make test` tries the few cells whose programs every checkout has.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fail2ban_server import PATH, short_directory
from hostile_text import VICTIM
from waiting import wait_for

CLIENT = "127.0.0.7"  # who sends the requests; the proxies are 127.0.0.1
ALIASES = (
    *("X_Forwarded_For", "X-Forwarded_For", "X_Forwarded-For"),
    *(f"X{mark}Forwarded{mark}For" for mark in ".!~#$%&'*+^`|"),
)
OF_CLIENT = "not_bannable"  # the answer about CLIENT, which the header must have named: of a proxy it is another
FIRST_PORT = 21300
TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "proxies.md"
_MARKS = re.compile(r"(<!-- measured: header aliases -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Server:
    """A server of Python: how it is started, {port} for its port, and the distribution whose version counts."""

    name: str
    words: tuple[str, ...]
    distribution: str


SERVERS = (
    Server("gunicorn", ("gunicorn", "--bind=127.0.0.1:{port}", "alias_site:wsgi"), "gunicorn"),
    Server("uvicorn", ("uvicorn", "--port={port}", "--no-proxy-headers", "alias_site:asgi"), "uvicorn"),
    Server("daphne", ("daphne", "-p", "{port}", "alias_site:asgi"), "daphne"),
    Server("Hypercorn, ASGI", ("hypercorn", "--bind=127.0.0.1:{port}", "alias_site:asgi"), "hypercorn"),
    Server("Hypercorn, WSGI", ("hypercorn", "--bind=127.0.0.1:{port}", "wsgi:alias_site:wsgi"), "hypercorn"),
    Server("Granian, ASGI", ("granian", "--interface=asgi", "--port={port}", "alias_site:asgi"), "granian"),
    Server("Granian, WSGI", ("granian", "--interface=wsgi", "--port={port}", "alias_site:wsgi"), "granian"),
    Server(
        "waitress",
        ("waitress", "--no-clear-untrusted-proxy-headers", "--listen=127.0.0.1:{port}", "alias_site:wsgi"),
        "waitress",
    ),
    Server("cheroot", ("cheroot", "--bind=127.0.0.1:{port}", "alias_site:wsgi"), "cheroot"),
    Server("uWSGI", ("uwsgi", "--http-socket=127.0.0.1:{port}", "--module=alias_site:wsgi", "--master"), "pyuwsgi"),
    Server("mod_wsgi", ("apache2", "-X", "-f", "{directory}/mod_wsgi{port}.conf"), ""),
)
_MOD_WSGI = """\
ServerRoot {directory}
PidFile {directory}/mod_wsgi{port}.pid
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {directory}/output
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
WSGIPythonPath {path}
WSGIScriptAlias / {tests}/alias_site.py
<Directory {tests}>
    Require all granted
</Directory>
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy: its program and words, the file they name, what stands around all listeners, and one of them."""

    name: str
    words: tuple[str, ...]
    whole: str
    listener: str
    version: tuple[str, ...]


_NGINX = """\
pid {directory}/{id}.pid;
error_log {directory}/output;
worker_processes 1;
user root;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/{id}-body;
    proxy_temp_path {directory}/{id}-proxy;
    fastcgi_temp_path {directory}/{id}-fastcgi;
    uwsgi_temp_path {directory}/{id}-uwsgi;
    scgi_temp_path {directory}/{id}-scgi;
%s
{listeners}
}}
"""
_NGINX_LISTENER = """
    server {{
        listen 127.0.0.1:{listen};
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
"""
_APACHE = """\
ServerRoot {directory}
PidFile {directory}/{id}.pid
ServerName localhost
ErrorLog {directory}/output
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
{listeners}
"""
_APACHE_LISTENER = """
Listen 127.0.0.1:{listen}
<VirtualHost 127.0.0.1:{listen}>
    ProxyPass / http://127.0.0.1:{port}/
%s
</VirtualHost>
"""
_HAPROXY = """\
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
{listeners}
"""
_HAPROXY_LISTENER = """
listen to{port}
    bind 127.0.0.1:{listen}
    option forwardfor
%s
    server site 127.0.0.1:{port}
"""
_CADDY = """\
{{
    admin off
    auto_https off
}}
{listeners}
"""
_CADDY_LISTENER = """
http://127.0.0.1:{listen}, http://localhost:{listen} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{port} {{
%s
    }}
}}
"""
# What docs/proxies.md tells you to write; a table shows that it works.
APACHE_LINES = """\
    SetEnvIf [^A-Za-z0-9-] . odd_header
    <Location />
        <RequireAll>
            Require all granted
            Require not env odd_header
        </RequireAll>
    </Location>"""
HAPROXY_LINE = "    http-request del-header [^A-Za-z0-9-] -m reg"
CADDY_LINES = "        header_up -X_*\n        header_up -X-Forwarded_*"
_NGINX_WORDS = ("nginx", "-c", "{file}", "-g", "daemon off;")
_APACHE_WORDS = ("apache2", "-X", "-f", "{file}")
_HAPROXY_WORDS = ("haproxy", "-db", "-f", "{file}")
_CADDY_WORDS = ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}")


def nginx(name: str, lines: str = "") -> Proxy:
    """Return nginx with these lines in `http`."""
    return Proxy(name, _NGINX_WORDS, _NGINX % lines, _NGINX_LISTENER, ("nginx", "-v"))


NGINX = nginx("nginx")
PASSING_NGINX = nginx("nginx, `underscores_in_headers on`", "    underscores_in_headers on;")
PROXIES = (
    NGINX,
    PASSING_NGINX,
    Proxy("Apache", _APACHE_WORDS, _APACHE, _APACHE_LISTENER % "", ("apache2", "-v")),
    Proxy("Apache, with the lines below", _APACHE_WORDS, _APACHE, _APACHE_LISTENER % APACHE_LINES, ("apache2", "-v")),
    Proxy("Caddy", _CADDY_WORDS, _CADDY, _CADDY_LISTENER % "", ("caddy", "version")),
    Proxy("Caddy, with the lines below", _CADDY_WORDS, _CADDY, _CADDY_LISTENER % CADDY_LINES, ("caddy", "version")),
    Proxy("HAProxy", _HAPROXY_WORDS, _HAPROXY, _HAPROXY_LISTENER % "", ("haproxy", "-v")),
    Proxy(
        "HAProxy, with the line below", _HAPROXY_WORDS, _HAPROXY, _HAPROXY_LISTENER % HAPROXY_LINE, ("haproxy", "-v")
    ),
)


@contextmanager
def lab(python: Path, servers: Sequence[Server], proxies: Sequence[Proxy]) -> Iterator[Mapping[tuple[str, str], int]]:
    """Run the servers, and each proxy in front of all of them; yield the port of each pair."""
    backends = {server.name: FIRST_PORT + number for number, server in enumerate(servers)}
    found: dict[tuple[str, str], int] = {}
    with short_directory() as directory, ExitStack() as stack:
        for server in servers:
            stack.enter_context(
                _running(_server_words(server, python, directory, backends[server.name]), directory, python)
            )
        for number, proxy in enumerate(proxies, 1):
            ports = {name: port + 20 * number for name, port in backends.items()}
            found |= {(proxy.name, name): port for name, port in ports.items()}
            listeners = "".join(proxy.listener.format(listen=ports[name], port=port) for name, port in backends.items())
            path = directory / f"proxy{number}.conf"
            path.write_text(proxy.whole.format(directory=directory, id=f"proxy{number}", listeners=listeners))
            words = [word.format(file=path) if "{file}" in word else word for word in proxy.words]
            stack.enter_context(_running(words, directory, python))
        try:
            for port in (*backends.values(), *found.values()):
                wait_for(lambda port=port: ask(port, []) != "", f"port {port}")  # type: ignore[misc]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(directory / 'output').read_text()[-3000:]}") from None
        yield found


def _server_words(server: Server, python: Path, directory: Path, port: int) -> list[str]:
    words = [word.format(port=port, directory=directory) for word in server.words]
    if server.name == "mod_wsgi":
        path = os.pathsep.join([str(TESTS), str(_packages(python))])
        (directory / f"mod_wsgi{port}.conf").write_text(
            _MOD_WSGI.format(directory=directory, port=port, path=path, tests=TESTS)
        )
        return words
    if server.name in ("uWSGI", "cheroot"):
        return [str(python.parent / words[0]), *words[1:]]
    return [str(python), "-m", *words]


def _packages(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python3*/site-packages"))


@contextmanager
def _running(words: Sequence[str], directory: Path, python: Path) -> Iterator[None]:
    environment = {"PATH": PATH, "PYTHONPATH": str(TESTS), "HOME": str(directory)}
    if words[0].endswith("uwsgi"):
        environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(_packages(python))])
    with (directory / "output").open("ab") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, env=environment, cwd=directory)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(port: int, headers: Sequence[tuple[str, str]]) -> str:
    """Ask the site whose address this request has; return "" while nobody answers, a status where it is refused."""
    lines = ["GET / HTTP/1.1", "Host: localhost", "Connection: close", *(f"{name}: {value}" for name, value in headers)]
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(CLIENT, 0)) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            while found := connection.recv(65536):
                answer += found
    except OSError:
        return ""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ")[1].decode() if b" " in head else ""
    words = [word for word in body.decode("latin-1").split() if not re.fullmatch("[0-9a-fA-F]{1,3}", word)]
    return words[0] if status == "200" and words else status


def fooled_by(port: int) -> list[str]:
    """Return the aliases by which a client has another one named, each tried alone and beside the real header."""
    found = []
    for alias in ALIASES:
        tries = ([(alias, VICTIM)], [("X-Forwarded-For", "192.0.2.1"), (alias, VICTIM)], [(alias, VICTIM)] * 2)
        if any(ask(port, headers) == VICTIM for headers in tries):
            found.append(alias)
    return found


def cell(port: int) -> str:
    """Return what a cell of the table says, once an honest request has shown what the site makes of the real header."""
    honest = ask(port, [])
    if honest != OF_CLIENT:
        return f"unknown (`{honest}`)"
    aliases = fooled_by(port)
    marks = [alias for alias in aliases if "_" in alias], sorted({alias[1] for alias in aliases} - {"_", "-"})
    said = (["`_`"] if marks[0] else []) + [f"`{mark}`" for mark in marks[1]]
    return f"**the client's** ({' '.join(said)})" if said else "the proxy's"


def main(directory: Path) -> None:
    """Try every cell, print the table and write it into docs/proxies.md."""
    python = directory.absolute() / "bin" / "python"
    with lab(python, SERVERS, PROXIES) as ports:
        rows = [[proxy.name, *(cell(ports[proxy.name, server.name]) for server in SERVERS)] for proxy in PROXIES]
    table = [["", *(server.name for server in SERVERS)], ["---"] * (len(SERVERS) + 1), *rows]
    lines = ["| " + " | ".join(line) + " |" for line in table]
    versions = ", ".join([*_versions_of_proxies(), *_versions_of_servers(python)])
    text = "\n".join([*lines, "", f"Run on {time.strftime('%Y-%m-%d', time.gmtime())} with {versions}.", ""])
    print(text)
    PAGE.write_text(_MARKS.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", PAGE.read_text("utf-8")), "utf-8")


def _versions_of_proxies() -> Iterator[str]:
    for words, name in {proxy.version: proxy.name for proxy in reversed(PROXIES)}.items():
        done = subprocess.run(words, capture_output=True, text=True, env={"PATH": PATH}, timeout=20, check=True)
        match = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        yield f"{name} {match[0] if match else '?'}"


def _versions_of_servers(python: Path) -> Iterator[str]:
    for name in dict.fromkeys(server.distribution for server in SERVERS if server.distribution):
        code = f"from importlib.metadata import version; print(version({name!r}))"
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=20, check=True)
        yield f"{name} {done.stdout.strip()}"
    words = ["dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-wsgi-py3"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    yield f"mod_wsgi {done.stdout.partition('-')[0] or '?'}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
