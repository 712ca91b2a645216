"""The set-up of a site in CloudWatch, and the names of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from security_logging.cloudwatch import names

# The numbers of days that PutRetentionPolicy accepts.
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
DEFAULT_RETENTION = 400


@dataclass(frozen=True)
class Setup:
    """The set-up of a site in one environment; `retention` is in days, `kms_key` the ARN of a key or empty."""

    group: str
    site: str
    environment: str
    retention: int = DEFAULT_RETENTION
    kms_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Return the beginning of the names of alarms, dashboard, topic and policy."""
        return f"{self.site}-{self.environment}-security"

    @property
    def namespace(self) -> str:
        """Return the namespace of the metrics."""
        return f"DjangoSecurity/{self.site}/{self.environment}"

    @property
    def folder(self) -> str:
        """Return the folder of the saved queries."""
        return f"{self.site}/{self.environment}"


def setup_from_settings(**options: object) -> Setup:
    """Return the set-up that the settings describe; empty options have their defaults."""
    given = {name: value for name, value in options.items() if value}
    return Setup(names.log_group(), names.site(), names.environment(), **given)  # type: ignore[arg-type]  # of argparse
