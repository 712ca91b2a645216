from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import pytest

from cloudwatch.fault_endpoint import FaultEndpoint
from security_logging.cloudwatch import quick_put
from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.sending.batches import LogEvent

TARGET = {"logGroupName": "/shop/test/security", "logStreamName": "web1/security"}
EVENTS = [LogEvent(timestamp=1, message="one"), LogEvent(timestamp=2, message='"\\\n\u20ac\ud800')]


def body_of_a_put(client: Any) -> dict[str, Any]:
    """Return what the client sends when it puts the events."""
    bodies: list[bytes] = []
    client.meta.events.register(
        "before-send.cloudwatch-logs.PutLogEvents", lambda request, **_: bodies.append(request.body)
    )
    client.create_log_stream(**TARGET)
    client.put_log_events(**TARGET, logEvents=EVENTS)
    document: dict[str, Any] = json.loads(bodies[0])
    return document


@pytest.mark.usefixtures("site")
def test_body(endpoint: FaultEndpoint) -> None:
    """A put is what botocore itself would send, whatever is in the messages."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
    theirs = body_of_a_put(boto3.client("logs", endpoint_url=endpoint.url, **keys))
    endpoint.streams.clear()
    assert theirs == body_of_a_put(connect())


@pytest.mark.usefixtures("site")
def test_botocore_sees_no_event() -> None:
    """Botocore, which is slow at it, is given no event to write."""
    written: list[bytes] = []
    client = connect()
    client.meta.events.register_first(
        "before-call.cloudwatch-logs.PutLogEvents", lambda params, **_: written.append(params["body"])
    )
    body_of_a_put(client)
    assert json.loads(written[0])["logEvents"] == []


@pytest.mark.parametrize(
    ("model", "hooks"),
    [
        (SimpleNamespace(resolved_protocol="json", metadata={}), 2),
        (SimpleNamespace(metadata={"protocol": "json"}), 2),
        (SimpleNamespace(resolved_protocol="smithy-rpc-v2-cbor", metadata={"protocol": "json"}), 0),
    ],
)
def test_protocol(model: object, hooks: int) -> None:
    """A botocore that speaks another protocol, or is too old to say which of several it speaks, is served too."""
    registered: list[str] = []
    events = SimpleNamespace(register=lambda name, _: registered.append(name))
    quick_put.install(SimpleNamespace(meta=SimpleNamespace(service_model=model, events=events)))
    assert len(registered) == hooks
