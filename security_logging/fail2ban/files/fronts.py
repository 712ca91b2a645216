"""What is in front of the site, and the Fail2ban action that stops an attacker there."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "%(default/action)s"  # the default of the server's jail.local or jail.conf

# What clients connect to: the action, and the parameters that it needs.
FRONTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "nothing": (DEFAULT, ()),  # gunicorn or uvicorn itself: this machine's firewall
    "nginx": (DEFAULT, ()),  # nginx on this machine: the firewall again, since packets come from the clients
    "load-balancer": ("django-security-nginx", ()),  # another machine: the firewall sees only that machine
    "aws": ("django-security-aws-waf", ("region", "set4", "set6")),  # Application Load Balancer or CloudFront
    "cloudflare": ("cloudflare-token", ("cfzone", "cftoken")),  # an action of Fail2ban 1.0 and later
}


class ChoiceError(ValueError):
    """An option is not valid; the message says what to write."""


def action_for(front: str, parameters: Mapping[str, str], *, report: str = "", logtype: str = "file") -> str:
    """
    Return the action line of a jail for this front.

    `report` is the log to write bans into, or empty. The action cannot write to a journal or the log of a container.
    Raises ChoiceError if the action lacks a parameter.
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
