"""The signal for a project that wants to react to what is logged."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["security_event"]

# Sent with send_robust after each event that was written: Django reports what a receiver raises to its logger
# django.dispatch, and it goes no further. `sender` is the EventType, `event` the SecurityEvent, `request` the Django
# request it belongs to, None where there is none. An async receiver cannot be called from inside an event loop.
security_event = Signal()
