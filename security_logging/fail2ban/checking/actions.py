"""The actions of a jail: whether their programs are installed, and whether they stop a banned client."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from security_logging.addresses.parsing import Network
from security_logging.checks.problem import Problem
from security_logging.fail2ban.checking.problems import problem
from security_logging.fail2ban.client import environment
from security_logging.fail2ban.configuration import Jail
from security_logging.fail2ban.site import Site

_PATH = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"))
_SECONDS = 10  # for another program
_SHOWN = 3  # networks in a message

# The beginning of an action's name, the parameter that names the program, the program by default, and Debian's package
# of it. The first that fits is used.
_PROGRAMS = (
    ("iptables-ipset", "", "ipset", "ipset"),
    ("iptables", "iptables", "iptables", "iptables"),
    ("nftables", "nftables", "nft", "nftables"),
    ("ufw", "", "ufw", "ufw"),
    ("firewallcmd", "", "firewall-cmd", "firewalld"),
    ("shorewall", "", "shorewall", "shorewall"),
    ("route", "", "ip", "iproute2"),
    ("cloudflare", "", "curl", "curl"),
    ("nginx-block-map", "", "nginx", "nginx"),
    ("django-security-nginx", "nginx", "nginx", "nginx"),
    ("django-security-aws-waf", "python", "/usr/bin/python3", "python3"),
)
_FIREWALLS = ("iptables", "nftables", "ufw", "firewallcmd", "shorewall", "route", "pf", "ipfw")
# These actions report a ban and do not stop the client.
_REPORTS = ("django-security-report", "sendmail", "mail", "xarf", "abuseipdb", "blocklist", "dshield", "mynetwatchman")


def of_actions(name: str, jail: Jail, site: Site) -> Iterator[Problem]:
    """Check the actions of a jail."""
    if all(action.startswith(_REPORTS) for action in jail.actions):
        yield problem("jail.no_action", jail=name)
    for action, words in jail.actions.items():
        yield from _of_program(name, action, words)
        log = words.get("log", "")
        if action == "django-security-report" and jail.logs and not Path(log).exists():
            yield problem("report.log", jail=name, path=log, log=", ".join(jail.logs))
        if action.startswith("nftables") and "<SUBNET>" in jail.failregex and "interval" not in str(words):
            yield problem("action.networks", jail=name)
        distant = [proxy for proxy in site.proxies if not proxy.is_loopback and not site.is_proxy_here]
        if distant and action.startswith(_FIREWALLS) and words.get("chain") != "DOCKER-USER":
            yield problem("action.firewall", jail=name, action=action, networks=named(distant))


def named(networks: Sequence[Network]) -> str:
    """Return the first of the networks as text, and how many more there are."""
    more = f" and {len(networks) - _SHOWN} more" if len(networks) > _SHOWN else ""
    return ", ".join(map(str, networks[:_SHOWN])) + more


def import_failure(python: str, module: str) -> str:
    """Return why the program cannot import the module, empty when it can."""
    status, said = _run(python, "-c", f"import {module}")
    return (said.strip().rpartition("\n")[2] or "it prints nothing") if status else ""


def _of_program(name: str, action: str, words: Mapping[str, str]) -> Iterator[Problem]:
    for start, parameter, default, package in _PROGRAMS:
        if not action.startswith(start):
            continue
        program = (words.get(parameter) or default).split()[0]
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}{os.pathsep}{_PATH}") is None:
            yield problem("action.binary", jail=name, action=action, program=program, package=package)
        elif action == "django-security-nginx":
            yield from _of_deny_list(name, words)
        elif action == "django-security-aws-waf" and import_failure(program, "boto3"):
            yield problem("action.boto3", jail=name, action=action, python=program)
        return


def _of_deny_list(name: str, words: Mapping[str, str]) -> Iterator[Problem]:
    path = words.get("deny_file", "")
    if path not in _run(*words.get("nginx", "nginx").split(), "-T")[1]:
        yield problem("action.nginx", jail=name, path=path)


def _run(*words: str) -> tuple[int, str]:
    """Return a program's exit status and its output; when it cannot be run, 1 and the error."""
    try:
        result = subprocess.run(  # noqa: S603 - Fail2ban runs it as root anyway; no shell
            words,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={**environment(), "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{_PATH}"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return result.returncode, result.stdout + result.stderr
