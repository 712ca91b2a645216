"""Run the real Fail2ban privately: own socket, database and configuration, as root or as anybody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from waiting import wait_for

SHIPPED = Path(__file__).parent.parent / "fail2ban"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that has the fail2ban package; a virtual environment's has not
COMMAND_SECONDS = 60
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # nginx and nft are where only root looks

_SERVER = """\
[Definition]
loglevel = INFO
logtarget = {0}/fail2ban.log
syslogsocket = auto
socket = {0}/f2b.sock
pidfile = {0}/f2b.pid
dbfile = {0}/f2b.sqlite3
dbpurgeage = 1d
allowipv6 = auto
"""
_JAIL_DEFAULTS = """\
[DEFAULT]
ignoreself = false
ignoreip =
usedns = no
backend = polling
bantime = 600
findtime = 600
maxretry = 3
enabled = false
mode = normal
filter = %(__name__)s[mode=%(mode)s]
banaction = tofile
action_ = %(banaction)s[name=%(__name__)s]
action = %(action_)s
"""
_TO_FILE = """\
[Definition]
actionban = echo "ban <name> <ip>" >> <target>
actionunban = echo "unban <name> <ip>" >> <target>
[Init]
target = {0}/bans
"""


def fail2ban_root() -> str:
    """Return the root directory of the system whose Fail2ban is tested; "/" is the machine's own."""
    return os.environ.get("FAIL2BAN_ROOT", "/")


def command(*words: str) -> list[str]:
    """Return the command line that runs a program of the tested system; /tmp is the same in both."""
    return list(words) if fail2ban_root() == "/" else ["chroot", fail2ban_root(), *words]


def run(*words: str, env: Mapping[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of the tested system to its end and return its output as text."""
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})}
    result = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=COMMAND_SECONDS, env=environment, check=False
    )
    if check and result.returncode:
        raise AssertionError(f"{' '.join(words)} failed ({result.returncode}): {result.stdout}{result.stderr}")
    return result


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """Make a directory whose name is short enough for a unix socket, and remove it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="f2b-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        wait_for(lambda: _is_removed(directory), f"{directory} to be removed")


def _is_removed(directory: Path) -> bool:
    """Remove a directory in which a process that is just ending may still write."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def write_config(directory: Path, jails: str) -> None:
    """Write a configuration directory: our shipped filter and actions, the action `tofile`, and these jails."""
    drop_in(directory, "filter.d", "action.d")
    (directory / "fail2ban.conf").write_text(_SERVER.format(directory))
    (directory / "jail.conf").write_text(_JAIL_DEFAULTS)
    _write_local(directory, jails)


def copy_stock_config(directory: Path, jails: str) -> None:
    """Copy the distribution's /etc/fail2ban and make it private; nothing of ours is in it but the action `tofile`."""
    shutil.copytree(Path(fail2ban_root()) / "etc" / "fail2ban", directory, dirs_exist_ok=True)
    (directory / "fail2ban.local").write_text(_SERVER.format(directory))
    _write_local(directory, jails)


def drop_in(directory: Path, *kinds: str) -> None:
    """Copy the shipped files of these kinds, e.g. filter.d, into a configuration directory."""
    for kind in kinds:
        shutil.copytree(SHIPPED / kind, directory / kind, dirs_exist_ok=True)


def _write_local(directory: Path, jails: str) -> None:
    (directory / "action.d" / "tofile.conf").write_text(_TO_FILE.format(directory))
    (directory / "jail.local").write_text(jails)


class PrivateFail2ban:
    """
    A Fail2ban server of its own in a configuration directory, as a context manager.

    `prefix` runs the server below another program, for a network namespace; `environment` is added to its own.
    """

    def __init__(
        self, directory: Path, *, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Take a directory that `write_config` or `copy_stock_config` has filled; nothing runs yet."""
        self.directory = directory
        self.prefix = prefix
        self.environment = environment

    def __enter__(self) -> PrivateFail2ban:  # noqa: PYI034 - Self needs Python 3.11
        """Start the server."""
        try:
            self.start()
        except BaseException:  # a server that refuses its jails still runs
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, whatever happened."""
        self.stop()

    @property
    def log(self) -> str:
        """What the server has logged."""
        path = self.directory / "fail2ban.log"
        return path.read_text() if path.exists() else ""

    @property
    def actions(self) -> list[str]:
        """The lines that the action `tofile` wrote, in order: "ban JAIL ADDRESS" or "unban JAIL ADDRESS"."""
        path = self.directory / "bans"
        return path.read_text().splitlines() if path.exists() else []

    def client(self, *words: str, check: bool = True) -> str:
        """Run fail2ban-client with `words` and return its output."""
        paths = ("-c", str(self.directory), "-s", f"{self.directory}/f2b.sock", "-p", f"{self.directory}/f2b.pid")
        result = run(*self.prefix, "fail2ban-client", *paths, *words, env=self.environment, check=check)
        return result.stdout + result.stderr

    def start(self) -> None:
        """Start the server and return when it answers."""
        self.client("start")
        self.wait_for(lambda: "pong" in self.client("ping", check=False), "the server to answer")

    def stop(self) -> None:
        """Stop the server and return when its process has gone; kill it when it does not go."""
        pid = self.pid
        if pid is None:
            return
        self.client("stop", check=False)
        try:
            self.wait_for(lambda: not _is_running(pid), "the server to stop")
        finally:
            if _is_running(pid):
                os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the server without a chance to clean up, as a crash would."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not _is_running(pid), "the server to die")
        for name in ("f2b.sock", "f2b.pid"):
            (self.directory / name).unlink(missing_ok=True)

    @property
    def pid(self) -> int | None:
        """The server's process number; None when it does not run."""
        path = self.directory / "f2b.pid"
        return int(path.read_text()) if path.exists() else None

    def banned(self, jail: str) -> set[str]:
        """Return what `jail` has banned, as its status says."""
        listed = self.client("status", jail).rpartition("Banned IP list:")[2]
        return set(listed.split())

    def ban(self, jail: str, *addresses: str) -> None:
        """Ban by hand."""
        for address in addresses:
            self.client("set", jail, "banip", address)

    def unban(self, jail: str, *addresses: str) -> None:
        """Lift bans by hand."""
        for address in addresses:
            self.client("set", jail, "unbanip", address)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait as `wait_for` does; a failure also shows what the server logged."""
        try:
            wait_for(condition, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from None


def _is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def fail2ban_regex(log: Path, filter_file: Path, options: str = "", *, output: str = "id") -> list[str]:
    """Return what fail2ban-regex says of the lines of `log` that the filter matches, in order."""
    filter_words = f"{filter_file}[{options}]" if options else str(filter_file)
    return run("fail2ban-regex", str(log), filter_words, "-o", output).stdout.splitlines()


def run_samples(config: Path, logs: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run the samples `logs`/NAME against `config`/filter.d/NAME.conf with Fail2ban's own test harness."""
    script = Path(__file__).parent / "real_fail2ban" / "run_samples.py"
    with short_directory() as directory:
        shutil.copy(script, directory)
        shutil.copytree(config, directory / "config")
        shutil.copytree(logs, directory / "logs")
        words = (str(directory / "run_samples.py"), str(directory / "config"), str(directory / "logs"), *names)
        return run(SYSTEM_PYTHON, *words, check=False)
