"""What may be wrong with an installation in Fail2ban: each kind declared once, with its words and its fix."""

from __future__ import annotations

from dataclasses import dataclass

INSTALL = "manage.py security_fail2ban install"
LOCAL = "jail.d/django-security.local"


@dataclass(frozen=True)
class Kind:
    """A kind of problem; `message` and `fix` are filled in with the values of the case."""

    id: str
    message: str
    fix: str
    is_error: bool = True  # nobody gets banned, or the wrong one may be
    is_unseen: bool = False  # not a problem, but something that could not be looked at

    @property
    def level(self) -> str:
        """What it is: error, warning, or unknown for what could not be looked at."""
        return "unknown" if self.is_unseen else "error" if self.is_error else "warning"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, with the one line that mends it."""

    kind: Kind
    message: str
    fix: str

    @property
    def mark(self) -> str:
        """The level at a glance, as the doctor shows it."""
        return {"error": "XX", "warning": "!!", "unknown": "??"}[self.kind.level]

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"id": self.kind.id, "level": self.kind.level, "message": self.message, "fix": self.fix}


_KINDS = (
    Kind(
        "fail2ban.missing",
        "Fail2ban is not here: {reason}.",
        "apt-get install fail2ban, or run this on the machine that has it",
        is_unseen=True,
    ),
    Kind("fail2ban.not_allowed", "Fail2ban cannot be asked: {reason}.", "run this as root", is_unseen=True),
    Kind("fail2ban.silent", "Fail2ban cannot be asked: {reason}.", "fail2ban-client status", is_unseen=True),
    Kind("fail2ban.stopped", "Fail2ban does not run: {reason}.", "systemctl start fail2ban"),
    Kind("fail2ban.refuses", "Fail2ban will not start again: {reason}.", "fail2ban-client -t, and mend what it names"),
    Kind(
        "fail2ban.no_sshd_log",
        "Fail2ban does not start, because sshd writes no log file here: {reason}.",
        "apt-get install python3-systemd, and write into jail.d/sshd.local: [sshd] and below it backend = systemd",
    ),
    Kind("fail2ban.old", "Fail2ban {version} is too old for the filter, which needs 0.11.2.", "apt-get upgrade"),
    Kind(
        "fail2ban.no_database",
        "dbfile is {value}: after a restart bans are forgotten, and nobody is banned longer for coming back.",
        "write into fail2ban.local, in [Definition]: dbfile = /var/lib/fail2ban/fail2ban.sqlite3",
        is_error=False,
    ),
    Kind("installed.missing", "{path} is not installed.", INSTALL),
    Kind("installed.unreadable", "{path} cannot be read: {reason}.", "run this as root", is_unseen=True),
    Kind("installed.stale", "{path} is not what this version and the site's settings make.", INSTALL),
    Kind(
        "installed.edited",
        "{path} was changed by hand since it was installed.",
        f"move the change into {{local}}, then: {INSTALL} (it keeps a copy)",
        is_error=False,
    ),
    Kind(
        "installed.writable",
        "{path} can be written by others than root, who runs it.",
        "chown root {path}; chmod go-w {path}",
    ),
    Kind("jail.none", "None of our jails is switched on: nobody gets banned.", INSTALL),
    Kind(
        "jail.not_loaded", "The jail {jail} is switched on, but Fail2ban has not loaded it.", "fail2ban-client reload"
    ),
    Kind(
        "jail.outdated",
        "The jail {jail} runs with {name} = {running}, and the files say {written}.",
        "fail2ban-client restart {jail}",
    ),
    Kind(
        "jail.filter",
        "The jail {jail} does not use our filter.",
        f"write into {LOCAL}, in [{{jail}}]: filter = django-security[mode={{mode}}]",
    ),
    Kind(
        "site.no_log",
        "The jails read {path}, but LOGGING writes no file that they could read.",
        'write into the settings: LOGGING = build_logging("file"), of security_logging.logging_config',
    ),
    Kind(
        "jail.logpath",
        "The jail {jail} reads {read}, but the site writes {written}.",
        f"write into {LOCAL}, in [{{jail}}]: logpath = {{written}}",
    ),
    Kind(
        "jail.format",
        "The jail {jail} reads {path} as {logtype}, but its lines are {form}.",
        f"{INSTALL} --logtype {{form}} --log {{path}}",
    ),
    Kind(
        "jail.no_journal",
        "The jail {jail} reads the journal, and the system's Python cannot: {reason}.",
        "apt-get install python3-systemd",
    ),
    Kind(
        "jail.proxy",
        "The jail {jail} may ban {networks}, a proxy that the site trusts.",
        f"{INSTALL} (it writes ignoreip)",
    ),
    Kind(
        "jail.ignores_less",
        "[DEFAULT] never bans {addresses}, the jail {jail} does.",
        f"{INSTALL} (it takes over ignoreip of [DEFAULT])",
        is_error=False,
    ),
    Kind(
        "jail.ignores_all",
        "The jail {jail} ignores {networks}: that is everybody.",
        f"take it out of ignoreip in {LOCAL}",
    ),
    Kind(
        "jail.no_action",
        "The jail {jail} has no action that bans: it counts and bans nobody.",
        f"remove the line action from {LOCAL}, then: fail2ban-client restart {{jail}}",
    ),
    Kind(
        "action.binary",
        "The action {action} of {jail} needs {program}, which is not installed.",
        "apt-get install {package}",
    ),
    Kind(
        "action.boto3",
        "The action {action} of {jail} needs boto3, and {python} has none.",
        "apt-get install python3-boto3",
    ),
    Kind(
        "action.firewall",
        "{jail} bans with {action} in this machine's firewall, but clients come through {networks}: that stops nobody.",
        f"{INSTALL} --front load-balancer (or aws, cloudflare); for Docker write chain = DOCKER-USER into {LOCAL}",
    ),
    Kind(
        "action.nginx",
        "nginx does not read {path}, the deny list of {jail}: that stops nobody.",
        "write into nginx's http block: geo $django_security_denied {{ default 0; include {path}; }}, and into the "
        "server block: if ($django_security_denied) {{ return 403; }}",
    ),
    Kind(
        "action.networks",
        "{jail} bans networks (key=net), and its nftables set takes addresses only.",
        "write into action.d/nftables-common.local: the four lines of docs/fail2ban.md, IPv6",
    ),
    Kind(
        "action.fails",
        "A ban of {jail} failed at {time}: the action {action} ended with an error.",
        "grep -A3 {jail} {log} says why",
    ),
    Kind(
        "report.log",
        "{jail} writes its bans into {path}, which does not exist.",
        f"{INSTALL} --log {{log}}",
        is_error=False,
    ),
    Kind(
        "log.missing",
        "{path} does not exist; before version 1.1.1 the whole Fail2ban does not start without it.",
        INSTALL,
    ),
    Kind("log.no_file", "{path} is {what} and no file.", f"move it away, then: {INSTALL}"),
    Kind(
        "log.link",
        "{path} is a symbolic link: bans are not written into it, and rotation may leave Fail2ban behind.",
        f"{INSTALL} --log {{target}}",
        is_error=False,
    ),
    Kind(
        "log.writable", "Everybody on this machine may write {path}, and so have anybody banned.", "chmod 0640 {path}"
    ),
    Kind(
        "log.owner",
        "{path} is empty, and only root may write it.",
        "chown www-data:adm {path} (the user that runs the site)",
    ),
    Kind(
        "log.quiet",
        "Nothing was written into {path} for {days} days.",
        "manage.py security_doctor says whether the site still writes it",
        is_error=False,
    ),
    Kind(
        "log.foreign",
        "{path} does not hold our lines, but: {line}",
        'write LOGGING = build_logging("file"), or give the handler security_logging.formatters.SecurityLineFormatter',
    ),
    Kind(
        "log.clock",
        "The last line of {path} is dated {seconds} seconds {way} the file's own time.",
        "timedatectl set-ntp true, on both machines where site and Fail2ban have two",
    ),
    Kind(
        "log.zone",
        "The last line of {path} is dated {hours} hours {way} the file's own time: a zone that is wrong.",
        "write the time in UTC with its offset, as security_logging.formatters.SecurityLineFormatter does",
    ),
)
KINDS = {kind.id: kind for kind in _KINDS}


def problem(id_: str, **values: object) -> Problem:
    """Return a problem of the kind, with its values in its words."""
    kind = KINDS[id_]
    return Problem(kind, kind.message.format(**values), kind.fix.format(**values))
