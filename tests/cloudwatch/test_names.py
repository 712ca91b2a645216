from __future__ import annotations

import platform

import pytest
from django.test import override_settings

from security_logging.cloudwatch import names


@override_settings(ROOT_URLCONF="shop.urls", DEBUG=False)
def test_group_of_a_plain_project() -> None:
    """Without a word in the settings the group is named after the project and production."""
    assert names.log_group() == "/shop/production/security"


@override_settings(ROOT_URLCONF="shop.urls", DEBUG=True)
def test_group_of_a_developer() -> None:
    """With DEBUG the events go elsewhere: nobody's laptop may raise the alarm of production."""
    assert names.log_group() == "/shop/development/security"


@override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="a", SECURITY_LOGGING_CLOUDWATCH_ENVIRONMENT="b")
def test_named_group() -> None:
    """The settings name site and environment."""
    assert names.log_group() == "/a/b/security"


@override_settings(ROOT_URLCONF="")
def test_site_without_urls() -> None:
    """A project without URLs still has a name."""
    assert names.site() == "django"


@override_settings(SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP="/a b/*")
def test_group_that_cloudwatch_refuses() -> None:
    """A name that CloudWatch would refuse is refused before anything is lost on it."""
    with pytest.raises(ValueError, match="log group"):
        names.log_group()


@pytest.mark.parametrize(
    ("logger", "function"),
    [("security.auth", "security"), ("security.probe", "security"), ("django.request", "django")],
)
def test_stream(logger: str, function: str) -> None:
    """There is one stream for each function of the loggers and host, and no process id in its name."""
    assert names.log_stream(logger) == f"{platform.node()}/{function}"


@override_settings(SECURITY_LOGGING_CLOUDWATCH_LOG_STREAM="a:b*{function}")
def test_stream_characters() -> None:
    """CloudWatch allows neither colon nor asterisk in the name of a stream."""
    assert names.log_stream("security.auth") == "a_b_security"
