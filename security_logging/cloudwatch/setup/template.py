"""The set-up as a CloudFormation template."""

from __future__ import annotations

import json
from typing import Any

from security_logging.cloudwatch.setup.dashboard import dashboard
from security_logging.cloudwatch.setup.metrics import UNITS, alarms, metrics
from security_logging.cloudwatch.setup.parts import Setup
from security_logging.cloudwatch.setup.policy import policy
from security_logging.cloudwatch.setup.queries import queries


def template(setup: Setup) -> dict[str, Any]:
    """Return the template; its parameter is an e-mail address for the alarms, which may be empty."""
    email = {"Type": "String", "Default": "", "Description": "E-mail address for the alarms; empty: no e-mail."}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Security log of {setup.site} ({setup.environment}), by django-security-logging",
        "Parameters": {"AlarmEmail": email},
        "Conditions": {"HasEmail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}},
        "Resources": {**_group(setup), **_topic(setup), **_filters(setup), **_alarms(setup), **_rest(setup)},
        "Outputs": {"LogGroup": {"Value": {"Ref": "LogGroup"}}, "WriterPolicy": {"Value": {"Ref": "WriterPolicy"}}},
    }


def _group(setup: Setup) -> dict[str, Any]:
    properties: dict[str, Any] = {"LogGroupName": setup.group, "RetentionInDays": setup.retention}
    if setup.kms_key:
        properties["KmsKeyId"] = setup.kms_key
    if setup.tags:
        properties["Tags"] = [{"Key": key, "Value": value} for key, value in setup.tags.items()]
    # Keep the evidence if the stack is deleted.
    keep = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return {"LogGroup": {"Type": "AWS::Logs::LogGroup", **keep, "Properties": properties}}


def _topic(setup: Setup) -> dict[str, Any]:
    subscription = {"TopicArn": {"Ref": "AlarmTopic"}, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}
    return {
        "AlarmTopic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": setup.prefix}},
        "AlarmSubscription": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasEmail",
            "Properties": subscription,
        },
    }


def _filters(setup: Setup) -> dict[str, Any]:
    found = {}
    for metric in metrics():
        transformation: dict[str, Any] = {
            "MetricNamespace": setup.namespace,
            "MetricName": metric.name,
            "MetricValue": metric.value,
            "Unit": UNITS.get(metric.name, "Count"),
        }
        if metric.default is not None:
            transformation["DefaultValue"] = metric.default
        properties = {
            "LogGroupName": {"Ref": "LogGroup"},
            "FilterName": metric.name,
            "FilterPattern": metric.pattern,
            "MetricTransformations": [transformation],
        }
        found[f"Metric{metric.name}"] = {"Type": "AWS::Logs::MetricFilter", "Properties": properties}
    return found


def _alarms(setup: Setup) -> dict[str, Any]:
    topic = [{"Ref": "AlarmTopic"}]
    found = {}
    for alarm in alarms():
        properties = {
            "AlarmName": f"{setup.prefix}-{alarm.name}",
            "AlarmDescription": alarm.meaning,
            "Namespace": setup.namespace,
            "MetricName": alarm.metric,
            "Statistic": alarm.statistic,
            "Period": alarm.period,
            "EvaluationPeriods": alarm.periods,
            "ComparisonOperator": alarm.comparison,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.missing,
            "AlarmActions": topic,
            "OKActions": topic,
        }
        found[f"Alarm{alarm.name}"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    return found


def _rest(setup: Setup) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for query in queries():
        properties = {
            "Name": f"{setup.folder}/{query.question}",
            "LogGroupNames": [{"Ref": "LogGroup"}],
            "QueryString": query.render(),
        }
        name = "".join(word.capitalize() for word in query.name.split("-"))
        found[f"Query{name}"] = {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}
    body = json.dumps(dashboard(setup, "${AWS::Region}"))
    named = {"DashboardName": setup.prefix, "DashboardBody": {"Fn::Sub": body}}
    found["Dashboard"] = {"Type": "AWS::CloudWatch::Dashboard", "Properties": named}
    writer = json.dumps(policy("writer", setup, region="${AWS::Region}", account="${AWS::AccountId}"))
    document = _substituted(json.loads(writer.replace("arn:aws:", "arn:${AWS::Partition}:")))
    found["WriterPolicy"] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"Description": "Writes the security log and nothing else", "PolicyDocument": document},
    }
    return found


def _substituted(document: dict[str, Any]) -> dict[str, Any]:
    for statement in document["Statement"]:
        statement["Resource"] = {"Fn::Sub": statement["Resource"]}
    return document
