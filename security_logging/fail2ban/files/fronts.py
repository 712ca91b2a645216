"""Where a ban takes effect: it depends on whose connections this machine sees."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "%(default/action)s"  # what the server's own jail.local or jail.conf does

# What clients connect to: the action that stops them there, and the parameters that it needs.
FRONTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "nothing": (DEFAULT, ()),  # gunicorn or uvicorn itself: this machine's firewall
    "nginx": (DEFAULT, ()),  # nginx on this machine: its firewall too, the packets come from the clients
    "load-balancer": ("django-security-nginx", ()),  # another machine: its address is all that a firewall sees
    "aws": ("django-security-aws-waf", ("region", "set4", "set6")),  # Application Load Balancer or CloudFront
    "cloudflare": ("cloudflare-token", ("cfzone", "cftoken")),  # Fail2ban's own action, from 1.0 on
}


class ChoiceError(ValueError):
    """An option that cannot be meant so; the message says what to write."""


def action_for(front: str, parameters: Mapping[str, str], *, report: str = "", logtype: str = "file") -> str:
    """
    Return the jail's action line for what stands in front of the site.

    `report` is the log into which bans are written back, empty for none; a journal or a container's log cannot be
    written to. Raises ChoiceError when the action lacks a parameter.
    """
    action, needed = FRONTS[front]
    missing = [name for name in needed if not parameters.get(name)]
    if missing:
        raise ChoiceError(f"--front {front} needs {' '.join(f'--set {name}=...' for name in missing)}")
    lines = [
        f"{action}[{', '.join(f'{name}={value}' for name, value in parameters.items())}]" if parameters else action
    ]
    if report and logtype in ("file", "json"):
        form = ", form=json" if logtype == "json" else ""
        lines.append(f'django-security-report[log="{report}"{form}]')
    return "\n         ".join(lines)
