"""What a jail does to whom it bans: whether it can be done here, and whether it stops anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from security_logging.addresses.parsing import Network
from security_logging.fail2ban.checking.kinds import Problem, problem
from security_logging.fail2ban.client import environment
from security_logging.fail2ban.configuration import Jail
from security_logging.fail2ban.site import Site

_PATH = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"))
_SECONDS = 10  # that another program may take
_SHOWN = 3  # networks that are named

# The beginning of an action's name, its parameter that says how to call the program, the program itself, and Debian's
# package of it; the first that fits.
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
# They tell somebody, and stop nobody.
_REPORTS = ("django-security-report", "sendmail", "mail", "xarf", "abuseipdb", "blocklist", "dshield", "mynetwatchman")


def of_actions(name: str, jail: Jail, site: Site) -> Iterator[Problem]:
    """Look at the actions of a jail."""
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
    return (said.strip().rpartition("\n")[2] or "it says nothing") if status else ""


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
    """Return a program's exit status and what it prints, on either of its outputs; what keeps it from running too."""
    try:
        result = subprocess.run(  # noqa: S603 - what Fail2ban, which is root, is told to run anyway, and no shell
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
