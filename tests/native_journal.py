"""A strict reader of journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

from __future__ import annotations


def parse(data: bytes) -> dict[str, str]:
    """Read one datagram of the native protocol; raises ValueError where it is not kept."""
    found: dict[str, str] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            if end != b"\n":
                raise ValueError(f"not the native protocol: {data!r}")
        if not name.replace(b"_", b"").isalnum() or not name.isupper() or name[:1] in b"_0123456789" or len(name) > 64:
            raise ValueError(f"journald ignores a field of that name: {name!r}")
        if name.decode() in found:
            raise ValueError(f"twice: {name!r}")
        found[name.decode()] = value.decode("utf-8")
        data = rest
    return found
