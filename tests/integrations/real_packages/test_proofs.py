"""What the packages have counted proves that its sender meant it, also when a hostile page has sent the request."""

from __future__ import annotations

import pytest
from allauth.account import forms
from allauth.headless.account import inputs
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal import auth as webauthn
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from integrations.real_packages.conftest import ADDRESS
from integrations.real_packages.test_flows import FLOWS, _as_installed
from proofs import COUNTED, HOSTILE_MARKS, unproven, watching
from security_logging.events.event import SecurityEvent

pytestmark = pytest.mark.django_db

CHECKS = (
    (TOTP, "validate_code"),
    (StaticDevice, "verify_token"),
    (TOTPDevice, "verify_token"),
    (webauthn, "parse_authentication_response"),
    (forms, "compare_user_code"),
    (inputs, "compare_user_code"),
    (webauthn, "extract_user_from_response"),
)
NAMES = {kind.name for kind in COUNTED}
MARKED = [name for name, flow in FLOWS.items() if any(line.split()[0] in NAMES for line in flow.lines)]


@pytest.mark.parametrize("marks", HOSTILE_MARKS.values(), ids=HOSTILE_MARKS)
@pytest.mark.parametrize("name", MARKED)
@pytest.mark.usefixtures("_as_installed")
def test_hostile_page(
    name: str,
    marks: dict[str, str],
    captured: list[SecurityEvent],
) -> None:
    """With the marks of a hostile page a flow leaves no counted event whose proof does not hold."""
    FLOWS[name].before(client := Client(REMOTE_ADDR=ADDRESS))
    captured.clear()
    client.defaults |= {f"HTTP_{mark.upper().replace('-', '_')}": value for mark, value in marks.items()}
    with watching(*CHECKS) as watched:
        FLOWS[name].act(client)
    assert unproven(captured, watched) == []


__all__ = ["_as_installed"]  # the fixture
