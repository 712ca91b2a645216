"""The fields of events: what each means, how it is written, and how a value is made safe to write."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from itertools import takewhile
from json.encoder import encode_basestring_ascii

UNKNOWN = "-"  # written for an address, a surface or a reason that is not known; Fail2ban does not count it
TEXT_LIMIT = 256  # characters; longer texts are cut
HEAD = ("ip", "net", "surface", "reason")  # always present, in this order, never chosen by a client

Value = str | int
_ELLIPSIS, _ELLIPSIS_ROOM = "\u2026", len(r"\u2026")
_NOT_WORD = re.compile(r"[^A-Za-z0-9_.:-]")
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # printable ASCII that needs no escape
_WRITTEN = re.compile(r"\\u[dD][89abAB]..\\u....|\\u....|\\.|.")  # one character of a text in JSON
_LENGTHS = frozenset(map(str, range(64, 129)))  # of networks; one person can have a whole /64


class Written(str):
    """An address or a network that is already in its normal form."""

    __slots__ = ()


class Kind(Enum):
    """How a field's value is written."""

    WORD = "word"  # bare; letters, digits and _ . : - only
    ADDRESS = "address"  # bare; canonical IPv4 or IPv6 without port and zone, or "-"
    NETWORK = "network"  # bare; an address, or an IPv6 network in CIDR form, or "-"
    TEXT = "text"  # an ASCII JSON string; the only kind that may hold text of a client
    INTEGER = "integer"  # bare decimal digits


@dataclass(frozen=True)
class Field:
    """
    One field of an event.

    `ecs` is the field's dotted path in the Elastic Common Schema. `max_length` is in bytes as written, with the
    quotes of a text; a longer text is cut and ends in an ellipsis.
    """

    name: str
    kind: Kind
    meaning: str
    ecs: str
    max_length: int

    @cached_property
    def is_text(self) -> bool:
        """Whether the value is a text, which may come from a client."""
        return self.kind is Kind.TEXT

    @cached_property
    def as_it_is(self) -> re.Pattern[str]:
        """Return the pattern of texts that need no change, as nearly all need none."""
        texts = {
            Kind.TEXT: rf"[ !#-\[\]-~]{{0,{min(TEXT_LIMIT, self.max_length - 2)}}}",
            Kind.WORD: rf"[A-Za-z0-9_.:-]{{1,{self.max_length}}}",
        }
        return re.compile(texts.get(self.kind, "(?!)"))

    @cached_property
    def made_fit(self) -> Callable[[object], Value]:
        """Return the function that changes any other value so that it fits."""
        functions: dict[Kind, Callable[[object], Value]] = {
            Kind.TEXT: lambda value: clip(value if isinstance(value, str) else str(value), self.max_length - 2),
            Kind.INTEGER: lambda value: _integer(value, self.max_length),
            Kind.WORD: lambda value: _NOT_WORD.sub("_", _exact(value)[: self.max_length]) or UNKNOWN,
            Kind.ADDRESS: _address,
            Kind.NETWORK: _network,
        }
        return functions[self.kind]


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("ip", Kind.ADDRESS, "Address that may be banned; - if it is not proven.", "source.ip", 39),
        Field("net", Kind.NETWORK, "IPv6: the /64 of the address; IPv4: the address.", "labels.net", 43),
        Field("surface", Kind.WORD, "Where it happened: site, admin or api.", "labels.surface", 16),
        Field("reason", Kind.WORD, "Why it happened, in one word.", "event.reason", 64),
        Field("user", Kind.TEXT, "User name as typed or known, after the user name policy.", "user.name", 322),
        Field("user_id", Kind.TEXT, "Primary key of the user, if known.", "user.id", 66),
        Field("method", Kind.TEXT, "HTTP method.", "http.request.method", 18),
        Field("path", Kind.TEXT, "Path without the query.", "url.path", 322),
        Field("status", Kind.INTEGER, "HTTP status of the response.", "http.response.status_code", 3),
        Field("agent", Kind.TEXT, "User-Agent header.", "user_agent.original", 322),
        Field("request_id", Kind.TEXT, "Identifier of the request, the same in all its lines.", "http.request.id", 66),
        Field("peer", Kind.ADDRESS, "TCP peer, if it is not the address.", "observer.ip", 39),
        Field("claimed", Kind.ADDRESS, "Address that forwarding headers claim; not proven.", "network.forwarded_ip", 39),
        Field("ip_reason", Kind.WORD, "Why the address is unknown.", "labels.ip_reason", 32),
        Field("crosssite", Kind.INTEGER, "1 if the browser says that another site sent the request.", "labels.crosssite", 1),
        Field("count", Kind.INTEGER, "Number of identical events that this line stands for.", "labels.count", 10),
        Field("backend", Kind.WORD, "Authentication backend that accepted the user.", "labels.backend", 96),
        Field("prior_failures", Kind.INTEGER, "Failed logins of this user or address before this login.", "labels.prior_failures", 10),
        Field("target", Kind.TEXT, "User that was acted on.", "user.target.name", 202),
        Field("target_id", Kind.TEXT, "Primary key of the user that was acted on.", "user.target.id", 66),
        Field("group", Kind.TEXT, "Group that was acted on.", "group.name", 162),
        Field("change", Kind.TEXT, "What was changed.", "labels.change", 66),
        Field("before", Kind.TEXT, "Value before the change.", "labels.before", 162),
        Field("after", Kind.TEXT, "Value after the change.", "labels.after", 162),
        Field("object", Kind.TEXT, "Object that was acted on: app, model and key.", "labels.object", 162),
        Field("jail", Kind.WORD, "Fail2ban jail.", "rule.name", 64),
        Field("failures", Kind.INTEGER, "Failures that led to the ban.", "labels.failures", 10),
        Field("duration", Kind.INTEGER, "Length of the ban in seconds; -1 is for ever.", "labels.duration", 11),
        Field("bans", Kind.INTEGER, "How often the address has been banned, this ban included.", "labels.bans", 10),
        Field("sink", Kind.WORD, "Log destination that the event is about.", "labels.sink", 64),
        Field("sent", Kind.INTEGER, "Events delivered.", "labels.sent", 10),
        Field("spooled", Kind.INTEGER, "Events kept on disk for later.", "labels.spooled", 10),
        Field("dropped", Kind.INTEGER, "Events lost.", "labels.dropped", 10),
        Field("rejected", Kind.INTEGER, "Events refused by the destination.", "labels.rejected", 10),
        Field("lag", Kind.INTEGER, "Age in seconds of the oldest event that is not delivered yet.", "labels.lag", 10),
        Field("detail", Kind.TEXT, "Details for the operator.", "labels.detail", 322),
        Field("drill_id", Kind.WORD, "Identifier of the incident drill.", "labels.drill_id", 32),
        Field("step", Kind.WORD, "Step of the incident drill.", "labels.step", 32),
        Field("known", Kind.INTEGER, "1 if the user exists, 0 if not; see SECURITY_LOGGING_KNOWN_USERS.", "labels.known", 1),
        Field("id", Kind.WORD, "Unique identifier of the event.", "event.id", 24),
    )
}  # fmt: skip


def normalise(field: Field, value: object) -> Value:
    """
    Return the value in the form of the field: of its kind, and no longer than its limit.

    The value is attacker-controlled. A text that is too long is cut; lone surrogates become U+FFFD, so that every JSON
    reader accepts it. A number that is too large becomes the largest that fits. Raises ValueError if the value is not
    an address or a number but has to be: to guess an address could have a stranger banned.
    """
    return value if type(value) is str and field.as_it_is.fullmatch(value) else field.made_fit(value)


# Return the text as an ASCII JSON string with quotes, all control characters and line ends escaped (RFC 8259).
escape: Callable[[str], str] = encode_basestring_ascii


def clip(text: str, room: int, limit: int = TEXT_LIMIT) -> str:
    """
    Return the text without lone surrogates, cut to `limit` characters and to `room` bytes as `escape` writes it.

    A text that was cut ends in an ellipsis. A text that fits is returned unchanged.
    """
    text = str.__str__(text)  # a subclass of str may have a __str__ of its own
    if len(text) <= limit and len(text) <= room and _PLAIN.fullmatch(text):
        return text
    # Two lone surrogates become one character, so it takes twice the limit to see whether there is more.
    return _cut(_without_surrogates(text[: 2 * limit + 2]), room, limit)


def _exact(value: object) -> str:
    return str.__str__(value if isinstance(value, str) else str(value))  # see clip


def _integer(value: object, digits: int) -> int:
    try:
        number = int(value if isinstance(value, int | float) else _exact(value))
    except OverflowError:
        raise ValueError(f"not a number: {value!r}") from None
    largest: int = 10**digits - 1
    return max(min(number, largest), -(largest // 10))


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _cut(text: str, room: int, limit: int) -> str:
    written = escape(text)[1:-1]
    if len(text) <= limit and len(written) <= room:
        return text
    ends = (character.end() for character in _WRITTEN.finditer(written))
    kept = sum(1 for _ in takewhile(lambda end: end <= room - _ELLIPSIS_ROOM, ends))
    return text[: min(kept, limit - 1)] + _ELLIPSIS


def _address(value: object) -> str:
    if type(value) is Written and "/" not in value:
        return str.__str__(value)
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return _canonical(value)
    return _address_in(_exact(value))


@lru_cache(maxsize=4096)
def _address_in(text: str) -> str:
    if text == UNKNOWN:
        return text
    return _canonical(ipaddress.IPv6Address(text) if ":" in text else ipaddress.IPv4Address(text))


def _canonical(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.scope_id is not None:  # a zone id is free text, and no ban can use it (RFC 4007)
        raise ValueError("an address with a zone")
    return str(address.ipv4_mapped or address)  # one client has one spelling (RFC 4291, section 2.5.5.2)


def _network(value: object) -> str:
    return str.__str__(value) if type(value) is Written else _network_in(_exact(value))


@lru_cache(maxsize=4096)
def _network_in(text: str) -> str:
    start, slash, length = text.partition("/")
    if not slash:
        return _address_in(text)
    # Without IPv6Network, which takes twice as long. A ban of more than a /64 would ban strangers.
    address = ipaddress.IPv6Address(start)
    if length not in _LENGTHS or int(address) % 2 ** (128 - int(length)) or address.scope_id is not None:
        raise ValueError(f"not the network of one person: {text[:64]!r}")
    return f"{address}/{length}"
