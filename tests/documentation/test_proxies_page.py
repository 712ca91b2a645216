"""docs/proxies.md: its settings are accepted, its commands understood, and its table agrees with its sections."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from documented import page, under
from security_logging.checks.registry import check_settings
from security_logging.logging_config import build_logging

PAGE = page("proxies.md")
COMMANDS = re.findall(r"^python manage\.py security_fail2ban (install .*)$", PAGE, re.MULTILINE)
SECTIONS = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
ROWS = re.findall(r"^\| \[[^]]*\]\(#([^)]*)\) \|.*\| ([^|]*) \| [^|]* \| `?([\w-]+)`?[^|]* \|$", PAGE, re.MULTILINE)
BY_ANCHOR = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-"): heading for heading in SECTIONS}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's settings take the secret from the environment."""
    monkeypatch.setenv("ORIGIN_SECRET", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")


def settings_of(heading: str) -> dict[str, Any]:
    """Return the settings of a section."""
    names: dict[str, Any] = {"build_logging": build_logging}
    exec(under("proxies.md", heading, "python"), names)  # noqa: S102 (our own page)
    return {name: value for name, value in names.items() if name.isupper()}


def test_each_front_has_its_row() -> None:
    """The table has a row for each front."""
    assert [BY_ANCHOR[anchor] for anchor, _, _ in ROWS] == [
        "Nothing in front",
        "nginx on this machine, over TCP",
        "nginx and gunicorn over a unix socket",
        "nginx and uvicorn",
        "Docker, the log on a volume",
        "Docker, a published port",
        "A load balancer, then nginx here",
        "AWS Application Load Balancer and WAF",
        "Cloudflare",
    ]


@pytest.mark.parametrize(("anchor", "trusted", "front"), [row for row in ROWS if "published" not in row[0]])
def test_row_agrees_with_its_section(anchor: str, trusted: str, front: str) -> None:
    """What a row says of settings and of `--front` is what its section shows."""
    shown = settings_of(BY_ANCHOR[anchor])["SECURITY_LOGGING_TRUSTED_PROXIES"]
    named = re.findall('"([a-z]+)"', trusted)
    command = under("proxies.md", BY_ANCHOR[anchor], "console")
    assert (named, f"--front {front} " in command) == ([entry for entry in shown if entry.isalpha()], True)


@pytest.mark.parametrize("heading", [BY_ANCHOR[anchor] for anchor, _, _ in ROWS if "published" not in anchor])
def test_settings(heading: str) -> None:
    """The system checks have nothing to say of the settings of a section."""
    with override_settings(**settings_of(heading)):
        assert [message for message in check_settings() if "TRUSTED_PROXIES" in str(message)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_install(command: str, tmp_path: Path) -> None:
    """Each `install` of the page is understood, and shows jails that are switched on."""
    out = io.StringIO()
    call_command("security_fail2ban", "--config", str(tmp_path), *shlex.split(command), "--dry-run", stdout=out)
    assert out.getvalue().count("+enabled = true") == 3


def test_published_port() -> None:
    """The jails of Docker's section are the three that are shipped, each with its own name in the firewall."""
    actions = re.findall(
        r"\[(django-\w+)\]\naction = .*name=([\w-]+),", under("proxies.md", "Docker, a published port", "ini")
    )
    assert actions == [(jail, jail) for jail in ("django-auth", "django-admin", "django-probe")]
