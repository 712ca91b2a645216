"""Connections to AWS with the credentials that boto3 finds, or those in the project's settings."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings

from security_logging.cloudwatch import quick_put
from security_logging.conf import conf
from security_logging.internal import process as lifecycle

# Django settings that many projects have, and the argument of boto3 that each stands for.
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
}


def connect(service: str = "logs", *, read_timeout: float = 5, attempts: int = 1) -> Any:
    """
    Return a new boto3 client; seconds to connect are 2, seconds to wait for an answer are `read_timeout`.

    One attempt by default: the caller has a better plan than to wait. Imports boto3 (38 MB, 0.2 s) on first use.
    """
    # Not for longer: while the client is made boto3 looks for credentials, and a fork would wait for who has them.
    with lifecycle.importing():
        import boto3  # type: ignore[import-untyped]  # boto3 ships no types
        from botocore.config import Config  # type: ignore[import-untyped]  # nor does botocore

    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts},
        parameter_validation=False,  # half of the time of a put, for events that are well-formed already
    )
    session = boto3.session.Session(**session_arguments())
    client = session.client(service, endpoint_url=endpoint_url(), config=config)
    if service == "logs":
        quick_put.install(client)
    return client


def session_arguments() -> dict[str, str]:
    """Return what the settings say about credentials and region; secret, never to be logged or printed."""
    found = {argument: getattr(settings, name, None) for name, argument in _CREDENTIALS.items()}
    if not (found["aws_access_key_id"] and found["aws_secret_access_key"]):
        found = {}  # half a pair would hide the role that boto3 finds
    found["region_name"] = region()
    return {argument: str(value) for argument, value in found.items() if value}


def endpoint_url() -> str | None:
    """
    Return the URL of another CloudWatch, None where boto3 decides.

    boto3's own variables are AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS; the name that one would expect
    works too, since a test that is sent to the real AWS by a misnomer is worse than one variable more.
    """
    return conf.CLOUDWATCH_ENDPOINT_URL or os.environ.get("AWS_ENDPOINT_URL_LOGS") or None


def region() -> str | None:
    """Return the region that the settings name, None when boto3 is to find it."""
    named = conf.CLOUDWATCH_REGION or getattr(settings, "AWS_REGION", None)
    return str(named) if named else None
