"""On PostgreSQL with ATOMIC_REQUESTS no query of ours breaks or holds up the transaction of a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_servers import postgresql

pytestmark = [pytest.mark.end_to_end]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the site and return what became of each of its requests."""
    with postgresql(tmp_path_factory.mktemp("transactions")) as database:
        cache = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}
        data = {"DATABASES": {"default": database}, "CACHES": {"default": cache}}
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        environment |= {"DATA": json.dumps(data), "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, str(TESTS / "transactions_site.py")]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        result: dict[str, Any] = json.loads(run.stdout)
        return result


@pytest.mark.parametrize("trouble", ["error", "slow"])
@pytest.mark.parametrize(
    ("query", "texts"), [("flags", ("1 1", "0 0")), ("memberships", ("1 1", "0 0")), ("known", ("1",))]
)
def test_query_in_trouble(found: dict[str, Any], query: str, texts: tuple[str, ...], trouble: str) -> None:
    """A query of ours that fails, or takes for ever, leaves the request's own queries and its commit alone."""
    answer = found[f"{query}_{trouble}"]
    assert (answer["status"], answer["text"] in texts) == (200, True)


def test_event_of_a_query_in_trouble(found: dict[str, Any]) -> None:
    """Where nobody can say whether the user exists, the line of the failed login says all the rest."""
    for trouble in ("error", "slow"):
        (event,) = found[f"known_{trouble}"]["events"]
        assert (event["event"], event["reason"], "known" in event) == ("login_failed", "bad_credentials", False)


def test_limit_is_ours_alone(found: dict[str, Any]) -> None:
    """The time limit of our queries ends with them."""
    assert found["limit"]["text"] == "0"


@pytest.mark.parametrize("trouble", ["broken_cache", "locked_cache"])
def test_cache_in_the_database(found: dict[str, Any], trouble: str) -> None:
    """A right password logs in, with the failures that this process knows of, whatever became of the cache's table."""
    answer = found[trouble]
    failures = [event["prior_failures"] for event in answer["events"] if event["event"] == "login"]
    assert (answer["status"], failures) == (302, ["4" if trouble == "broken_cache" else "0"])
