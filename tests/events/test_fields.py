"""The fields: what is written of a value, whatever the value is."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given

from event_strategies import texts, values
from security_logging.events.fields import FIELDS, HEAD, TEXT_LIMIT, Field, Kind, clip, escape, normalise

VECTORS = json.loads((Path(__file__).parent.parent / "vectors/texts.json").read_text("utf-8"))
IP, NET, USER = FIELDS["ip"], FIELDS["net"], FIELDS["user"]
every_field = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)


def _written(field: Field, value: object) -> str:
    kept = normalise(field, value)
    return escape(str(kept)) if field.kind is Kind.TEXT else str(kept)


@every_field
def test_declaration(field: Field) -> None:
    """A field is found under its own name, has a word as its name and says what it means in a sentence."""
    assert FIELDS[field.name] is field
    assert re.fullmatch("[a-z][a-z_]{0,31}", field.name)
    assert re.fullmatch(r"[A-Z1].+\.", field.meaning)


def test_each_has_its_own_place_in_json() -> None:
    """No two fields have the same place in the JSON form."""
    places = [field.ecs for field in FIELDS.values()]
    assert sorted(set(places)) == sorted(places)


def test_places_in_json_do_not_overlap() -> None:
    """No field is the object that another field lies in."""
    assert [f.ecs for f in FIELDS.values() for g in FIELDS.values() if g.ecs.startswith(f"{f.ecs}.")] == []


def test_nothing_in_the_head_can_hold_a_clients_text() -> None:
    """What stands before the first quote is chosen by us."""
    assert Kind.TEXT not in {FIELDS[name].kind for name in HEAD}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["desc"] for vector in VECTORS])
def test_text(vector: dict[str, str]) -> None:
    """A text is written so that nobody who reads the line takes it for more than a text."""
    assert _written(USER, vector["text"]) == vector["written"]


@every_field
@given(text=texts)
def test_any_text_is_short_and_printable(field: Field, text: str) -> None:
    """Whatever a field is given, it writes printable ASCII within its length, or refuses."""
    try:
        written = _written(field, text)
    except ValueError:
        assert field.kind in (Kind.ADDRESS, Kind.NETWORK, Kind.INTEGER)
    else:
        assert re.fullmatch(r"[ -~]+", written)
        assert len(written) <= field.max_length


@every_field
def test_any_value_is_normal_for_good(field: Field) -> None:
    """Normalising twice changes nothing, or an event would not equal the one read back from its line."""

    @given(values(field))
    def check(value: str | int) -> None:
        once = normalise(field, value)
        assert normalise(field, once) == once
        assert len(_written(field, once)) <= field.max_length

    check()


@given(texts)
def test_text_is_valid_json(text: str) -> None:
    """What is written of a text is JSON that any reader accepts and that says what was kept."""
    kept = normalise(USER, text)
    assert json.loads(escape(str(kept))) == kept
    assert str(kept).encode("utf-8").decode("utf-8") == kept


def test_long_text_ends_in_an_ellipsis() -> None:
    """Of a text that is too long the beginning is kept, and that it was cut can be seen."""
    assert normalise(USER, "a" * 257) == "a" * 255 + "\u2026"


def test_longest_text_is_whole() -> None:
    """A text of exactly the limit is not cut."""
    assert normalise(USER, "a" * TEXT_LIMIT) == "a" * TEXT_LIMIT


def test_text_that_grows_is_cut_where_it_fits() -> None:
    """Escapes count as they are written: 52 letters of six bytes and the ellipsis have room in 320."""
    assert normalise(USER, "\u00e9" * 100) == "\u00e9" * 52 + "\u2026"


def test_text_is_never_cut_inside_a_character() -> None:
    """A character that is written as two escapes is kept whole or not at all."""
    assert normalise(USER, "\U0001f4a5" * 100) == "\U0001f4a5" * 26 + "\u2026"


def test_cut_pairs_of_surrogates_end_in_an_ellipsis() -> None:
    """Halves that join to one character each do not hide that a text was cut."""
    kept = str(normalise(FIELDS["detail"], "\ud83d\udca5" * 300))
    assert kept.endswith("\u2026")


def test_megabyte() -> None:
    """Of a huge text the beginning is kept like of any other."""
    assert clip("a" * 10**6, 20) == "a" * 14 + "\u2026"


@pytest.mark.parametrize("value", [7, None, b"x", 1.5, ("a", "b")])
def test_text_of_other_values(value: object) -> None:
    """A text field writes any value as Python shows it."""
    assert normalise(USER, value) == str(value)


class _Lying(str):
    """A text that shows something else than it holds."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n forged"

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: object) -> str:
        return "\n forged"

    def __format__(self, format_spec: str) -> str:
        return "\n forged"


def test_lying_text_lies() -> None:
    """The text of the next test does what it is there for."""
    lying = _Lying("alice")
    assert {str(lying), f"{lying}", lying[:3], len(lying)} == {"\n forged", 0}


@pytest.mark.parametrize("name", ["user", "reason"])
def test_subclass_of_text(name: str) -> None:
    """Of a text that overrides its own methods, what it holds is written, and the object is not kept."""
    kept = normalise(FIELDS[name], _Lying("alice"))
    assert (type(kept), kept) == (str, "alice")


class _ShownAsSubclass:
    def __str__(self) -> str:
        return _Lying("alice")


def test_object_shown_as_a_subclass_of_text() -> None:
    """The same when only the text that Python shows of a value is such a one."""
    kept = normalise(USER, _ShownAsSubclass())
    assert (type(kept), kept) == (str, "alice")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("bad_credentials", "bad_credentials"),
        ("django.contrib.auth.backends.ModelBackend", "django.contrib.auth.backends.ModelBackend"),
        ("a b\nc=d", "a_b_c_d"),
        ('"', "_"),
        ("\u0661", "_"),
        ("", "-"),
        ("x" * 65, "x" * 64),
    ],
)
def test_word(value: str, word: str) -> None:
    """A word has letters, digits and four marks; whatever else comes becomes an underscore."""
    assert normalise(FIELDS["reason"], value) == word


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), ("7", 7), (True, 1), (3.9, 3), (-1, -1), (10**30, 10**11 - 1), (-(10**30), -(10**10) + 1)],
)
def test_number(value: object, number: int) -> None:
    """A number is whole; one that is too long becomes the largest that fits, and not another one."""
    assert normalise(FIELDS["duration"], value) == number


@pytest.mark.parametrize("value", ["", "x", "1 ip=198.51.100.1", None, float("nan"), float("inf"), "9" * 5000])
def test_no_number(value: object) -> None:
    """What is no number is refused."""
    with pytest.raises(ValueError, match=r".+"):
        normalise(FIELDS["duration"], value)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("-", "-"),
    ],
)
def test_address(value: str, address: str) -> None:
    """An address has one spelling, and an IPv4 client behind IPv6 sockets is the IPv4 client."""
    assert normalise(IP, value) == address


@pytest.mark.parametrize(
    "value",
    [
        "", "unknown", "203.0.113.7:80", "[2001:db8::7]", "203.0.113", "203.0.113.07", "0xcb.0.113.7", " 203.0.113.7",
        "203.0.113.7\n", "fe80::1%eth0", "fe80::1%eth0 ip=198.51.100.1", "2001:db8::/64",
        "\u0662\u0660\u0663.0.113.7", "\uff12\uff10\uff13.0.113.7", "203\u30020\u3002113\u30027",
    ],
)  # fmt: skip
def test_no_address(value: str) -> None:
    """What is not exactly one address is refused: a guess would have somebody else banned."""
    with pytest.raises(ValueError, match=r".+"):
        normalise(IP, value)


@pytest.mark.parametrize("text", ["203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7", "fe80::1"])
def test_address_object(text: str) -> None:
    """An address that somebody has read already is written as its text would be."""
    assert normalise(IP, ip_address(text)) == normalise(IP, text)


def test_address_object_with_a_zone() -> None:
    """The zone of an address that somebody has read already is free text too."""
    with pytest.raises(ValueError, match="an address with a zone"):
        normalise(IP, ip_address("fe80::1%eth0"))


@pytest.mark.parametrize(
    ("value", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:0:0:0:0/64", "2001:db8:1:2::/64"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:db8::7/128", "2001:db8::7/128"),
        ("::/64", "::/64"),
        ("-", "-"),
    ],
)
def test_network(value: str, network: str) -> None:
    """A network is an address, or an IPv6 network of one person, in one spelling."""
    assert normalise(NET, value) == network


@pytest.mark.parametrize(
    "value",
    [
        "::/0", "2001:db8::/32", "2001:db8::/63", "2001:db8::7/64", "203.0.113.0/24", "203.0.113.7/32", "x/64",
        "2001:db8::/", "2001:db8::/ 64", "2001:db8::/064", "2001:db8::/+64", "2001:db8::/129",
        "2001:db8::/\uff16\uff14", "2001:db8::/64/64", "fe80::1%eth0/128", "2001:db8::/64\n",
        "2001:db8::/ffff:ffff:ffff:ffff::",
    ],
)  # fmt: skip
def test_no_network(value: str) -> None:
    """A network of many people, or one with an address in it, is refused."""
    with pytest.raises(ValueError, match=r".+"):
        normalise(NET, value)
