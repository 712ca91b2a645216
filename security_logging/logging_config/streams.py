"""Streams: which loggers belong together, so that each function of a site has its own file or CloudWatch stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SECURITY = "security"
Streams = Mapping[str, Sequence[str]]  # name of the stream: beginnings of the loggers in it, "" for all others

SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "waitress", "django.server", "django.channels.server")
# What load balancers and orchestrators ask for, every few seconds.
HEALTH_PATHS = ("/health", "/health/", "/healthz", "/livez", "/readyz", "/ping", "/up")
# Libraries that tell at length what they do. At CRITICAL they also cannot log about the sending of a log.
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
# What is sent to CloudWatch must not log about being sent into the same stream.
NEVER_SENT = frozenset({"aws", "network"})


def resolve(streams: str | Streams | None, logger_name: str, *, is_whole: bool) -> dict[str, tuple[str, ...]]:
    """
    Return the streams that are meant, the security stream first.

    A name stands for a preset. None stands for `functions` where the whole of LOGGING is ours (`is_whole`), else for
    `security` alone. Streams of your own replace the presets; loggers that none of them names go to `application`.
    Raises ValueError for an unknown preset.
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
