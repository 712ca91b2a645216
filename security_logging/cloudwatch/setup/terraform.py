"""The set-up for Terraform, in its JSON syntax."""

from __future__ import annotations

import json
from typing import Any

from security_logging.cloudwatch.setup.dashboard import dashboard
from security_logging.cloudwatch.setup.metrics import UNITS, Alarm, Metric, alarms, metrics
from security_logging.cloudwatch.setup.parts import Setup
from security_logging.cloudwatch.setup.policy import policy
from security_logging.cloudwatch.setup.queries import queries

_GROUP = "${aws_cloudwatch_log_group.security.name}"
_TOPIC = "${aws_sns_topic.security.arn}"
_REGION = "${data.aws_region.current.name}"
_ACCOUNT = "${data.aws_caller_identity.current.account_id}"
_PARTITION = "${data.aws_partition.current.partition}"


def terraform(setup: Setup) -> dict[str, Any]:
    """Return the content of a file `security.tf.json`, for the provider hashicorp/aws."""
    writer = policy("writer", setup, region=_REGION, account=_ACCOUNT, partition=_PARTITION)
    return {
        "data": {
            "aws_region": {"current": {}},
            "aws_caller_identity": {"current": {}},
            "aws_partition": {"current": {}},
        },
        "resource": {
            "aws_cloudwatch_log_group": {"security": _group(setup)},
            "aws_sns_topic": {"security": {"name": setup.prefix}},
            "aws_cloudwatch_log_metric_filter": {metric.name: _filter(setup, metric) for metric in metrics()},
            "aws_cloudwatch_metric_alarm": {alarm.name: _alarm(setup, alarm) for alarm in alarms()},
            "aws_cloudwatch_query_definition": {
                query.name: {
                    "name": f"{setup.folder}/{query.question}",
                    "log_group_names": [_GROUP],
                    "query_string": query.render(),
                }
                for query in queries()
            },
            "aws_cloudwatch_dashboard": {
                "security": {"dashboard_name": setup.prefix, "dashboard_body": json.dumps(dashboard(setup, _REGION))}
            },
            "aws_iam_policy": {"security_writer": {"name": f"{setup.prefix}-writer", "policy": json.dumps(writer)}},
        },
    }


def _group(setup: Setup) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": setup.group,
        "retention_in_days": setup.retention,
        "lifecycle": {"prevent_destroy": True},
    }
    if setup.kms_key:
        found["kms_key_id"] = setup.kms_key
    if setup.tags:
        found["tags"] = dict(setup.tags)
    return found


def _filter(setup: Setup, metric: Metric) -> dict[str, Any]:
    transformation: dict[str, Any] = {
        "namespace": setup.namespace,
        "name": metric.name,
        "value": metric.value,
        "unit": UNITS.get(metric.name, "Count"),
    }
    if metric.default is not None:
        transformation["default_value"] = metric.default
    return {
        "log_group_name": _GROUP,
        "name": metric.name,
        "pattern": metric.pattern,
        "metric_transformation": transformation,
    }


def _alarm(setup: Setup, alarm: Alarm) -> dict[str, Any]:
    return {
        "alarm_name": f"{setup.prefix}-{alarm.name}",
        "alarm_description": alarm.meaning,
        "namespace": setup.namespace,
        "metric_name": alarm.metric,
        "statistic": alarm.statistic,
        "period": alarm.period,
        "evaluation_periods": alarm.periods,
        "comparison_operator": alarm.comparison,
        "threshold": alarm.threshold,
        "treat_missing_data": alarm.missing,
        "alarm_actions": [_TOPIC],
        "ok_actions": [_TOPIC],
    }
