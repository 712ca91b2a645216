"""The security stream in Amazon CloudWatch: send it without hurting the site, and review it."""

from __future__ import annotations

from security_logging.cloudwatch.sending.handler import CloudWatchHandler

__all__ = ["CloudWatchHandler"]
