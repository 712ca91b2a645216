"""Run uvicorn: `python -m profile_site.serve PORT`."""

from __future__ import annotations

import sys

import uvicorn

from profile_site.options import configured
from security_logging.logging_config import uvicorn_logging

if __name__ == "__main__":
    uvicorn.run("profile_site.asgi:application", port=int(sys.argv[1]), log_config=configured(uvicorn_logging))
