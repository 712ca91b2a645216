"""Whether rsyslog lets only the site write into the log that Fail2ban reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from security_logging.fail2ban.checking.rsyslog import is_guarded

LOG = Path("/var/log/django-security.log")
SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "rsyslog.d"
OURS = (SHIPPED / "django-security.conf").read_text()
OPEN = 'if $app-name == "django-security" then /var/log/django-security.log\n'
COMMENTED = "".join(f"# {line}\n" for line in OURS.splitlines())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([OURS], True),
        ([OURS, (SHIPPED / "django-security-tcp.conf").read_text()], True),
        ([OPEN], False),
        ([OURS, OPEN], False),
        ([COMMENTED + OPEN], False),
        (["*.* /var/log/syslog\n"], False),
        ([], False),
    ],
    ids=["ours", "with TCP", "from anybody", "from anybody too", "only a comment", "another log", "none"],
)
def test_is_guarded(tmp_path: Path, files: list[str], expected: bool) -> None:
    """It does where each file that names the log is like ours."""
    for number, text in enumerate(files):
        (tmp_path / f"{number}.conf").write_text(text)
    assert is_guarded(LOG, (tmp_path / "rsyslog.conf", tmp_path)) is expected
