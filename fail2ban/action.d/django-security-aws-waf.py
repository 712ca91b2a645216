"""
Keep the addresses that Fail2ban bans in two AWS WAFv2 IP sets. Called by django-security-aws-waf.conf.

    django-security-aws-waf.py --state FILE --set4 NAME --set6 NAME --jail NAME add|remove|clear|sync [NETWORK]

add, remove and clear write the change into the state file, and start a process that waits for more changes and then
applies all of them at once. It needs Python 3.8 and boto3, and nothing of the site.
"""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import json
import os
import random
import subprocess
import sys
import syslog
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator  # noqa: UP035 - Python 3.8

LARGEST_SET = 10_000  # addresses, AWS WAF's quota
WIDEST = {4: 16, 6: 32}  # shortest prefixes that may be banned, so that a mistake cannot lock out all visitors
UPDATES = 12  # attempts of one change, when others change the set at the same time


def main(arguments: list[str] | None = None) -> int:
    """Write down a change of the jail, or apply all changes to the sets; return the exit status."""
    options = parse_arguments(arguments)
    if options.verb == "sync":
        return sync(options)
    try:
        network = network_of(options.network) if options.verb != "clear" else ""
    except ValueError as error:
        sys.stderr.write(f"django-security-aws-waf: {error}\n")
        return 1
    note(options, network)
    if options.wait:
        return sync(options)
    start_sync(sys.argv[1:] if arguments is None else arguments, options)
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--scope", default="REGIONAL", choices=["REGIONAL", "CLOUDFRONT"])
    parser.add_argument("--set4", required=True)
    parser.add_argument("--set6", required=True)
    parser.add_argument("--jail", default="")
    parser.add_argument("--burst", default=2.0, type=float, help="seconds to wait for more")
    parser.add_argument("--wait", action="store_true", help="return when AWS has it")
    parser.add_argument("verb", choices=["add", "remove", "clear", "sync"])
    parser.add_argument("network", nargs="?", default="")
    return parser.parse_args(arguments)


def network_of(text: str) -> str:
    """Return the address or network in the CIDR form that WAF wants; raise ValueError for anything else."""
    if "%" in text:  # ipaddress takes a zone id, WAF does not
        raise ValueError(f"{text} has a zone id")
    network = ipaddress.ip_network(text)
    if network.prefixlen < WIDEST[network.version]:
        raise ValueError(f"{text} is too wide to be banned")
    return str(network)


def note(options: argparse.Namespace, network: str) -> None:
    """Write into the state what the jail wants from now on, the newest last."""
    with locked(options.state, "lock"):
        state = read_state(options.state)
        wanted = [one for one in state["wanted"].get(options.jail, []) if network and one != network]
        state["wanted"][options.jail] = [*wanted, network] if options.verb == "add" else wanted
        write_state(options.state, state)


def start_sync(arguments: list[str], options: argparse.Namespace) -> None:
    """Start a process that brings the sets to what is wanted, and do not wait for it."""
    rest = arguments[: arguments.index(options.verb)]
    subprocess.Popen(  # noqa: S603 - this very script
        [sys.executable, os.path.abspath(__file__), *rest, "sync"],  # noqa: PTH100 - a name, not a path to follow
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def sync(options: argparse.Namespace) -> int:
    """
    Bring the sets to what is wanted, once for all that is noted within the burst.

    One process waits, one works. Who comes while another waits may go: the waiting one reads the state later.
    """
    with ExitStack() as stack:
        with locked(options.state, "waiting", wait=options.wait) as is_first:
            if not is_first:
                return 0
            time.sleep(0 if options.wait else options.burst)
            stack.enter_context(locked(options.state, "working"))
        try:
            apply(options)
        except Exception as error:  # noqa: BLE001 - whatever AWS or boto3 say is reported, and the next ban tries again
            report(options.state, f"{type(error).__name__}: {error}")
            return 1
        report(options.state, "")
        return 0


def apply(options: argparse.Namespace) -> None:
    """Change both sets to what is wanted; what others put there stays."""
    with locked(options.state, "lock"):
        state = read_state(options.state)
        wanted = list(dict.fromkeys(one for jail in state["wanted"].values() for one in jail))
        applied = state["applied"]
        state["applied"] = list(dict.fromkeys([*applied, *wanted]))  # what may be there, should we die on the way
        write_state(options.state, state)
    if applied or wanted:
        client = connect(options.region)
        for version, name in ((4, options.set4), (6, options.set6)):
            ours = [one for one in wanted if ipaddress.ip_network(one).version == version]
            change_set(client, options.scope, name, ours, gone=set(applied) - set(wanted))
    with locked(options.state, "lock"):
        state = read_state(options.state)
        state["applied"] = wanted
        write_state(options.state, state)


def connect(region: str) -> Any:
    """Return a client of WAFv2 that gives up in time."""
    import boto3  # half a second, so only where it is used
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, read_timeout=10)
    return boto3.client("wafv2", region_name=region, config=config)


def change_set(client: Any, scope: str, name: str, ours: list[str], gone: set[str]) -> None:
    """Add `ours` to the set and remove `gone`; start again if another process changed the set meanwhile."""
    identifier = find_set(client, scope, name)
    for attempt in range(1, UPDATES + 1):
        found = client.get_ip_set(Name=name, Scope=scope, Id=identifier)
        current = found["IPSet"]["Addresses"]
        addresses = merged(current, ours, gone)
        if sorted(addresses) == sorted(current):
            return
        try:
            client.update_ip_set(
                Name=name, Scope=scope, Id=identifier, Addresses=addresses, LockToken=found["LockToken"]
            )
        except client.exceptions.WAFOptimisticLockException:
            if attempt == UPDATES:
                raise
            time.sleep(random.uniform(0, 0.2 * attempt))  # noqa: S311 - no secret
        else:
            return


def merged(current: list[str], ours: list[str], gone: set[str]) -> list[str]:
    """Return what the set should hold: what others put there, and the newest of ours that fit."""
    others = [one for one in current if one not in gone and one not in ours]
    room = max(0, LARGEST_SET - len(others))
    return [*others, *ours[max(0, len(ours) - room) :]]


def find_set(client: Any, scope: str, name: str) -> str:
    """Return the identifier of the set of that name."""
    page = client.list_ip_sets(Scope=scope, Limit=100)
    while True:
        for found in page["IPSets"]:
            if found["Name"] == name:
                return str(found["Id"])
        if not page.get("NextMarker"):
            raise LookupError(f"there is no IP set {name} with scope {scope} in this region")
        page = client.list_ip_sets(Scope=scope, Limit=100, NextMarker=page["NextMarker"])


def read_state(path: Path) -> dict[str, Any]:
    """Return what the jails want and what may be in the sets."""
    try:
        return dict(json.loads(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        return {"wanted": {}, "applied": []}


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Replace the state file; a full disk leaves the old one."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(state), encoding="ascii")
    new.replace(path)


@contextmanager
def locked(path: Path, purpose: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock beside the state file; yield whether it was free, where it is not to be waited for."""
    with path.with_name(f"{path.name}.{purpose}").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def report(path: Path, problem: str) -> None:
    """Leave the problem for an operator beside the state and in syslog; an empty one takes the last one away."""
    error = path.with_name(path.name + ".error")
    if problem:
        error.write_text(problem + "\n", encoding="utf-8")
        syslog.syslog(syslog.LOG_ERR, f"django-security-aws-waf: {problem}")
    else:
        error.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
