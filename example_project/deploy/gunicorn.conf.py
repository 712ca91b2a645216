"""Gunicorn for Harbour; `gunicorn --config deploy/gunicorn.conf.py example.wsgi` reads it."""

from __future__ import annotations

import os

bind = os.environ.get("HARBOUR_BIND", "unix:/run/harbour/gunicorn.sock")
workers = int(os.environ.get("HARBOUR_WORKERS", "2"))
timeout = 30  # seconds
accesslog = None  # nginx keeps one
control_socket_disable = True  # not needed here; gunicorn before 25 does not know it
