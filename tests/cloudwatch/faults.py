"""Every fault of CloudWatch that the proofs run through, and the site process that meets it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cloudwatch.fault_endpoint import FaultEndpoint, fault_endpoint, refusing_url
from cloudwatch.site_process import SiteProcess

FAULTS = (
    "ok",
    "refused",
    "reset",
    "hang",
    "slow",
    "500",
    "503",
    "throttled",
    "denied PutLogEvents",
    "denied CreateLogStream",
    "missing",
    "expired",
    "no credentials",
)
TLS_FAULTS = ("ok", "hang", "reset")


@contextlib.contextmanager
def faulty_site(
    fault: str, directory: Path, certificate: tuple[Path, Path] | None = None, **environment: str
) -> Iterator[tuple[SiteProcess, FaultEndpoint]]:
    """Run a site whose CloudWatch has the fault from the first moment on; set the endpoint's mode to "ok" to end it."""
    mode = fault if fault not in ("refused", "no credentials") else "ok"
    with fault_endpoint(mode, certificate) as endpoint:
        url = refusing_url() if fault == "refused" else endpoint.url
        if fault == "no credentials":
            environment |= {"TEST_ACCESS_KEY": "", "TEST_SECRET_KEY": ""}
        if certificate:
            environment["AWS_CA_BUNDLE"] = str(certificate[0])
        with SiteProcess(directory, url, **environment) as site:
            yield site, endpoint


def can_deliver(fault: str) -> bool:
    """Tell whether events arrive in spite of the fault."""
    return fault in ("ok", "slow")
