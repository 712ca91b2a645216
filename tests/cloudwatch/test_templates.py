from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from security_logging.cloudwatch.reading.console import dashboard_link, group_link, query_link, stream_link
from security_logging.cloudwatch.setup.dashboard import dashboard
from security_logging.cloudwatch.setup.parts import Setup
from security_logging.cloudwatch.setup.policy import ROLES, policy
from security_logging.cloudwatch.setup.template import template
from security_logging.cloudwatch.setup.terraform import terraform

PLAIN = Setup("/shop/prod/security", "shop", "prod")
FULL = Setup(
    "/shop/prod/security",
    "shop",
    "prod",
    kms_key="arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    tags={"team": "ops"},
)


def actions(role: str) -> set[str]:
    """Return the actions that the policy allows."""
    return {action for statement in policy(role, PLAIN)["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize("setup", [PLAIN, FULL], ids=["plain", "full"])
def test_cloudformation(setup: Setup, tmp_path: Path) -> None:
    """cfn-lint has nothing to say about the template."""
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template(setup)))
    command = [sys.executable, "-c", "from cfnlint.runner import main; main()", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_cloudformation_against_terraform() -> None:
    """Both templates have the same filters, alarms and queries."""
    resources = list(template(FULL)["Resources"].values())
    kinds = {
        "aws_cloudwatch_log_metric_filter": "AWS::Logs::MetricFilter",
        "aws_cloudwatch_metric_alarm": "AWS::CloudWatch::Alarm",
        "aws_cloudwatch_query_definition": "AWS::Logs::QueryDefinition",
    }
    formed = [sum(resource["Type"] == kind for resource in resources) for kind in kinds.values()]
    assert formed == [len(terraform(FULL)["resource"][kind]) for kind in kinds]


@pytest.mark.parametrize("setup", [PLAIN, FULL], ids=["plain", "full"])
def test_terraform(setup: Setup) -> None:
    """In Terraform's JSON no text but our references begins an interpolation, and the names are those it allows."""
    document = terraform(setup)
    references = set(json.dumps(document).split("${")[1:])
    names = [name for resources in document["resource"].values() for name in resources]
    assert {reference.partition(".")[0] for reference in references} <= {
        "aws_cloudwatch_log_group",
        "aws_sns_topic",
        "data",
    }
    assert [name for name in names if not name.replace("-", "").replace("_", "").isalnum()] == []


def test_key_and_tags() -> None:
    """Key and tags are in both templates."""
    group = terraform(FULL)["resource"]["aws_cloudwatch_log_group"]["security"]
    formed = template(FULL)["Resources"]["LogGroup"]["Properties"]
    assert (group["kms_key_id"], group["tags"]) == (formed["KmsKeyId"], {"team": "ops"})


def test_evidence_outlives_the_stack() -> None:
    """Deleting the stack does not delete the log."""
    assert template(PLAIN)["Resources"]["LogGroup"]["DeletionPolicy"] == "Retain"


def test_widgets_do_not_overlap() -> None:
    """Each place of the dashboard has one widget, within its 24 columns."""
    taken = [
        (widget["x"] + x, widget["y"] + y)
        for widget in dashboard(PLAIN, "eu-central-1")["widgets"]
        for x in range(widget["width"])
        for y in range(widget["height"])
    ]
    assert (len(taken), max(x for x, _ in taken)) == (len(set(taken)), 23)


def test_dashboard_shows_everything() -> None:
    """Each metric is on the dashboard."""
    text = json.dumps(dashboard(PLAIN, "eu-central-1"))
    filters = terraform(PLAIN)["resource"]["aws_cloudwatch_log_metric_filter"]
    assert [name for name in filters if f'"{name}"' not in text] == []


def test_writer() -> None:
    """The site may write its own log and do nothing else, in particular neither read nor delete."""
    expected: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "arn:aws:logs:*:*:log-group:/shop/prod/security:*",
        }
    ]
    assert policy("writer", PLAIN)["Statement"] == expected


@pytest.mark.parametrize("role", ROLES)
def test_nobody_may_delete(role: str) -> None:
    """No role may delete anything."""
    assert not [action for action in actions(role) if "Delete" in action or "*" in action]


def test_analyst_only_reads() -> None:
    """Who reads the log cannot change it."""
    assert not [action for action in actions("analyst") if "Put" in action or "Create" in action]


def test_links() -> None:
    """The links lead to the very group, stream, query and dashboard."""
    start = "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#"
    group = f"{start}logsV2:log-groups/log-group/$252Fshop$252Fprod"
    assert group_link("eu-central-1", "/shop/prod") == group
    assert stream_link("eu-central-1", "/shop/prod", "web/security") == f"{group}/log-events/web$252Fsecurity"
    assert dashboard_link("eu-central-1", "a b") == f"{start}dashboards/dashboard/a%20b"
    assert "editorString~'filter*20a*20*3d*201~source~(~'*2fshop" in query_link(
        "eu-central-1", "/shop", "filter a = 1", 60
    ).replace("$27", "'").replace("$28", "(").replace("$2A", "*")


def test_china() -> None:
    """The console of the Chinese regions has a domain of its own."""
    assert group_link("cn-north-1", "a").startswith("https://cn-north-1.console.amazonaws.cn/")
