"""How long after the answer to the last failed login its sender is blocked: a real site, Fail2ban and firewall."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median, quantiles

from benchmarks.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fail2ban_server import PATH, PrivateFail2ban, copy_stock_config, drop_in
from network_namespaces import Network, network
from proxied_place import Place, failed_login, place

BACKENDS = ("polling", "pyinotify")
TIMES = 20
CLIENT, SERVER, PORT = "203.0.113.7", "203.0.113.1", 8000
JAIL = """
[sshd]
enabled = false
[django]
enabled = true
filter = django-security
maxretry = 3
findtime = 600
bantime = 600
backend = {1}
logpath = {0}/security.log
action = nftables[type=multiport, name=django, port="8000", protocol=tcp]
"""
# Fail three logins, then connect until that is refused; print the seconds from the last answer on.
ATTACK = """
import socket, sys, time
source, server, port, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), 3
request = sys.stdin.buffer.read()
def connect():
    return socket.create_connection((server, port), timeout=2, source_address=(source, 0))
for _ in range(times):
    with connect() as connection:
        connection.sendall(request)
        while connection.recv(65536):
            pass
started = time.monotonic()
while time.monotonic() - started < 30:
    try:
        connect().close()
    except OSError:
        print(time.monotonic() - started)
        break
    time.sleep(0.002)
"""


def tables() -> Iterator[Table]:
    """Measure and yield the table."""
    title, rows = "Seconds from the answer to the third failed login until the firewall refuses its sender", []
    try:
        with network(is_served=False) as wires, served(wires) as site:
            for backend in BACKENDS:
                found = measure(site, wires, backend)
                rows.append(
                    [
                        backend,
                        f"{median(found):.2f}",
                        f"{quantiles(found, n=20, method='inclusive')[-1]:.2f}",
                        f"{max(found):.2f}",
                    ]
                )
    except (AssertionError, OSError) as error:
        rows.append([f"not measured: {str(error).splitlines()[0]}", "", "", ""])
    yield Table(title, ["backend", "median", "95 %", "most"], rows)


def served(wires: Network) -> AbstractContextManager[Place]:
    """Return a site with a login page, served by gunicorn."""
    return place(wires, "gunicorn --bind 0.0.0.0:8000 mysite.wsgi", "SECURITY_LOGGING_TRUSTED_PROXIES = []")


def measure(site: Place, wires: Network, backend: str) -> list[float]:
    """Return the seconds of each attack."""
    copy_stock_config(site.directory, JAIL.format(site.directory, backend))
    drop_in(site.directory, "filter.d")
    (site.directory / "security.log").write_text("")
    found = []
    with PrivateFail2ban(site.directory, prefix=wires.in_server()) as fail2ban:
        for _ in range(TIMES):
            time.sleep(random.random())  # anywhere in the rhythm in which a file is polled
            found.append(attack(wires))
            fail2ban.unban("django", CLIENT)
            fail2ban.wait_for(lambda: wires.connect(CLIENT, PORT) == "open", "the way to open")
    return found


def attack(wires: Network) -> float:
    """Return the seconds until one attacker is blocked."""
    words = [*wires.in_client(), "/usr/bin/python3", "-c", ATTACK, CLIENT, SERVER, str(PORT)]
    done = subprocess.run(
        words, input=failed_login([]), env={"PATH": PATH}, capture_output=True, check=True, timeout=60
    )
    return float(done.stdout)
