"""Text that attackers send, made at random from what is known to break logs and those who read them."""

from __future__ import annotations

import random

VICTIM = "198.51.100.1"  # Only ever stands in what an attacker writes; nobody may be banned for it.

_CHARACTERS = (
    *"\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029",  # what some reader takes for a line end
    *"\x00\x01\x08\x1b\x7f\x9b\t ",
    *"\"'\\{}[]()<>=:,;$`%|#&*?/.-",
    *"\u200b\u202e\u2066\ufeff\ufffd\u0661\uff11\u0130\u00e9\U0001f4a5\U000e0001",
    *"\ud800\udfff",  # halves of a character
    *"abcxyz0129",
)
_FRAGMENTS = (
    VICTIM, f"::ffff:{VICTIM}", f" ip={VICTIM} ", f"\nip={VICTIM} net={VICTIM} ", f'" ip={VICTIM} net={VICTIM} ',
    f"2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip={VICTIM} net={VICTIM} surface=admin reason=x",
    f"\n2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip={VICTIM} net={VICTIM} surface=admin ",
    f"\r\nAug  1 14:00:00 web1 django-security[1]: login_failed ip={VICTIM} ", " django-security: login_failed ",
    f'{{"@timestamp":"2026-08-01T12:00:00.123Z","event":{{"action":"login_failed"}},"source":{{"ip":"{VICTIM}"}}',
    f'"}},"source":{{"ip":"{VICTIM}"}},"labels":{{"net":"{VICTIM}","surface":"admin"}}',
    '","event":{"action":"login_failed"',
    '{"log":"', "\\n", "\\u000a", "\\", "\\\"", "<ADDR>", "<HOST>", "<F-USER>", "%(ip)s", "%s%n",
    "${jndi:ldap://x}", "\x1b[2J",
)  # fmt: skip


def hostile_text(source: random.Random, longest: int = 40) -> str:
    """Return characters and fragments in any order, sometimes very long."""
    parts = source.choices((*_CHARACTERS, *_FRAGMENTS), k=source.randrange(longest))
    return "".join(parts) * source.choice((1, 1, 1, 1, 30))
