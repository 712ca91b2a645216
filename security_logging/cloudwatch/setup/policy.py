"""Least-privilege IAM policies for writing the events, setting CloudWatch up, and reading it."""

from __future__ import annotations

from typing import Any

from security_logging.cloudwatch.setup.parts import Setup

ROLES = ("writer", "provisioner", "analyst")


def policy(role: str, setup: Setup, *, region: str = "*", account: str = "*", partition: str = "aws") -> dict[str, Any]:
    """
    Return the policy document for one of the `ROLES`.

    The writer may neither read nor delete, so that an attacker who controls the site cannot remove traces.
    """
    group = f"arn:{partition}:logs:{region}:{account}:log-group:{setup.group}"
    statements = {
        "writer": [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:*")],
        "provisioner": _provisioner(group, setup, f"{region}:{account}", partition),
        "analyst": _analyst(group),
    }
    return {"Version": "2012-10-17", "Statement": statements[role]}


def _provisioner(group: str, setup: Setup, place: str, partition: str) -> list[dict[str, Any]]:
    on_group = ["CreateLogGroup", "PutRetentionPolicy", "TagResource", "AssociateKmsKey"]
    on_group += ["PutMetricFilter", "DescribeMetricFilters"]
    # AWS accepts only "*" as the resource of these actions.
    anywhere = ["logs:DescribeLogGroups", "logs:DescribeQueryDefinitions", "logs:PutQueryDefinition"]
    anywhere += ["cloudwatch:DescribeAlarms", "sts:GetCallerIdentity"]
    return [
        _allow([f"logs:{action}" for action in on_group], group, f"{group}:*"),
        _allow(anywhere, "*"),
        _allow(["cloudwatch:PutMetricAlarm"], f"arn:{partition}:cloudwatch:{place}:alarm:{setup.prefix}-*"),
        _allow(
            ["cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
            f"arn:{partition}:cloudwatch::{place.partition(':')[2]}:dashboard/{setup.prefix}",
        ),
        _allow(["sns:CreateTopic"], f"arn:{partition}:sns:{place}:{setup.prefix}"),
    ]


def _analyst(group: str) -> list[dict[str, Any]]:
    reading = ["StartQuery", "FilterLogEvents", "GetLogEvents", "DescribeLogStreams", "StartLiveTail"]
    anywhere = ["logs:DescribeQueryDefinitions", "logs:GetQueryResults", "logs:StopQuery"]
    anywhere += ["cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:GetMetricData"]
    return [_allow([f"logs:{action}" for action in reading], group, f"{group}:*"), _allow(anywhere, "*")]


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": resources[0] if len(resources) == 1 else [*resources],
    }
