from __future__ import annotations

import pytest

from cloudwatch.filter_patterns import matches, value_of
from security_logging.cloudwatch.setup.metrics import Metric, alarms, metrics
from security_logging.events import ecs, types
from security_logging.events.event import make_event
from security_logging.events.types import EventType

BY_NAME = {metric.name: metric for metric in metrics()}


def matching(event_type: EventType, **fields: object) -> set[str]:
    """Return the names of the metrics that count such an event."""
    document = ecs.document(make_event(event_type, **fields))
    return {metric.name for metric in metrics() if matches(metric.pattern, document)}


@pytest.mark.parametrize(
    ("event_type", "fields", "names"),
    [
        (types.LOGIN_FAILED, {}, {"FailedLogins"}),
        (types.MFA_FAILED, {}, {"FailedLogins"}),
        (types.TOKEN_FAILED, {"surface": "api"}, {"FailedLogins"}),
        (types.LOGIN_FAILED, {"surface": "admin"}, {"FailedLogins", "AdminFailedLogins"}),
        (types.LOGIN, {}, {"Logins"}),
        (types.LOGIN, {"surface": "admin"}, {"Logins", "AdminLogins"}),
        (types.LOGIN, {"prior_failures": 2}, {"Logins"}),
        (types.LOGIN, {"prior_failures": 3}, {"Logins", "SuccessAfterFailures"}),
        (types.LOGIN_LOCKED, {}, {"Lockouts"}),
        (types.BANNED, {}, {"Bans"}),
        (types.UNBANNED, {}, set()),
        (types.PRIVILEGES_CHANGED, {}, {"PrivilegeChanges"}),
        (types.GROUP_PERMISSIONS_CHANGED, {}, {"PrivilegeChanges"}),
        (types.PROBE, {}, {"Probes"}),
        (types.HEARTBEAT, {}, {"Heartbeat", "Lag", "Dropped", "Rejected"}),
        (types.LOGOUT, {}, set()),
    ],
)
def test_counted(event_type: EventType, fields: dict[str, object], names: set[str]) -> None:
    """Each event moves the metrics that are named after it and no other."""
    assert matching(event_type, **fields) == names


def test_user_name_that_looks_like_an_event() -> None:
    """A user name cannot move a metric."""
    assert matching(types.LOGOUT, user='"event":{"action":"login_failed"}') == set()


@pytest.mark.parametrize("name", ["Lag", "Dropped", "Rejected"])
def test_value(name: str) -> None:
    """A metric of the pipeline takes its value from the heartbeat, where it is a number."""
    document = ecs.document(make_event(types.HEARTBEAT, lag=7, dropped=7, rejected=7))
    assert value_of(BY_NAME[name].value, document) == 7


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_length(metric: Metric) -> None:
    """CloudWatch takes 1024 characters."""
    assert len(metric.pattern) <= 1024


def test_alarms_have_metrics() -> None:
    """Each alarm watches a metric that exists."""
    assert {alarm.metric for alarm in alarms()} <= set(BY_NAME)


@pytest.mark.parametrize(
    ("name", "metric", "threshold"),
    [
        ("Burst", "FailedLogins", 20),
        ("Admin", "AdminFailedLogins", 3),
        ("SuccessAfterFailures", "SuccessAfterFailures", 1),
        ("Dropped", "Dropped", 1),
    ],
)
def test_threshold(name: str, metric: str, threshold: int) -> None:
    """These alarms go off when there are as many as that."""
    alarm = next(alarm for alarm in alarms() if alarm.name == name)
    expected = (metric, "Sum", "GreaterThanOrEqualToThreshold", threshold)
    assert expected == (alarm.metric, alarm.statistic, alarm.comparison, alarm.threshold)


def test_silence_is_an_alarm() -> None:
    """When nothing comes any more, that is the alarm."""
    assert [alarm.name for alarm in alarms() if alarm.missing == "breaching"] == ["Silence"]


@pytest.mark.parametrize("pattern", ["$.a = 1", "{ ($.a = 1 }", "{ $.a = 1 1 }", "{ $.a ~ 1 }", "{ ($.a = 1 1) }"])
def test_matcher(pattern: str) -> None:
    """The matcher of these tests refuses what is not well formed."""
    with pytest.raises((ValueError, IndexError)):
        matches(pattern, {})
