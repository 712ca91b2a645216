from __future__ import annotations

import sys
from typing import ClassVar

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import botocore.config  # type: ignore[import-untyped]  # nor does botocore
import pytest
from django.test import override_settings

from cloudwatch.fault_endpoint import FaultEndpoint
from security_logging.cloudwatch import credentials
from security_logging.internal import process as lifecycle


@override_settings(
    AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="key", AWS_SESSION_TOKEN="token", AWS_REGION="eu-west-1"
)
def test_credentials_of_the_project() -> None:
    """A project's own AWS settings are honoured."""
    expected = {
        "aws_access_key_id": "id",
        "aws_secret_access_key": "key",
        "aws_session_token": "token",
        "region_name": "eu-west-1",
    }
    assert expected == credentials.session_arguments()


@override_settings(AWS_ACCESS_KEY_ID="id")
def test_half_a_pair() -> None:
    """A key id without its secret does not hide the role that boto3 finds."""
    assert credentials.session_arguments() == {}


@override_settings(AWS_REGION="eu-west-1", SECURITY_LOGGING_CLOUDWATCH_REGION="us-east-1")
def test_region_of_the_log() -> None:
    """The log may live in another region than the rest of the project."""
    assert credentials.region() == "us-east-1"


@pytest.mark.usefixtures("site")
def test_client(endpoint: FaultEndpoint) -> None:
    """A client goes to the endpoint of the settings, connects within 2 seconds, and tries once."""
    client = credentials.connect()
    config = client.meta.config
    found = (
        client.meta.endpoint_url,
        config.connect_timeout,
        config.read_timeout,
        config.retries["total_max_attempts"],
    )
    assert found == (endpoint.url, 2, 5, 1)


class SlowSession:
    """A session that tells whether a fork would wait while it asks for credentials."""

    held: ClassVar[list[bool]] = []

    def __init__(self, **_: object) -> None:
        self.held.clear()

    def client(self, *_: object, **__: object) -> None:
        self.held.append(lifecycle._locks["import"].locked())


def test_no_fork_waits_for_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may fork while boto3 waits for an endpoint that hands out credentials."""
    monkeypatch.setattr(boto3.session, "Session", SlowSession)
    credentials.connect("sts")
    assert SlowSession.held == [False]


def test_fork_waits_for_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process forks while boto3 is imported."""
    held: list[bool] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            held.append(lifecycle._locks["import"].locked())

    monkeypatch.setattr(boto3.session, "Session", SlowSession)
    monkeypatch.setattr(botocore, "config", botocore.config)  # to have this one back
    monkeypatch.delitem(sys.modules, "botocore.config")
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    credentials.connect("sts")
    assert held == [True]


def test_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the environment says where CloudWatch is, else boto3."""
    before = credentials.endpoint_url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_LOGS", "http://127.0.0.1:9")
    assert (before, credentials.endpoint_url()) == (None, "http://127.0.0.1:9")
