"""The context of a record in its JSON form."""

from __future__ import annotations

import json
from typing import Any

from log_records import event_record, record
from security_logging.formatters.security import ECSFormatter


def document(**attributes: Any) -> dict[str, Any]:
    """Return the JSON form of a record with these attributes."""
    found: dict[str, Any] = json.loads(ECSFormatter(service="shop").format(record(**attributes)))
    return found


def test_paths() -> None:
    """Each attribute has its place in the Elastic Common Schema."""
    found = document(env="prod", host="web1", stream="application", group="/shop/prod", tenant="acme", memory_mb=52)
    known = {name: found[name] for name in ("service", "host", "labels", "organization")}
    assert known == {
        "service": {"name": "shop", "environment": "prod"},
        "host": {"name": "web1"},
        "labels": {"group": "/shop/prod", "stream": "application", "memory_mb": 52},
        "organization": {"name": "acme"},
    }


def test_unknown_is_left_out() -> None:
    """What is not known is not written."""
    assert "organization" not in document(tenant="", request_id=None)


def test_formatter_keeps_its_own() -> None:
    """What one record says of its service is not kept for the next."""
    formatter = ECSFormatter(service="shop")
    formatter.format(record(env="stage"))
    assert json.loads(formatter.format(record()))["service"] == {"name": "shop"}


def test_event_wins() -> None:
    """What the event itself says stays: a tenant hook cannot rename its surface."""
    found = json.loads(ECSFormatter().format(event_record(stream="security")))
    assert found["labels"] == {"net": "203.0.113.7", "surface": "admin", "stream": "security"}


def test_brace_in_a_label() -> None:
    """No brace gets into labels, where it would end the object for the Fail2ban filter."""
    assert document(group="{a}")["labels"] == {"group": "(a)"}


def test_long_value() -> None:
    """A value of the context is cut at 256 characters."""
    assert len(document(tenant="x" * 5000)["organization"]["name"]) == 256
