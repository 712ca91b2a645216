"""Streams: the loggers that share a file, or a stream in CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SECURITY = "security"
Streams = Mapping[str, Sequence[str]]  # name of a stream: beginnings of the names of its loggers, "" for all others

SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "waitress", "django.server", "django.channels.server")
# The paths that load balancers and orchestrators request every few seconds.
HEALTH_PATHS = ("/health", "/health/", "/healthz", "/livez", "/readyz", "/ping", "/up")
# Libraries that log a lot. At CRITICAL they also cannot log that a log record is being sent.
NOISY = (
    "PIL",
    "aiobotocore",
    "boto",
    "boto3",
    "botocore",
    "charset_normalizer",
    "fontTools",
    "httpcore",
    "httpx",
    "matplotlib",
    "requests",
    "s3transfer",
    "urllib3",
    "watchdog",
    "watchtower",
)
PRESETS: dict[str, Streams] = {
    SECURITY: {},
    "functions": {"django": ("django", *SERVERS), "application": ("",)},
    "split": {
        "django": ("django",),
        "server": SERVERS,
        "system": ("celery", "kombu", "amqp", "billiard", "asyncio", "concurrent", "multiprocessing", "py.warnings"),
        "aws": ("aiobotocore", "boto", "boto3", "botocore", "s3transfer", "storages", "watchtower"),
        "network": ("aiohttp", "httpcore", "httpx", "paramiko", "requests", "urllib3", "websockets"),
        "app": ("",),
    },
}


def resolve(streams: str | Streams | None, logger_name: str, *, is_whole: bool) -> dict[str, tuple[str, ...]]:
    """
    Return the name of each stream and the beginnings of its loggers, the security stream first.

    `streams` is the name of a preset, or your own streams; loggers that none of them names go to `application`. None
    is the preset `functions` if the whole of LOGGING is ours (`is_whole`), else the preset `security`. Raises
    ValueError for an unknown preset.
    """
    if streams is None:
        streams = "functions" if is_whole else SECURITY
    if isinstance(streams, str):
        if streams not in PRESETS:
            raise ValueError(f"build_logging: streams={streams!r}; choose from {', '.join(map(repr, PRESETS))}.")
        chosen = PRESETS[streams]
    else:
        named = {prefix for prefixes in streams.values() for prefix in prefixes}
        chosen = streams if "" in named else {**streams, "application": ("",)}
    return {SECURITY: (logger_name,), **{name: tuple(prefixes) for name, prefixes in chosen.items()}}
