"""Links into the AWS console: to a group, a stream, a query or the dashboard."""

from __future__ import annotations

from urllib.parse import quote

_HOURS = 3600


def group_link(region: str, group: str) -> str:
    """Return the link to a log group."""
    return f"{_cloudwatch(region)}logsV2:log-groups/log-group/{_twice(group)}"


def stream_link(region: str, group: str, stream: str) -> str:
    """Return the link to a log stream."""
    return f"{group_link(region, group)}/log-events/{_twice(stream)}"


def query_link(region: str, group: str, text: str, seconds: int) -> str:
    """Return the link to Logs Insights, with the query and the last `seconds` filled in."""
    detail = (
        f"~(end~0~start~-{seconds}~timeType~'RELATIVE~unit~'seconds"
        f"~editorString~'{_starred(text)}~source~(~'{_starred(group)}))"
    )
    return f"{_cloudwatch(region)}logsV2:logs-insights$3FqueryDetail$3D{quote(detail, safe='').replace('%', '$')}"


def dashboard_link(region: str, name: str) -> str:
    """Return the link to a dashboard."""
    return f"{_cloudwatch(region)}dashboards/dashboard/{quote(name, safe='')}"


def _cloudwatch(region: str) -> str:
    domain = "amazonaws.cn" if region.startswith("cn-") else "aws.amazon.com"
    return f"https://{region}.console.{domain}/cloudwatch/home?region={region}#"


def _twice(name: str) -> str:
    return quote(quote(name, safe=""), safe="").replace("%", "$")


def _starred(text: str) -> str:
    """Return the text as the console escapes it: a star and two hexadecimal digits for each special character."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "-_." else f"*{ord(c):02x}" for c in text)
