"""Set up CloudWatch, and show the changes before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from security_logging.cloudwatch.sending.delivery import code_of
from security_logging.cloudwatch.setup.dashboard import dashboard
from security_logging.cloudwatch.setup.metrics import UNITS, Alarm, Metric, alarms, metrics
from security_logging.cloudwatch.setup.parts import Setup
from security_logging.cloudwatch.setup.queries import Query, queries

Connect = Callable[[str], Any]
_ABSENT = {"ResourceNotFound", "ResourceNotFoundException", "DashboardNotFoundError"}


@dataclass(frozen=True)
class Step:
    """A part of the set-up: its current state (None if it is missing), the wanted state, and how to apply it."""

    name: str
    current: dict[str, Any] | None
    wanted: dict[str, Any]
    apply: Callable[[], object]

    @property
    def is_done(self) -> bool:
        """Return whether there is nothing to do."""
        return self.current == self.wanted

    def difference(self) -> list[str]:
        """Return the lines of a diff, or none if there is nothing to do."""
        if self.is_done:
            return []
        if self.current is None:
            return [f"+ {self.name}", *(f"+     {key}: {_short(value)}" for key, value in self.wanted.items())]
        changed = [key for key, value in self.wanted.items() if self.current.get(key) != value]
        lines = [f"~ {self.name}"]
        for key in changed:
            lines += [f"-     {key}: {_short(self.current.get(key))}", f"+     {key}: {_short(self.wanted[key])}"]
        return lines


def plan(setup: Setup, connect: Connect, region: str, *, with_queries: bool = True) -> Iterator[Step]:
    """
    Yield the steps in the order to apply them; a second run changes nothing.

    It reads the current state while it runs, so apply each step before you take the next one, or apply none.
    """
    logs, cloudwatch = connect("logs"), connect("cloudwatch")
    yield from _group(setup, logs)
    filters = _filters_there(setup, logs)
    for metric in metrics():
        yield _filter(setup, logs, metric, filters.get(metric.name))
    topic = _topic_arn(setup, connect, region)
    alarms_there = cloudwatch.describe_alarms(AlarmNamePrefix=f"{setup.prefix}-")["MetricAlarms"]
    yield Step(
        f"topic {setup.prefix}",
        {} if topic in {action for alarm in alarms_there for action in alarm["AlarmActions"]} else None,
        {},
        lambda: connect("sns").create_topic(Name=setup.prefix),
    )
    for alarm in alarms():
        yield _alarm(setup, cloudwatch, alarm, topic, alarms_there)
    yield _dashboard(setup, cloudwatch, region)
    if with_queries:
        yield from _definitions(setup, logs)


def _definitions(setup: Setup, logs: Any) -> Iterator[Step]:
    definitions = logs.describe_query_definitions(queryDefinitionNamePrefix=f"{setup.folder}/", maxResults=1000)
    there = {found["name"]: found for found in definitions["queryDefinitions"]}
    for query in queries():
        yield _definition(setup, logs, query, there.get(f"{setup.folder}/{query.question}"))


def _group(setup: Setup, logs: Any) -> Iterator[Step]:
    found = logs.describe_log_groups(logGroupNamePrefix=setup.group)["logGroups"]
    current = next((group for group in found if group["logGroupName"] == setup.group), None)
    create: dict[str, Any] = {"logGroupName": setup.group}
    if setup.kms_key:
        create["kmsKeyId"] = setup.kms_key
    if setup.tags:
        create["tags"] = dict(setup.tags)
    has_key = {"kms_key": current.get("kmsKeyId", "")} if current else None
    if setup.kms_key and current and current.get("kmsKeyId") != setup.kms_key:
        yield Step(
            f"key of {setup.group}",
            has_key,
            {"kms_key": setup.kms_key},
            lambda: logs.associate_kms_key(logGroupName=setup.group, kmsKeyId=setup.kms_key),
        )
    yield Step(f"log group {setup.group}", None if current is None else {}, {}, lambda: logs.create_log_group(**create))
    yield Step(
        f"retention of {setup.group}",
        {"days": current.get("retentionInDays")} if current else None,
        {"days": setup.retention},
        lambda: logs.put_retention_policy(logGroupName=setup.group, retentionInDays=setup.retention),
    )


def _filters_there(setup: Setup, logs: Any) -> dict[str, dict[str, Any]]:
    try:
        found = logs.describe_metric_filters(logGroupName=setup.group)["metricFilters"]
    except Exception as error:
        if code_of(error) not in _ABSENT:
            raise
        return {}
    return {item["filterName"]: item for item in found}


def _filter(setup: Setup, logs: Any, metric: Metric, current: dict[str, Any] | None) -> Step:
    transformation: dict[str, Any] = {
        "metricName": metric.name,
        "metricNamespace": setup.namespace,
        "metricValue": metric.value,
        "unit": UNITS.get(metric.name, "Count"),
    }
    if metric.default is not None:
        transformation["defaultValue"] = float(metric.default)
    wanted = {"filterPattern": metric.pattern, "metricTransformations": [transformation]}
    return Step(
        f"metric filter {metric.name}",
        _shared(current, wanted),
        wanted,
        lambda: logs.put_metric_filter(logGroupName=setup.group, filterName=metric.name, **wanted),
    )


def _topic_arn(setup: Setup, connect: Connect, region: str) -> str:
    identity = connect("sts").get_caller_identity()
    partition = identity["Arn"].split(":")[1]
    return f"arn:{partition}:sns:{region}:{identity['Account']}:{setup.prefix}"


def _alarm(setup: Setup, cloudwatch: Any, alarm: Alarm, topic: str, there: list[dict[str, Any]]) -> Step:
    name = f"{setup.prefix}-{alarm.name}"
    wanted = {
        "AlarmDescription": alarm.meaning,
        "Namespace": setup.namespace,
        "MetricName": alarm.metric,
        "Statistic": alarm.statistic,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.periods,
        "ComparisonOperator": alarm.comparison,
        "Threshold": float(alarm.threshold),
        "TreatMissingData": alarm.missing,
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
    current = next((found for found in there if found["AlarmName"] == name), None)
    apply = lambda: cloudwatch.put_metric_alarm(AlarmName=name, **wanted)  # noqa: E731  # as in the other steps
    return Step(f"alarm {name}", _shared(current, wanted), wanted, apply)


def _dashboard(setup: Setup, cloudwatch: Any, region: str) -> Step:
    body = dashboard(setup, region)
    try:
        current = {"body": json.loads(cloudwatch.get_dashboard(DashboardName=setup.prefix)["DashboardBody"])}
    except Exception as error:
        if code_of(error) not in _ABSENT:
            raise
        current = None
    put = {"DashboardName": setup.prefix, "DashboardBody": json.dumps(body)}
    return Step(f"dashboard {setup.prefix}", current, {"body": body}, lambda: cloudwatch.put_dashboard(**put))


def _definition(setup: Setup, logs: Any, query: Query, current: dict[str, Any] | None) -> Step:
    wanted = {"queryString": query.render(), "logGroupNames": [setup.group]}
    put = {"name": f"{setup.folder}/{query.question}", **wanted}
    if current is not None:
        put["queryDefinitionId"] = current["queryDefinitionId"]  # without it AWS creates a second one
    return Step(f"query {query.question!r}", _shared(current, wanted), wanted, lambda: logs.put_query_definition(**put))


def _shared(current: dict[str, Any] | None, wanted: dict[str, Any]) -> dict[str, Any] | None:
    return None if current is None else {key: current.get(key) for key in wanted}


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 160 else f"{text[:157]}..."
