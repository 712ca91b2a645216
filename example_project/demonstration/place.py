"""Where the demo happens: the project's directory, the site's name and the machine's own address."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HOST = "harbour.example"
LOOPBACK = "127.0.0.1"
