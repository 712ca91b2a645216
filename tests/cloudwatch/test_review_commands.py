"""The commands that set CloudWatch up and read it, against a moto server."""

from __future__ import annotations

import io
import json
import logging
import platform
import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator  # type: ignore[import-untyped]  # botocore ships no types
from django.core.management import CommandError, call_command
from django.test import override_settings

from cloudwatch.fault_endpoint import FaultEndpoint, refusing_url
from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.reading import tail
from security_logging.cloudwatch.reading.insights import QueryFailed, run_query, table
from security_logging.cloudwatch.setup.parts import setup_from_settings
from security_logging.cloudwatch.setup.provision import plan
from security_logging.cloudwatch.shipping.log_file import LogFile
from security_logging.cloudwatch.shipping.shipper_state import ShipperState
from security_logging.events import ecs
from security_logging.events.event import make_event
from security_logging.events.types import BANNED, HEARTBEAT, LOGIN_FAILED
from security_logging.formatters.security import ConsoleFormatter, ECSFormatter
from security_logging.management.commands import security_cloudwatch

pytestmark = pytest.mark.end_to_end
GROUP = "/shop/test/security"
REGION = "eu-central-1"


class WithQueries:
    """A client whose query definitions, which moto has not, are kept here; AWS's own model checks them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.definitions: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_query_definitions(self, **wanted: Any) -> dict[str, Any]:
        self._check("DescribeQueryDefinitions", wanted)
        return {"queryDefinitions": list(self.definitions.values())}

    def put_query_definition(self, **wanted: Any) -> None:
        self._check("PutQueryDefinition", wanted)
        identity = wanted.pop("queryDefinitionId", None) or f"id{len(self.definitions)}"
        self.definitions[identity] = {"queryDefinitionId": identity, **wanted}

    def _check(self, operation: str, wanted: dict[str, Any]) -> None:
        shape = self._client.meta.service_model.operation_model(operation).input_shape
        assert not ParamValidator().validate(wanted, shape).has_errors()


@pytest.fixture
def connecting(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the way to moto that the commands use, with query definitions."""
    logs = WithQueries(connect())

    def make(service: str = "logs", **_: object) -> Any:
        return logs if service == "logs" else connect(service)

    monkeypatch.setattr(security_cloudwatch, "_reading", make)
    return make


def run(*arguments: str) -> str:
    """Return what the command prints."""
    output = io.StringIO()
    call_command("security_cloudwatch", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def put(logs: Any, stream: str, *messages: str, seconds_ago: int = 0) -> None:
    """Store the messages."""
    name = f"{platform.node()}/{stream}"
    logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
    now = int((time.time() - seconds_ago) * 1000)
    stored = [{"timestamp": now + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=name, logEvents=stored)


def test_dry_run(connecting: Any) -> None:
    """`--dry-run` shows what would be made and makes nothing."""
    output = run("provision", "--dry-run")
    assert ("+ log group /shop/test/security" in output, connecting().describe_log_groups()["logGroups"]) == (True, [])


def test_provision(connecting: Any) -> None:
    """`provision` makes group, filters, alarms, dashboard and queries."""
    run("provision", "--retention=90", "--tag=team=ops")
    group = connecting().describe_log_groups()["logGroups"][0]
    there = connecting("cloudwatch")
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 90)
    assert connecting().list_tags_log_group(logGroupName=GROUP)["tags"] == {"team": "ops"}
    assert len(connecting().describe_metric_filters(logGroupName=GROUP)["metricFilters"]) == 13
    assert len(there.describe_alarms()["MetricAlarms"]) == 6
    assert there.list_dashboards()["DashboardEntries"][0]["DashboardName"] == "shop-test-security"
    assert len(connecting().definitions) >= 15


def test_without_queries(aws: str) -> None:
    """`--no-queries` sets up everything that a moto server has."""
    run("provision", "--no-queries")
    assert run("provision", "--no-queries").startswith("0 changes")


def test_alarms_are_heard(connecting: Any) -> None:
    """Each alarm goes to a topic that exists."""
    run("provision")
    topics = [topic["TopicArn"] for topic in connecting("sns").list_topics()["Topics"]]
    found = connecting("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [alarm["AlarmActions"] for alarm in found] == [topics] * 6


def test_provision_twice(connecting: Any) -> None:
    """Doing it again changes nothing."""
    run("provision")
    assert run("provision").startswith("0 changes\nhttps://eu-central-1.console")


def test_difference(connecting: Any) -> None:
    """A changed part is shown with what it is and what it should be, and put right."""
    run("provision")
    connecting().put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    query = next(iter(connecting().definitions.values()))
    query["queryString"] = "fields @message"
    output = run("provision")
    assert "~ retention of /shop/test/security\n-     days: 7\n+     days: 400\n" in output
    assert ("2 changes" in output, run("provision").startswith("0 changes")) == (True, True)


def test_key(connecting: Any) -> None:
    """A new group is made with its key; another key of an existing group is put right."""
    key = "arn:aws:kms:eu-central-1:123456789012:key/1"
    run("provision", f"--kms-key={key}")
    group = connecting().describe_log_groups()["logGroups"][0]
    steps = plan(setup_from_settings(kms_key=f"{key}2"), connecting, REGION)
    assert (group["kmsKeyId"], next(steps).name) == (key, f"key of {GROUP}")


class Refusing:
    """A client with one method that raises."""

    def __init__(self, client: Any, method: str, error: Exception) -> None:
        self._client, self._method, self._error = client, method, error

    def __getattr__(self, name: str) -> Any:
        return self._raise if name == self._method else getattr(self._client, name)

    def _raise(self, **_: object) -> None:
        raise self._error


@pytest.mark.parametrize("method", ["describe_metric_filters", "get_dashboard"])
def test_error_while_planning(connecting: Any, method: str) -> None:
    """An error that does not mean "missing" is not taken for it."""
    error = PermissionError("AccessDenied")
    with pytest.raises(PermissionError):
        list(plan(setup_from_settings(), lambda service: Refusing(connecting(service), method, error), REGION))


def test_filters_of_a_missing_group(connecting: Any) -> None:
    """AWS answers with an error where moto says that there is no filter; both mean the same."""
    error = type("ResourceNotFoundException", (Exception,), {})()
    steps = plan(
        setup_from_settings(),
        lambda service: Refusing(connecting(service), "describe_metric_filters", error),
        REGION,
    )
    assert "metric filter FailedLogins" in [step.name for step in steps if step.current is None]


@pytest.mark.parametrize(("name", "key"), [("cloudformation", "Resources"), ("terraform", "resource")])
def test_template(name: str, key: str, aws: str) -> None:
    """`--format` prints a template."""
    assert key in json.loads(run("provision", f"--format={name}"))


def test_policy(aws: str) -> None:
    """`policy` prints a policy for the group of the settings."""
    assert "/shop/test/security" in run("policy", "writer")


def test_list_of_queries(aws: str) -> None:
    """`query` alone lists the questions."""
    assert "attackers           Which addresses fail to log in most often?\n" in run("query")


@pytest.mark.parametrize("arguments", [["nonsense"], ["address"], ["address", '--ip=1" or 1=1']])
def test_query_that_cannot_run(arguments: list[str], aws: str) -> None:
    """A query without its name or value is not run, and a value cannot change it."""
    with pytest.raises(CommandError):
        run("query", *arguments)


def test_query(logs: Any) -> None:
    """A query comes back as a table below its question."""
    put(logs, "security", "one")
    assert run("query", "development").startswith("How did failed logins develop?\n\n")


def test_query_as_json(logs: Any) -> None:
    """A query comes back as JSON too."""
    put(logs, "security", "one")
    assert isinstance(json.loads(run("query", "address", "--ip=203.0.113.7", "--json")), list)


class Answers:
    """A client whose query ends as told."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.stopped = False

    def start_query(self, **_: object) -> dict[str, str]:
        return {"queryId": "1"}

    def get_query_results(self, **_: object) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        cells = [{"field": "ip", "value": "203.0.113.7"}, {"field": "@ptr", "value": "x"}, {"field": "none"}]
        return {"status": state, "results": [cells]}

    def stop_query(self, **_: object) -> None:
        self.stopped = True


def test_waiting_for_a_query() -> None:
    """A query is waited for, and the row's pointer, which says nothing to a reader, left out."""
    slept: list[float] = []
    rows = run_query(Answers("Scheduled", "Running", "Complete"), GROUP, "", 60, sleep=slept.append)
    assert (rows, len(slept)) == ([{"ip": "203.0.113.7", "none": ""}], 2)


def test_failed_query(connecting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that fails is an error of the command."""
    monkeypatch.setattr(Answers, "meta", connecting().meta, raising=False)
    monkeypatch.setattr(security_cloudwatch, "_reading", lambda *_: Answers("Failed"))
    with pytest.raises(CommandError, match="Failed"):
        run("query", "attackers")


def test_endless_query() -> None:
    """A query that does not end is stopped, since it costs money."""
    answers = Answers("Running")
    with pytest.raises(QueryFailed, match="60 seconds"):
        run_query(answers, GROUP, "", 60, sleep=lambda _: None)
    assert answers.stopped


def test_table() -> None:
    """A table has a column for each field, and no character that steers the terminal."""
    assert table([{"a": "1", "b": "\x1b[2J"}, {"a": "x" * 100}]).split("\n") == [
        f"a{' ' * 59}  b",
        f"{'-' * 60}  ----",
        f"1{' ' * 59}  ?[2J",
        f"{'x' * 57}...",
    ]


def test_table_of_events() -> None:
    """A whole event is shown as the console log shows it; the last column has more room, and a time is readable."""
    event = make_event(LOGIN_FAILED, ip="203.0.113.7", user="\x1b[2J", path="/" + "x" * 200)
    row = table([{"@timestamp": "1785585600123", "@message": ecs.render_json(event)}]).split("\n")[-1]
    assert row.startswith(r"2026-08-01 12:00:00  login_failed   203.0.113.7     user=\u001b[2J path=/xxx")
    assert (len(row), row[-3:]) == (19 + 2 + 120, "...")


def test_table_of_foreign_lines() -> None:
    """A line that is none of ours is shown too."""
    assert table([{"@message": "disk full"}]).split("\n")[-1] == "INFO     ?: disk full"


def test_empty_table() -> None:
    """No row is said to be none."""
    assert table([]) == "nothing found"


def test_tail(logs: Any) -> None:
    """`tail` shows the stream as the console log does, without heartbeats."""
    failed, banned = make_event(LOGIN_FAILED, ip="203.0.113.7", user="alice"), make_event(BANNED)
    foreign = ECSFormatter().format(logging.makeLogRecord({"name": "django.request", "msg": "disk full"}))
    documents = [ecs.render_json(event) for event in (failed, banned, make_event(HEARTBEAT))]
    put(logs, "security", *documents, foreign, "rubbish \x1b[2J")
    lines = run("tail", "--once").splitlines()
    assert [("login_failed" in lines[0]), ("banned" in lines[1]), ("disk full" in lines[2])] == [True] * 3
    assert (len(lines), "\x1b" in lines[3]) == (4, False)


def test_tail_of_one_kind(logs: Any) -> None:
    """`--event` shows one kind of event, `--json` the lines as they are."""
    failed, banned = make_event(LOGIN_FAILED), make_event(BANNED)
    put(logs, "security", ecs.render_json(failed), ecs.render_json(banned), "rubbish")
    assert run("tail", "--once", "--json", "--event=banned") == f"{ecs.render_json(banned)}\n"


def test_following(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later is shown too, and nothing twice."""
    monkeypatch.setattr(tail, "_REMEMBERED", 2)
    put(logs, "one", "a", "b", seconds_ago=120)

    def wait(_seconds: float) -> None:
        if len(found) > 2:
            raise KeyboardInterrupt
        put(logs, "two", "c")

    found: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(tail.follow(logs, GROUP, 0, forever=True, wait=wait))
    assert found == ["a", "b", "c"]


def test_color_is_forced(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR has the stream coloured where there is no terminal."""
    put(logs, "security", ecs.render_json(make_event(LOGIN_FAILED)))
    plain = run("tail", "--once")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert ("\x1b" in plain, "\x1b[33mlogin_failed" in run("tail", "--once")) == (False, True)
    assert "\x1b" not in run("--no-color", "tail", "--once")


def test_color() -> None:
    """On a terminal the level has its colour."""
    line = tail.show(ecs.render_json(make_event(LOGIN_FAILED)), ConsoleFormatter(color=True))
    assert line is not None
    assert "\x1b[33mlogin_failed" in line


def test_healthy(logs: Any, settings: Any, tmp_path: Path) -> None:
    """`status` of a way that works is no error."""
    settings.SECURITY_LOGGING_CLOUDWATCH_FILE = str(tmp_path / "security.json")
    put(logs, "security", "one")
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=400)
    output = run("status")
    assert re.search(r"last event seconds +\d+\n", output)
    assert "https://eu-central-1.console.aws.amazon.com/" in output


def test_ill(logs: Any, settings: Any, tmp_path: Path, directory: Path) -> None:
    """`status` names everything that is wrong, and its exit status is 1."""
    path = tmp_path / "security.json"
    settings.SECURITY_LOGGING_CLOUDWATCH_FILE = str(path)
    path.write_bytes(b"a\nb\n")
    file = LogFile(path)
    file.read()
    ShipperState(directory, path).save(file.position._replace(offset=2), gaps=1)
    file.close()
    (directory / "spool-1-a.jsonl").write_bytes(b"123")
    (directory / "refused.jsonl").write_bytes(b"{}\n")
    put(logs, "pipeline", "one", seconds_ago=3600)
    with pytest.raises(CommandError) as error:
        run("status", "--json")
    words = ("no event of this host", "heartbeat at", "3 bytes of events", "refused 1 events", "removed", "for ever")
    assert [word for word in words if word not in str(error.value)] == []
    assert error.value.returncode == 1


def test_new_host(logs: Any, settings: Any, tmp_path: Path) -> None:
    """On a host where nothing has happened yet nothing waits."""
    settings.SECURITY_LOGGING_CLOUDWATCH_DIRECTORY = str(tmp_path / "nothing")
    with pytest.raises(CommandError, match="CloudWatch has no event of this host"):
        run("status")


def test_unreachable(settings_for: Any) -> None:
    """When CloudWatch cannot be asked, `status` does not know what it has, and its exit status is 2."""
    match = "cannot be asked: EndpointConnectionError"
    with settings_for(refusing_url()), pytest.raises(CommandError, match=match) as error:
        run("status")
    assert error.value.returncode == 2


def test_no_region(aws: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region the setting is named that says it."""
    settings.AWS_REGION = None
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(
        CommandError, match=r"^CloudWatch: NoRegionError; set SECURITY_LOGGING_CLOUDWATCH_REGION, e\.g\. to"
    ):
        run("tail", "--once")
    with pytest.raises(CommandError, match=r"^CloudWatch: NoRegionError;") as error:
        run("status")
    assert error.value.returncode == 2


def test_group_that_is_missing(aws: str) -> None:
    """An error of AWS is one line, not a traceback."""
    with pytest.raises(CommandError, match="CloudWatch: ResourceNotFoundException"):
        run("tail", "--once")


@pytest.mark.parametrize("fault", ["expired", "reset"])
@pytest.mark.parametrize("command", ["ship", "provision", "query attackers", "tail --once", "status", "policy writer"])
def test_credentials_are_never_printed(
    fault: str, command: str, endpoint: FaultEndpoint, settings_for: Any, tmp_path: Path, capfd: Any
) -> None:
    """Whatever goes wrong, no command says a key."""
    endpoint.mode = fault
    path = tmp_path / "security.json"
    path.touch()
    keys = {"AWS_ACCESS_KEY_ID": "AKIDSECRET", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_SESSION_TOKEN": "t0ken"}
    said = ""
    with settings_for(endpoint.url), override_settings(SECURITY_LOGGING_CLOUDWATCH_FILE=str(path), **keys):
        try:
            said = run(*command.split())
        except CommandError as error:
            said = str(error)
    said += "".join(capfd.readouterr())
    assert [secret for secret in keys.values() if secret in said] == []


def test_error_of_our_own(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of our own keeps its traceback."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(security_cloudwatch, "policy", broken)
    with pytest.raises(ZeroDivisionError):
        run("policy", "writer")
