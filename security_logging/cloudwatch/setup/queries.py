"""Saved queries of CloudWatch Logs Insights, for an investigation."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from security_logging.events import types
from security_logging.events.fields import FIELDS
from security_logging.events.type_registry import counted
from security_logging.events.types import EventType

EXAMPLES = {"ip": "203.0.113.7", "user": "alice", "request_id": "00000000-0000-0000-0000-000000000000"}


@dataclass(frozen=True)
class Query:
    """
    A saved query.

    `question` is its title. `text` may contain $ip, $user and $request_id. A saved query has the `EXAMPLES` in their
    place, and `manage.py security_cloudwatch query` takes them as options.
    """

    name: str
    question: str
    text: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the values that the query needs."""
        return tuple(name for name in EXAMPLES if f"${name}" in self.text)

    def render(self, **values: str) -> str:
        """Return the text with the values; raises ValueError for a value that could end its string."""
        wrong = [name for name, value in values.items() if set(value) & set("\"'\\`\n\r|")]
        if wrong:
            raise ValueError(f"{wrong[0]} must not contain quotes, backslashes, pipes or line ends.")
        return Template(self.text).substitute(EXAMPLES | values)


def queries() -> tuple[Query, ...]:
    """Return all queries, with the event types that are registered now."""
    failed = _is(*counted("normal"))
    login, user, ip, surface, path = _is(types.LOGIN), _ecs("user"), _ecs("ip"), _ecs("surface"), _ecs("path")
    target, reason, prior = _ecs("target"), _ecs("reason"), _ecs("prior_failures")
    newest, events = "sort @timestamp desc", "fields @timestamp, event.action"
    return (
        Query("attackers", "Which addresses fail to log in most often?", _lines(
            f"filter {failed}", f"stats count(*) as failures, count_distinct({user}) as users by {ip}",
            "sort failures desc", "limit 25")),
        Query("targets", "Which users are attacked most?", _lines(
            f"filter {failed}", f"stats count(*) as failures, count_distinct({ip}) as addresses by {user}",
            "sort failures desc", "limit 25")),
        Query("spraying", "Which addresses try many users (password spraying)?", _lines(
            f"filter {failed}", f"stats count_distinct({user}) as users, count(*) as failures by {ip}",
            "filter users >= 5", "sort users desc", "limit 25")),
        Query("botnet", "Which users are attacked from many addresses?", _lines(
            f"filter {failed}", f"stats count_distinct({ip}) as addresses, count(*) as failures by {user}",
            "filter addresses >= 5", "sort addresses desc", "limit 25")),
        Query("broken-in", "Which addresses failed and then logged in?", _lines(
            f"filter {_is(*counted('normal'), types.LOGIN)}",
            "fields strcontains(event.outcome, \"success\") as is_login",
            f"stats sum(1 - is_login) as failures, sum(is_login) as logins, count_distinct({user}) as users by {ip}",
            "filter failures >= 5 and logins > 0", "sort failures desc", "limit 25")),
        Query("after-failures", "Who logged in after failed attempts?", _lines(
            f"{events}, {user}, {ip}, {prior}", f"filter {login} and {prior} > 0", f"sort {prior} desc", "limit 50")),
        Query("admin", "Who tries to get into the admin?", _lines(
            f"filter {failed} and {surface} = \"admin\"", f"stats count(*) as failures by {ip}, {user}",
            "sort failures desc", "limit 25")),
        Query("surfaces", "Where are logins refused: site, admin or API, and why?", _lines(
            f"filter {failed}", f"stats count(*) as failures by {surface}, {reason}", "sort failures desc")),
        Query("development", "How did failed logins develop?", _lines(
            f"filter {failed}", "stats count(*) as failures by bin(5m)")),
        Query("programs", "Which programs fail to log in?", _lines(
            f"filter {failed}", f"stats count(*) as failures, count_distinct({ip}) as addresses by {_ecs('agent')}",
            "sort failures desc", "limit 25")),
        Query("address", "What did one address do?", _lines(
            f"{events}, {surface}, {reason}, {user}, {path}", f"filter {ip} = \"$ip\"", newest, "limit 200")),
        Query("user", "What happened to one user, and what did this user do?", _lines(
            f"{events}, {ip}, {surface}, {reason}, {target}", f"filter {user} = \"$user\" or {target} = \"$user\"",
            newest, "limit 200")),
        Query("request", "What else belongs to one request?", _lines(
            f"{events}, {user}, {ip}, {path}, message", f"filter {_ecs('request_id')} = \"$request_id\"", newest)),
        Query("logins", "From which addresses did each user log in?", _lines(
            f"filter {login}", f"stats count(*) as logins, count_distinct({ip}) as addresses, max(@timestamp) as last "
            f"by {user}", "sort addresses desc", "limit 50")),
        Query("admins", "Who logged in to the admin, and from where?", _lines(
            f"{events}, {user}, {ip}", f"filter {login} and {surface} = \"admin\"", newest, "limit 50")),
        Query("privileges", "Who was given rights, and by whom?", _lines(
            f"{events}, {user}, {target}, {_ecs('group')}, {_ecs('change')}, {_ecs('before')}, {_ecs('after')}",
            f"filter {_is(types.PRIVILEGES_CHANGED, types.GROUP_PERMISSIONS_CHANGED)}", newest, "limit 50")),
        Query("accounts", "Which users were created, disabled or deleted, and by whom?", _lines(
            f"{events}, {user}, {target}, {ip}",
            f"filter {_is(types.USER_CREATED, types.USER_DISABLED, types.USER_DELETED)}", newest, "limit 50")),
        Query("passwords", "Whose password was changed or reset?", _lines(
            f"{events}, {user}, {target}, {ip}",
            f"filter {_is(types.PASSWORD_CHANGED, types.PASSWORD_RESET_REQUESTED, types.PASSWORD_RESET_COMPLETED)}",
            newest, "limit 50")),
        Query("timeline", "What happened, from the first attempt to the lifted ban?", _lines(
            "fields @timestamp, @message",
            f"filter {_is(*counted('normal'), types.LOGIN, types.LOGIN_LOCKED, types.BANNED, types.UNBANNED)}",
            "sort @timestamp asc", "limit 200")),
        Query("bans", "Which addresses were banned, by which jail, and for how long?", _lines(
            f"{events}, {ip}, {_ecs('jail')}, {_ecs('failures')}, {_ecs('duration')}, {_ecs('bans')}",
            f"filter {_is(types.BANNED, types.UNBANNED)}", newest, "limit 50")),
        Query("unbanned-attackers", "Which addresses failed often and were not banned?", _lines(
            f"filter {_is(*counted('normal'), types.BANNED)}",
            f"fields strcontains(event.action, \"{types.BANNED.name}\") as is_ban",
            f"stats sum(1 - is_ban) as failures, sum(is_ban) as bans by {ip}", "filter failures >= 5 and bans = 0",
            "sort failures desc", "limit 25")),
        Query("probes", "What are scanners looking for?", _lines(
            "filter log.logger like /\\.probe$$/", f"stats count(*) as requests by event.action, {path}",
            "sort requests desc", "limit 50")),
        Query("second-factors", "Whose second factor was refused, with the password known to the attacker?", _lines(
            f"{events}, {user}, {ip}, {reason}", f"filter {_is(types.MFA_FAILED)}", newest, "limit 50")),
        Query("twice", "Which events were delivered twice?", _lines(
            "filter ispresent(event.id)", "stats count(*) as copies by event.id", "filter copies > 1", "limit 25")),
        Query("pipeline", "Is the log complete: what was late, refused or lost?", _lines(
            f"{events}, {_ecs('sink')}, {_ecs('sent')}, {_ecs('spooled')}, {_ecs('dropped')}, {_ecs('rejected')}, "
            f"{_ecs('lag')}, {_ecs('detail')}",
            f"filter {_is(types.LOGGING_DEGRADED)} or {_ecs('dropped')} > 0 or {_ecs('lag')} > 60", newest, "limit 50",
        )),
    )  # fmt: skip


def get(name: str) -> Query:
    """Return the query of that name; raises KeyError."""
    return {query.name: query for query in queries()}[name]


def _is(*wanted: EventType) -> str:
    names = ", ".join(f'"{event_type.name}"' for event_type in wanted)
    return f"event.action in [{names}]" if len(wanted) > 1 else f"event.action = {names}"


def _ecs(field: str) -> str:
    return FIELDS[field].ecs


def _lines(*commands: str) -> str:
    return "\n| ".join(commands)
