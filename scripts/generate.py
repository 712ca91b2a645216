"""
Write every file and table that is derived from the vocabulary and the settings, or check that they are up to date.

    python scripts/generate.py            write them
    python scripts/generate.py --check    write nothing; name what differs and exit with 1
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the sources of this checkout, whatever is installed

from scripts import captures, fail2ban_samples, flow_table, tables  # noqa: E402
from security_logging.fail2ban.files import render, report  # noqa: E402

FILES: dict[str, Callable[[], str]] = {
    "fail2ban/filter.d/django-security.conf": render.render_filter,
    "fail2ban/jail.d/django-security.conf": render.render_jails,
    "fail2ban/action.d/django-security-report.conf": report.render_report_action,
    "docs/events.md": tables.events_page,
    "docs/images/console.svg": captures.console_svg,
    "docs/flows.md": flow_table.page,
    "tests/real_fail2ban/logs/django-security": fail2ban_samples.render_samples,
}
# Tables inside pages that are otherwise written by hand, between <!-- generated: NAME --> and <!-- end -->.
TABLES: dict[str, Callable[[], str]] = {
    "events": tables.events,
    "fields": tables.fields,
    "settings": tables.settings,
    "checks": tables.checks,
    "missing_events": tables.missing_events,
    "modes": tables.modes,
    "presets": tables.presets,
    "strangers": tables.strangers,
    "fail2ban_problems": tables.fail2ban_problems,
    "text_formats": captures.text_formats,
    "json_form": captures.json_form,
}
_TABLE = re.compile(r"(<!-- generated: (?P<name>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def wanted() -> dict[Path, str]:
    """Return what each derived file should hold."""
    files = {ROOT / name: make() for name, make in FILES.items()}
    pages = [ROOT / "README.md", ROOT / "fail2ban" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        if page.exists() and page not in files:
            files[page] = _TABLE.sub(_filled, page.read_text(encoding="utf-8"))
    return files


def main(arguments: list[str] | None = None) -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 if a file is out of date")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in wanted().items() if _current(path) != text}
    for path, text in stale.items():
        name = str(path.relative_to(ROOT))
        if check:
            sys.stdout.writelines(_difference(name, _current(path), text))
            print(f"{name} is out of date; run: make generate")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if check and stale else 0


def _filled(match: re.Match[str]) -> str:
    return f"{match[1]}\n{TABLES[match['name']]()}\n{match[3]}"


def _current(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _difference(name: str, old: str, new: str) -> list[str]:
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, "generated", n=1)
    return list(lines)


if __name__ == "__main__":
    sys.exit(main())
