"""A private nginx: the trusted proxy in front of the site, and the place where bans take effect."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from string import Template

from demonstration.place import LOOPBACK, PROJECT
from demonstration.processes import PATH, Server, Surroundings, start
from demonstration.run_directory import RunDirectory

CLIENT_HEADER = "X-Demo-Client"  # believed at the doors of `--keep` only

_CONFIG = Template("""\
# The demo's nginx. What matters is in harbour_site.conf, which production uses too.
daemon off;
worker_processes 1;
pid $run/nginx.pid;
error_log $run/nginx-error.log warn;
events { worker_connections 256; }
http {
    access_log $run/nginx-access.log;
    client_body_temp_path $run/nginx;
    proxy_temp_path $run/nginx;
    fastcgi_temp_path $run/nginx;
    uwsgi_temp_path $run/nginx;
    scgi_temp_path $run/nginx;
    types { text/html html; text/css css; text/javascript js; image/svg+xml svg; }
    root $run/data/static;

    geo $$django_security_denied {
        default 0;
        include $run/deny.conf;
    }
    upstream harbour { server unix:$run/gunicorn.sock; }

    # The front. The demo's clients stand for a load balancer: it says whom it speaks for in the PROXY line, before
    # the request, where no client can write. Headers with addresses are left to the clients, who may lie in them.
    server {
        listen $loopback:$port proxy_protocol;
        set_real_ip_from $loopback;
        real_ip_header proxy_protocol;
        include $run/harbour_site.conf;
    }
$doors}
""")

_DOORS = Template("""\

    # Doors for browsers and curl, which speak no PROXY line: two for one visitor each, and one where $header says
    # who comes.
    map $$server_port $$door_client { $visitor_port $visitor; $attacker_port $attacker; }
    server {
        listen $loopback:$visitor_port;
        listen $loopback:$attacker_port;
        location / {
            proxy_pass http://$loopback:$any_port;
            proxy_set_header Host $$http_host;
            proxy_set_header $header $$door_client;
        }
    }
    server {
        listen $loopback:$any_port;
        set_real_ip_from $loopback;
        real_ip_header $header;
        include $run/harbour_site.conf;
    }
""")


@dataclass(frozen=True)
class Doors:
    """The ports for browsers and curl: as the visitor, as the attacker, and as anybody."""

    visitor: str
    attacker: str
    visitor_port: int
    attacker_port: int
    any_port: int

    def render(self, run: RunDirectory) -> str:
        """Return their part of nginx's configuration."""
        return _DOORS.substitute(vars(self), run=run.path, loopback=LOOPBACK, header=CLIENT_HEADER)


@dataclass(frozen=True)
class Nginx:
    """nginx with a configuration, a deny list and a port of its own."""

    run: RunDirectory
    surroundings: Surroundings
    port: int

    @property
    def deny_file(self) -> Path:
        """The list of banned addresses, which Fail2ban writes."""
        return self.run.path / "deny.conf"

    @property
    def command(self) -> list[str]:
        """How to call this nginx: to run it, to test it, to reload it."""
        return [program(), "-p", str(self.run.path), "-c", str(self.run.path / "nginx.conf")]

    def configure(self, doors: Doors | None) -> None:
        """Write everything that nginx reads."""
        self.run.copy(PROJECT / "deploy" / "harbour_site.conf", "harbour_site.conf")
        self.run.write("deny.conf")
        parts = {"doors": doors.render(self.run) if doors else "", "port": self.port, "loopback": LOOPBACK}
        self.run.write("nginx.conf", _CONFIG.substitute(parts, run=self.run.path))

    def start(self) -> Server:
        """Start nginx."""
        return start("nginx", self.command, self.surroundings, self.run.path / "nginx.out")

    def denied(self) -> list[str]:
        """Return what the deny list refuses now; lines that begin with # refuse nothing."""
        lines = self.deny_file.read_text().splitlines()
        return sorted(line.split()[0] for line in lines if line and not line.startswith("#"))


def program() -> str:
    """Return the path of nginx, which Debian keeps where only root looks; empty when there is none."""
    return shutil.which("nginx", path=PATH) or ""


def is_listening(port: int) -> bool:
    """Tell whether something answers on the port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind((LOOPBACK, 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
