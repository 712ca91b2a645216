"""What only a scanner asks for."""

from __future__ import annotations

import json
import re
import time
from importlib.resources import files

import pytest
from django.test import override_settings

from security_logging.watchers.bait_paths import BaitPath, is_bait, shipped

every_bait = pytest.mark.parametrize("bait", shipped(), ids=[bait.path for bait in shipped()])


def asked_for(bait: BaitPath) -> str:
    """Return a path that the entry stands for."""
    return bait.path.replace("*/", "/blog/", 1) + ("x" if bait.path.endswith("/") else "")


@every_bait
def test_every_entry_is_found(bait: BaitPath) -> None:
    """Each entry of the shipped list stands for the paths that it says."""
    assert is_bait(asked_for(bait)) is True


@every_bait
def test_every_entry_is_well_formed(bait: BaitPath) -> None:
    """Each entry is in small letters, has a reason, and names a public source."""
    is_path = re.fullmatch(r"(\*)?/[a-z0-9_.+/-]+", bait.path) is not None
    assert (is_path, bool(bait.why), bait.source[:8]) == (True, True, "https://")


def test_entries_are_unique() -> None:
    """No entry stands twice in the list."""
    assert len({bait.path for bait in shipped()}) == len(shipped())


@pytest.mark.parametrize(
    "path",
    [
        "/wp-login.php",
        "//wp-login.php",
        "/WP-Login.PHP",
        "/blog/wp-login.php",
        "/wp-login.php/",
        "/.git/config",
        "/.git",
        "/shop/.git/HEAD",
        "/phpMyAdmin/index.php",
        "/phpmyadmin",
    ],
)
def test_bait(path: str) -> None:
    """Neither spelling nor folder hides a bait path."""
    assert is_bait(path) is True


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/robots.txt",
        "/favicon.ico",
        "/apple-touch-icon.png",
        "/sitemap.xml",
        "/ads.txt",
        "/.well-known/security.txt",
        "/.well-known/change-password",
        "/.well-known/acme-challenge/x",
        "/autodiscover/autodiscover.xml",  # Outlook asks every mail domain for it
        "/wp-content/uploads/2019/photo.jpg",  # a link from before the site moved to Django
        "/cgi-bin/counter.pl",
        "/actuator/health",  # a monitor that was not told
        "/my.env",
        "/.gitignore",
        "/blog/wp-login.php.html",
        "/admin/login/",
        "/shop/phpmyadmin/",  # only at the root
        "/" + "a/" * 17 + "wp-login.php",
    ],
)
def test_no_bait(path: str) -> None:
    """What browsers, phones, crawlers and old links ask for is no bait path."""
    assert is_bait(path) is False


@pytest.mark.parametrize("path", ["/old-shop/admin.php", "/CGI-bin/x", "/any/dump.mysql", "/any/a/b/c"])
@override_settings(SECURITY_LOGGING_BAIT_PATHS_ADD=["/Old-Shop/admin.php", "/cgi-bin/", "*/dump.mysql", "*/a/b/"])
def test_added(path: str) -> None:
    """A project adds its own, in the three forms of the list."""
    assert is_bait(path) is True


@override_settings(SECURITY_LOGGING_BAIT_PATHS_REMOVE=["*/WP-login.php"])
def test_removed() -> None:
    """A project removes an entry."""
    assert (is_bait("/wp-login.php"), is_bait("/xmlrpc.php")) == (False, True)


@override_settings(SECURITY_LOGGING_BAIT_PATHS_ADD="/x/", SECURITY_LOGGING_BAIT_PATHS_REMOVE=None)
def test_wrong_settings() -> None:
    """Settings that are no lists make no ordinary page a bait."""
    assert (is_bait("/"), is_bait("/x/"), is_bait("/xmlrpc.php")) == (False, False, True)


@override_settings(SECURITY_LOGGING_BAIT_PATHS_ADD=["", "/", "*/"])
def test_entries_that_are_no_paths() -> None:
    """An entry that would stand for everything stands for nothing."""
    assert (is_bait("/"), is_bait("/a"), is_bait("/a/")) == (False, False, False)


@pytest.mark.parametrize("path", ["/" * 100_000, "/a" * 50_000, "a" * 100_000, "/" * 40 + "wp-login.php"])
def test_bounded_work(path: str) -> None:
    """A path as long as no server lets it through costs less than a page."""
    started = time.process_time()
    assert (is_bait(path), time.process_time() - started < 0.05) == (False, True)


def test_list_names_what_it_leaves_out() -> None:
    """The list says which well-known paths are not in it, and why."""
    about = json.loads(files("security_logging").joinpath("data/bait_paths.json").read_text("ascii"))["about"]
    assert [name for name in ("/autodiscover/", "/.well-known/", "/cgi-bin/") if name not in about] == []
