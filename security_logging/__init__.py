"""Security events of a Django site, in one line that Fail2ban, CloudWatch and humans can trust."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from security_logging.events.event import SecurityEvent
    from security_logging.events.type_registry import register as register_event_type
    from security_logging.events.types import EventType, Proof
    from security_logging.logger import log_event
    from security_logging.request.user_names import hashed as hash_user_name
    from security_logging.signals import security_event

__all__ = [
    "EventType",
    "Proof",
    "SecurityEvent",
    "hash_user_name",
    "log_event",
    "register_event_type",
    "security_event",
]
__version__ = "0.1.0.dev0"

# Loaded when first asked for (PEP 562): settings.py imports from this package before Django is ready.
_HOMES = {
    "EventType": ("security_logging.events.types", "EventType"),
    "Proof": ("security_logging.events.types", "Proof"),
    "SecurityEvent": ("security_logging.events.event", "SecurityEvent"),
    "hash_user_name": ("security_logging.request.user_names", "hashed"),
    "log_event": ("security_logging.logger", "log_event"),
    "register_event_type": ("security_logging.events.type_registry", "register"),
    "security_event": ("security_logging.signals", "security_event"),
}


def __getattr__(name: str) -> Any:
    """Return a public name of the package; raises AttributeError for any other."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
