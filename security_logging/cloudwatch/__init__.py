"""Amazon CloudWatch: send the security events there, set it up, and read them."""

from __future__ import annotations

from security_logging.cloudwatch.sending.handler import CloudWatchHandler

__all__ = ["CloudWatchHandler"]
