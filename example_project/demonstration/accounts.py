"""Which system account runs what: never root where it can be avoided."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TypedDict


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` for the user of a program; empty for the user who runs the demo."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A system account; `identity` is empty when it is the demo's own."""

    name: str
    uid: int
    gid: int
    identity: Identity


def own() -> Account:
    """Return the account that runs the demo."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run under a number without a name
        name = f"uid {uid}"
    return Account(name, uid, os.getegid(), {})


def unprivileged() -> Account:
    """Return the account "nobody" if the demo runs as root, else the account of the user who runs it."""
    if os.geteuid() != 0:
        return own()
    nobody = pwd.getpwnam("nobody")
    identity: Identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return Account("nobody", nobody.pw_uid, nobody.pw_gid, identity)
