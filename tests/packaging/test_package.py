"""The wheel that users install: what is in it, what it asks for, and that it is what the tests import."""

from __future__ import annotations

import email
import os
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import security_logging
from built_wheel import INSTALLED_WHEEL, PROJECT, build

SHARE = "security_logging/share/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Open the wheel that was installed; build one where none was."""
    return zipfile.ZipFile(INSTALLED_WHEEL or build("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    """Return the path of each file in the wheel."""
    return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile, names: set[str]) -> Message:
    """Return what the wheel says of itself."""
    (path,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(path))


def _sources(folder: str) -> set[str]:
    files = (path for path in (PROJECT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(PROJECT).as_posix() for path in files}


def test_top_level(names: set[str]) -> None:
    """A wheel adds one package and its metadata to site-packages, so nobody's `tests` or `fail2ban` is shadowed."""
    dist_info = f"django_security_logging-{security_logging.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"security_logging", dist_info}


def test_every_file_of_the_package(names: set[str]) -> None:
    """Each module, template and table of the package is in the wheel, and nothing else but what is shared."""
    packaged = {name for name in names if name.startswith("security_logging/") and not name.startswith(SHARE)}
    assert packaged == _sources("security_logging")


@pytest.mark.parametrize("folder", ["fail2ban", "deploy", "docs"])
def test_shared_files(names: set[str], folder: str) -> None:
    """Who has no clone finds the files for Fail2ban, logrotate and systemd, and the pages, inside the package."""
    shared = {name.removeprefix(SHARE) for name in names if name.startswith(f"{SHARE}{folder}/")}
    assert shared == _sources(folder)


def test_share_is_not_code(names: set[str]) -> None:
    """Nothing under share can be imported: the one program there, which Fail2ban starts, has no name for that."""
    programs = [name for name in names if name.startswith(SHARE) and name.endswith((".py", ".pyc"))]
    assert programs == [f"{SHARE}fail2ban/action.d/django-security-aws-waf.py"]


def test_no_caches(names: set[str]) -> None:
    """Nothing that a run leaves behind is shipped."""
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".log", ".sqlite3"))] == []


def test_runtime_dependencies(metadata: Message) -> None:
    """Django and django-ipware are all that an installation pulls in."""
    requirements = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert sorted(requirements) == ["django-ipware>=8", "django>=5.2"]


def test_extras(metadata: Message) -> None:
    """The extras that the documentation names exist."""
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "celery",
        "cloudwatch",
        "color",
        "dev",
        "ecs",
        "integrations",
        "sentry",
        "test",
    }


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Name", "django-security-logging"),
        ("Version", security_logging.__version__),
        ("Requires-Python", ">=3.10"),
        ("License-Expression", "BSD-3-Clause"),
        ("License-File", "LICENSE"),
    ],
)
def test_metadata(metadata: Message, header: str, expected: str) -> None:
    """The wheel states its name, version, oldest Python and licence."""
    assert metadata[header] == expected


def test_source_archive_is_complete(tmp_path: Path) -> None:
    """Who packages for a distribution finds sources, tests, documentation and licence in the source archive."""
    with tarfile.open(build("sdist", tmp_path)) as archive:
        top_level = {name.split("/")[1] for name in archive.getnames()}
    assert top_level >= {
        *("LICENSE", "Makefile", "PKG-INFO", "README.md", "pyproject.toml", "tox.ini"),
        *("deploy", "docs", "example_project", "fail2ban", "scripts", "security_logging", "tests"),
    }


@pytest.mark.skipif(
    not INSTALLED_WHEEL and os.environ.get("CI") != "true",
    reason="pytest was called directly; `make test` and tox test the installed wheel",
)
def test_the_wheel_is_what_is_tested() -> None:
    """In CI, make and tox the imported package is the installed one and not the working tree."""
    assert "site-packages" in Path(security_logging.__file__).parts
