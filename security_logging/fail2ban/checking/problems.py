"""What can be wrong with an installation in Fail2ban: each problem declared once, with its message and its fix."""

from __future__ import annotations

from dataclasses import replace

from security_logging.checks.problem import Problem, error, unknown, warning

INSTALL = "manage.py security_fail2ban install"
LOCAL = "jail.d/django-security.local"

# A word in braces stands for a value of the case; a pair of braces for one brace.
_DECLARED = (
    unknown(
        "fail2ban.missing",
        "Fail2ban was not found: {reason}.",
        "apt-get install fail2ban, or run this on the machine where Fail2ban runs",
    ),
    unknown("fail2ban.not_allowed", "Fail2ban cannot be asked: {reason}.", "run this as root"),
    unknown("fail2ban.silent", "Fail2ban cannot be asked: {reason}.", "fail2ban-client status"),
    error("fail2ban.stopped", "Fail2ban does not run: {reason}.", "systemctl start fail2ban"),
    error(
        "fail2ban.refuses",
        "Fail2ban refuses its configuration and will not start again: {reason}.",
        "fail2ban-client -t, and correct the file that it names",
    ),
    error(
        "fail2ban.no_sshd_log",
        "Fail2ban does not start, because sshd writes no log file here: {reason}.",
        "apt-get install python3-systemd, and write into jail.d/sshd.local: [sshd] and below it backend = systemd",
    ),
    error(
        "fail2ban.old",
        "Fail2ban {version} is too old for the filter, which needs 0.11.2.",
        "apt-get upgrade",
    ),
    warning(
        "fail2ban.no_database",
        "Fail2ban forgets all bans at a restart, because dbfile is {value}.",
        "write into fail2ban.local, in [Definition]: dbfile = /var/lib/fail2ban/fail2ban.sqlite3",
    ),
    error("installed.missing", "{path} is not installed.", INSTALL),
    unknown("installed.unreadable", "{path} cannot be read: {reason}.", "run this as root"),
    error("installed.stale", "{path} is not what this version writes for the site's settings.", INSTALL),
    warning(
        "installed.edited",
        "{path} was edited after it was installed.",
        f"move the change into {{local}}, then: {INSTALL} (it keeps a copy)",
    ),
    error(
        "installed.writable",
        "Users other than root can write {path}, which Fail2ban runs as root.",
        "chown root {path}; chmod go-w {path}",
    ),
    error("jail.none", "None of our jails is enabled, so no address is banned.", INSTALL),
    error("jail.not_loaded", "The jail {jail} is enabled, but Fail2ban has not loaded it.", "fail2ban-client reload"),
    error(
        "jail.outdated",
        "The jail {jail} runs with {name} = {running}, but the files say {written}.",
        "fail2ban-client restart {jail}",
    ),
    error(
        "jail.filter",
        "The jail {jail} does not use our filter.",
        f"write into {LOCAL}, in [{{jail}}]: filter = django-security[mode={{mode}}]",
    ),
    error(
        "site.no_log",
        "The jails read {path}, but LOGGING writes no file that they can read.",
        'write into the settings: LOGGING = build_logging("file"), from security_logging.logging_config',
    ),
    warning(
        "site.lockout",
        "The site checks {checked} wrong passwords of a user and then locks, but django-auth bans after {limit}: an "
        "attacker of one user is never banned.",
        f"let {{setting}} allow {{limit}} or more, or: {INSTALL} --locked (django-locked can ban the victim of a lock)",
    ),
    error(
        "jail.logpath",
        "The jail {jail} reads {read}, but the site writes {written}.",
        f"write into {LOCAL}, in [{{jail}}]: logpath = {{written}}",
    ),
    error(
        "jail.format",
        "The jail {jail} reads {path} as {logtype}, but its lines are {form}.",
        f"{INSTALL} --logtype {{form}} --log {{path}}",
    ),
    error(
        "jail.no_journal",
        "The jail {jail} reads the journal, but the system's Python cannot: {reason}.",
        "apt-get install python3-systemd",
    ),
    error(
        "jail.proxy",
        "The jail {jail} can ban {networks}, a proxy that the site trusts.",
        f"{INSTALL} (it writes ignoreip)",
    ),
    warning(
        "jail.ignores_less",
        "The jail {jail} can ban {addresses}, which [DEFAULT] ignores.",
        f"{INSTALL} (it copies ignoreip of [DEFAULT])",
    ),
    error(
        "jail.ignores_all",
        "The jail {jail} ignores {networks}, and so every address.",
        f"remove it from ignoreip in {LOCAL}",
    ),
    error(
        "jail.no_action",
        "The jail {jail} has no action that bans.",
        f"remove the line action from {LOCAL}, then: fail2ban-client restart {{jail}}",
    ),
    error(
        "action.binary",
        "The action {action} of {jail} needs {program}, which is not installed.",
        "apt-get install {package}",
    ),
    error(
        "action.boto3",
        "The action {action} of {jail} needs boto3, which {python} does not have.",
        "apt-get install python3-boto3",
    ),
    error(
        "action.firewall",
        "{jail} bans with {action} in this machine's firewall, which sees only {networks} and not the clients.",
        f"{INSTALL} --front load-balancer (or aws, cloudflare); for Docker write chain = DOCKER-USER into {LOCAL}",
    ),
    error(
        "action.nginx",
        "nginx does not read {path}, the deny list of {jail}, so it refuses no address.",
        "write into nginx's http block: geo $django_security_denied {{ default 0; include {path}; }}, and into the "
        "server block: if ($django_security_denied) {{ return 403; }}",
    ),
    error(
        "action.networks",
        "{jail} bans networks (key=net), but its nftables set takes only addresses.",
        "write into action.d/nftables-common.local: the four lines of docs/fail2ban.md, IPv6",
    ),
    error(
        "action.fails",
        "A ban of {jail} failed at {time}, because the action {action} ended with an error.",
        "read the error with: grep -A3 {jail} {log}",
    ),
    warning(
        "report.log",
        "{jail} writes its bans into {path}, which does not exist.",
        f"{INSTALL} --log {{log}}",
    ),
    error(
        "log.missing",
        "{path} does not exist, and Fail2ban before 1.1.1 does not start without it.",
        INSTALL,
    ),
    error("log.no_file", "{path} is {what}, not a file.", f"move it away, then: {INSTALL}"),
    warning(
        "log.link",
        "{path} is a symbolic link, so bans are not written into it and Fail2ban can lose it at a rotation.",
        f"{INSTALL} --log {{target}}",
    ),
    error(
        "log.writable",
        "Every user of this machine can write {path}, and so have any address banned.",
        "chmod 0640 {path}",
    ),
    warning(
        "log.anyone",
        "Every user of this machine can write {path} with logger -t django-security, and so have any address banned.",
        "let rsyslog read a socket that only the site can write to, with our rsyslog.d/django-security.conf",
    ),
    error(
        "log.owner",
        "Only root can write {path}, so that no event arrives of a site that another user runs.",
        "chown {owner} {path} (the user that runs the site)",
    ),
    warning(
        "log.quiet",
        "Nothing was written into {path} for {days} days.",
        "check with manage.py security_doctor whether the site still writes it",
    ),
    error(
        "log.foreign",
        "{path} has no lines of ours but, for example, {line}.",
        'write LOGGING = build_logging("file"), or give the handler security_logging.formatters.SecurityLineFormatter',
    ),
    error(
        "log.clock",
        "The time in the last line of {path} is {seconds} seconds {way} the time of the file.",
        "timedatectl set-ntp true; where the site and Fail2ban run on two machines, on both",
    ),
    error(
        "log.zone",
        "The time in the last line of {path} is {hours} hours {way} the time of the file, so its time zone is wrong.",
        "write the time in UTC with its offset, as security_logging.formatters.SecurityLineFormatter does",
    ),
)
DECLARED = {each.id: each for each in _DECLARED}


def problem(problem_id: str, **values: object) -> Problem:
    """Return the declared problem with these values in its message and its fix."""
    declared = DECLARED[problem_id]
    return replace(declared, message=declared.message.format(**values), fix=declared.fix.format(**values))
