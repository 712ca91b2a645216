"""The dashboard: attacks, whether they succeed, whether they are stopped, and whether the log is complete."""

from __future__ import annotations

from typing import Any

from security_logging.cloudwatch.setup import queries
from security_logging.cloudwatch.setup.parts import Setup

_WIDTH, _HEIGHT = 12, 6  # of the 24 columns that a dashboard has
_RED, _GREEN, _ORANGE, _GREY = "#d62728", "#2ca02c", "#ff7f0e", "#7f7f7f"


def dashboard(setup: Setup, region: str | dict[str, str]) -> dict[str, Any]:
    """Return the body of the dashboard; `region` may be a reference of CloudFormation."""
    widgets = [
        _text(setup),
        _graph(setup, region, "Logins and failures", {"Logins": _GREEN, "FailedLogins": _RED, "Lockouts": _ORANGE}),
        _graph(setup, region, "At the admin", {"AdminLogins": _GREEN, "AdminFailedLogins": _RED}),
        _graph(setup, region, "Does an attack succeed?", {"SuccessAfterFailures": _RED, "PrivilegeChanges": _ORANGE}),
        _graph(setup, region, "Is it stopped?", {"Bans": _GREEN, "Probes": _GREY}),
        *(
            _query(setup, region, name)
            for name in ("surfaces", "attackers", "targets", "bans", "privileges", "pipeline")
        ),
        _graph(
            setup,
            region,
            "Health of the log",
            {"Heartbeat": _GREEN, "Lag": _ORANGE, "Dropped": _RED, "Rejected": _GREY},
            {"Lag": "Maximum"},
        ),
    ]
    return {"start": "-P1D", "periodOverride": "inherit", "widgets": _placed(widgets)}


def _text(setup: Setup) -> dict[str, Any]:
    words = (
        f"# {setup.site} ({setup.environment}): security\n"
        "Top: is there an attack, and does it succeed? Middle: from where, against whom? Bottom: is the log complete?\n"
        f"Log group `{setup.group}`; more queries are saved in `{setup.folder}`."
    )
    return {"type": "text", "width": 24, "height": 3, "properties": {"markdown": words}}


def _graph(
    setup: Setup,
    region: str | dict[str, str],
    title: str,
    colors: dict[str, str],
    statistics: dict[str, str] | None = None,
) -> dict[str, Any]:
    lines = [
        [setup.namespace, name, {"color": color, "stat": (statistics or {}).get(name, "Sum")}]
        for name, color in colors.items()
    ]
    properties = {"title": title, "region": region, "view": "timeSeries", "period": 300, "metrics": lines}
    return {"type": "metric", "width": _WIDTH, "height": _HEIGHT, "properties": properties}


def _query(setup: Setup, region: str | dict[str, str], name: str) -> dict[str, Any]:
    query = queries.get(name)
    text = f"SOURCE '{setup.group}' | {query.render()}"
    properties = {"title": query.question, "region": region, "view": "table", "query": text}
    return {"type": "log", "width": _WIDTH, "height": _HEIGHT, "properties": properties}


def _placed(widgets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    x = y = height = 0
    placed = []
    for widget in widgets:
        if x + widget["width"] > 24:
            x, y = 0, y + height
        placed.append({"x": x, "y": y, **widget})
        x, height = x + widget["width"], widget["height"]
    return placed
