"""Secrets are not shown: neither in a difference, nor by a dry run, nor in an error."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.files.shipped import JAILS
from security_logging.fail2ban.installing.site_settings import appended
from security_logging.fail2ban.secrets import masked

TOKEN = "0123456789-hunter2"
CLOUDFLARE = ("--front", "cloudflare", "--set", "cfzone=zone", "--set", f"cftoken={TOKEN}")


def output(*words: str) -> str:
    """Run the command and return what it prints."""
    out = io.StringIO()
    call_command("security_fail2ban", *words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("action = cloudflare-token[cfzone=z, cftoken=abc]", "action = cloudflare-token[cfzone=z, cftoken=********]"),
        ('"cftoken": "abc",', '"cftoken": "********",'),
        ("aws_secret_access_key=abc/+", "aws_secret_access_key=********"),
        ("aws_access_key_id = AKIA", "aws_access_key_id = ********"),
        ("SMTP_PASSWORD='x'", "SMTP_PASSWORD='********'"),
        ("region=eu-central-1, set4=v4", "region=eu-central-1, set4=v4"),
        ("needs --set cftoken=...", "needs --set cftoken=..."),
    ],
)
def test_masked(text: str, shown: str) -> None:
    """What a secret's name gives is masked, and nothing else."""
    assert masked(text) == shown


def test_dry_run(tmp_path: Path) -> None:
    """A dry run shows that there is a token, and not which."""
    printed = output("--config", str(tmp_path), "install", "--dry-run", *CLOUDFLARE)
    assert (TOKEN in printed, "cftoken=********" in printed) == (False, True)


def test_old_token(tmp_path: Path) -> None:
    """Nor is the token shown that a new one replaces."""
    jails = tmp_path / JAILS
    jails.parent.mkdir()
    jails.write_text(f"action = cloudflare-token[cfzone=zone, cftoken={TOKEN}]\n")
    assert TOKEN not in output("--config", str(tmp_path), "install", "--dry-run")


@pytest.mark.parametrize("word", [f"cftoken={TOKEN};x", f"cf token={TOKEN}", TOKEN])
def test_word_that_is_refused(word: str) -> None:
    """A word that Fail2ban would misread is refused without its value."""
    with pytest.raises(CommandError, match=r"--set \S+.* is not NAME=VALUE") as raised:
        output("render", "--front", "cloudflare", "--set", word)
    assert TOKEN not in str(raised.value)


def test_what_fail2ban_says() -> None:
    """What Fail2ban says of an action comes without its token."""
    client = Client(("sh", "-c", f"echo 'ERROR no action cloudflare-token[cftoken={TOKEN}]' >&2; exit 1"))
    with pytest.raises(ClientError) as raised:
        client.run()
    assert str(raised.value) == "ERROR no action cloudflare-token[cftoken=********]"


def test_settings(tmp_path: Path) -> None:
    """Of the settings only the new lines are shown, also where the last of the old ones has no line end."""
    path = tmp_path / "settings.py"
    path.write_text(f"X = 1\nKEY = {TOKEN!r}")
    change = appended(path, ["# ours", "MIDDLEWARE = []"])
    assert change.difference() == f"--- {path}\n+++ {path} (new)\n+# ours\n+MIDDLEWARE = []\n"


@pytest.mark.parametrize("words", [("install", "--elsewhere"), ("render",)])
def test_files_for_elsewhere(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Jails with a token are for their owner alone wherever they are written, and all else can be read."""
    place = tmp_path / "files"
    order = [*words, str(place), *CLOUDFLARE]
    output(*order)
    modes = {path.name: f"{stat.S_IMODE(path.stat().st_mode):o}" for path in place.rglob("*.conf")}
    assert (modes.pop("django-security.conf"), set(modes.values())) in [("600", {"644"}), ("644", {"644"})]
    assert f"{stat.S_IMODE((place / JAILS).stat().st_mode):o}" == "600"
