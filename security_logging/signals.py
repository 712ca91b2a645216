"""The signal that is sent after each security event."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["security_event"]

# Sent with send_robust after the line was written: if a receiver raises, Django logs the error to django.dispatch, and
# the request goes on. `sender` is the EventType, `event` the SecurityEvent, and `request` the Django request, or None.
# An async receiver cannot be called inside an event loop.
security_event = Signal()
