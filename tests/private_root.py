"""Run Python as root with an empty /srv and /var of its own, so that no attack touches the machine."""

from __future__ import annotations

import os
import subprocess
import sys

from requires import require_network_namespaces, require_root

SITE = 65534  # the user whom the attacks run as: nobody
_MOUNT = 'for place in /srv /var; do mount -t tmpfs -o mode=755 tmpfs $place || exit 1; done; exec "$@"'
_START = f"""
import contextlib, json, os, stat, sys, time
SITE = {SITE}

def as_site(work):
    '''Start the work as the site's user in a process of its own, which ends with this one; return its number.'''
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setgroups([])
        os.setgid(SITE)
        os.setuid(SITE)
        end = time.monotonic() + 60
        while os.getppid() == parent and time.monotonic() < end:
            with contextlib.suppress(OSError):
                work()
    finally:
        os._exit(0)

def stop(child):
    '''End what as_site has started.'''
    os.kill(child, 9)
    os.waitpid(child, 0)

def site_directory(path, mode=0o755):
    '''Make a directory of the site's user.'''
    os.mkdir(path)
    os.chown(path, SITE, SITE)
    os.chmod(path, mode)
"""


def run_as_root(script: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the script with what `_START` gives it, and return what it prints; the test is skipped without root."""
    require_root()
    require_network_namespaces()
    command = ["unshare", "--mount", "--fork", "--kill-child", "sh", "-c", _MOUNT, "sh", sys.executable, "-c"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [*command, _START + script, *arguments], env=environment, cwd="/", capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert not check or result.returncode == 0, result.stderr
    return result
