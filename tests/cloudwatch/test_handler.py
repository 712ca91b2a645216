from __future__ import annotations

import logging
import logging.config
import os
import re
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from cloudwatch.fault_endpoint import FaultEndpoint, refusing_url
from cloudwatch.site_process import wait_until
from security_logging.cloudwatch import CloudWatchHandler
from security_logging.cloudwatch.sending import delivery, transport
from security_logging.events.types import LOGIN, LOGIN_FAILED
from security_logging.internal import process as lifecycle
from security_logging.internal.queue import own_traffic
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.reporter import Reporter
from security_logging.logger import log_event

Site = Callable[..., override_settings]


def log(count: int = 1) -> None:
    """Log events."""
    for number in range(count):
        log_event(LOGIN_FAILED, ip="203.0.113.7", user=f"user{number}")


def kept(directory: Path) -> int:
    """Return how many events wait on disk or were put aside as refused."""
    lines = [line for path in directory.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sum("logging_degraded" not in line for line in lines)


def test_delivery(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """An event arrives as one document, in the stream of its logger, at its own time."""
    event = log_event(LOGIN, ip="203.0.113.7", user="alice")
    assert event is not None
    assert wait_until(lambda: endpoint.received("/security"))
    document = endpoint.received("/security")[0]
    assert (document["event"]["id"], document["user"]) == (event.id, {"name": "alice"})
    assert endpoint.messages[0]["timestamp"] == round(event.time.timestamp() * 1000)


def test_counts(handler: CloudWatchHandler) -> None:
    """What was sent is counted."""
    log(3)
    handler.flush()
    assert handler.counts == Counts(accepted=3, sent=3)


def test_counts_before_the_first_event() -> None:
    """A handler without events has counted nothing."""
    assert CloudWatchHandler().counts == Counts()


def test_one_call_for_many(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """Events travel in batches."""
    log(500)
    handler.flush()
    assert (len(endpoint.events), endpoint.calls["PutLogEvents"] < 100) == (500, True)


def test_foreign_record(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """A record of another library is sent as a document without an event."""
    logging.getLogger("security.other").warning("disk %s", "full")
    handler.flush()
    assert [document["message"] for document in endpoint.received()] == ["disk full"]


def test_same_message_object(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """A formatter that returns one object for all records does not confuse the accounts."""
    handler.setFormatter(ConstantFormatter())
    log(3)
    handler.flush()
    assert (sum(endpoint.events.values()), handler.counts.sent) == (3, 3)


class ConstantFormatter(logging.Formatter):
    """A formatter that says the same of everything."""

    def format(self, record: logging.LogRecord) -> str:
        return '{"event":{"id":"1"}}'


def test_empty_message(handler: CloudWatchHandler) -> None:
    """An empty line, which CloudWatch takes none of, is not sent."""
    handler.setFormatter(logging.Formatter("%(nothing)s", defaults={"nothing": ""}))
    log()
    assert handler.counts.accepted == 0


def test_bad_arguments(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """A record whose arguments do not fit raises nothing and is sent all the same."""
    handler.handle(logging.makeLogRecord({"name": "security.other", "msg": "user %d", "args": ("alice",)}))
    handler.flush()
    assert len(endpoint.received()) == 1


def test_broken_formatter(handler: CloudWatchHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A formatter that raises does so into logging's own error handling, not into the view."""
    seen: list[logging.LogRecord] = []
    monkeypatch.setattr(handler, "handleError", seen.append)
    handler.setFormatter(logging.Formatter("%(nothing)s"))
    log()
    assert len(seen) == 1


def test_outage(site: None, handler: CloudWatchHandler, endpoint: FaultEndpoint, short_pause: None) -> None:
    """What could not be sent in an outage is sent after it."""
    endpoint.mode = "500"
    log(3)
    assert wait_until(lambda: handler.counts.spooled >= 3)
    endpoint.mode = "ok"
    assert wait_until(lambda: handler.counts.replayed >= 3)
    assert len(endpoint.received("/security")) >= 3


def test_degraded(
    handler: CloudWatchHandler,
    endpoint: FaultEndpoint,
    short_pause: None,
    security_records: list[logging.LogRecord],
) -> None:
    """An outage is told in the log itself: how many events wait, and why."""
    endpoint.mode = "denied"
    log(3)
    assert wait_until(lambda: any("logging_degraded" in record.getMessage() for record in security_records))
    told = next(record.getMessage() for record in security_records if "logging_degraded" in record.getMessage())
    said = r'sink=cloudwatch_handler sent=0 spooled=[123] dropped=0 rejected=0 detail="AccessDeniedException"'
    assert re.search(said, told)


def test_refused_event(handler: CloudWatchHandler, endpoint: FaultEndpoint, directory: Path) -> None:
    """An event that CloudWatch refuses is put aside and counted."""
    endpoint.rejected = {"tooOldLogEventEndIndex": 1}
    log()
    handler.flush()
    assert (handler.counts.rejected >= 1, kept(directory)) == (True, 1)


def test_full_memory(settings_for: Site, endpoint: FaultEndpoint, directory: Path) -> None:
    """What does not fit into memory goes to disk at once; each event is in one place."""
    endpoint.mode = "hang"
    with settings_for(endpoint.url, SECURITY_LOGGING_CLOUDWATCH_QUEUE_LIMIT=100):
        handler = CloudWatchHandler()
        for number in range(1000):
            handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": f"event {number}"}))
            time.sleep(0.03 if number in (300, 600) else 0)  # let the sender take what it can
        on_disk, found = kept(directory), handler.counts
        endpoint.close()
        handler.close()
    assert (on_disk >= 900, found.dropped, kept(directory)) == (True, 0, 1000)


def test_flush_has_a_deadline(
    handler: CloudWatchHandler, endpoint: FaultEndpoint, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flush and close together wait for a black hole once, and keep what it swallowed."""
    monkeypatch.setattr(lifecycle, "DEADLINE", 0.3)
    endpoint.mode = "hang"
    log(2)
    begun = time.monotonic()
    handler.flush()
    handler.close()
    assert (time.monotonic() - begun < 10, kept(directory)) == (True, 2)


def test_close_alone_waits(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """Closing sends what is queued."""
    log(2)
    handler.close()
    assert len(endpoint.events) == 2


def test_threads_end(handler: CloudWatchHandler) -> None:
    """A closed handler leaves no thread behind."""
    before = set(threading.enumerate())
    log()
    handler.flush()
    started = set(threading.enumerate()) - before
    handler.close()
    assert started
    assert wait_until(lambda: not any(thread.is_alive() and _ours(thread) for thread in started))


def _ours(thread: threading.Thread) -> bool:
    return "security-logging-queue" in thread.name


def test_record_after_close(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """A logger that still holds a closed handler loses nothing."""
    handler.close()
    log()
    handler.flush()
    assert len(endpoint.events) == 1


def test_flush_without_events(site: None) -> None:
    """There is nothing to wait for before the first event."""
    handler = CloudWatchHandler()
    handler.flush()
    handler.close()
    assert handler.counts == Counts()


def test_reconfiguration(site: None, endpoint: FaultEndpoint) -> None:
    """Configuring logging again takes no time and loses nothing, although the sender needs logging's lock."""
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"cloudwatch": {"class": "security_logging.cloudwatch.CloudWatchHandler"}},
        "loggers": {"security": {"handlers": ["cloudwatch"], "level": "INFO"}},
    }
    logging.config.dictConfig(config)
    log()
    begun = time.monotonic()
    logging.config.dictConfig({**config, "handlers": {}, "loggers": {"security": {"handlers": []}}})
    assert time.monotonic() - begun < 5
    assert wait_until(lambda: len(endpoint.events) == 1)


def test_own_traffic(handler: CloudWatchHandler, endpoint: FaultEndpoint) -> None:
    """What boto3 logs while it sends, and warnings in that thread, are not sent: that would never end."""
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    try:
        log()
        handler.flush()
        time.sleep(0.2)
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        root.setLevel(logging.WARNING)
    assert endpoint.calls["PutLogEvents"] <= 3


def test_captured_warnings(
    handler: CloudWatchHandler, endpoint: FaultEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning that a library gives while it sends is not sent in turn; one of the site is."""
    put = delivery._put

    def warning_put(*arguments: Any) -> Any:
        warnings.warn("old protocol", DeprecationWarning, stacklevel=1)
        return put(*arguments)

    monkeypatch.setattr(delivery, "_put", warning_put)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            log()
            warnings.warn("old view", DeprecationWarning, stacklevel=1)
            handler.flush()
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
    texts = " ".join(item["message"] for item in endpoint.messages)
    assert ("old protocol" in texts, "old view" in texts, endpoint.calls["PutLogEvents"] <= 3) == (False, True, True)


def test_mark_of_the_thread() -> None:
    """Only the thread that sends is marked."""
    record = logging.makeLogRecord({})
    own_traffic.mark(True)
    marked = own_traffic.is_foreign(record)
    own_traffic.mark(False)
    assert (marked, own_traffic.is_foreign(record)) == (False, True)


@pytest.mark.usefixtures("serving")
def test_heartbeat(settings_for: Site, endpoint: FaultEndpoint) -> None:
    """A running handler tells CloudWatch that it is alive, with its numbers."""
    with settings_for(endpoint.url) as _, override_settings(SECURITY_LOGGING_CLOUDWATCH_HEARTBEAT=0.05):
        handler = CloudWatchHandler()
        handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": "one"}))
        assert wait_until(lambda: sum("heartbeat" in item["message"] for item in endpoint.messages) >= 2)
        handler.close()
    beat = next(item for item in endpoint.messages if "heartbeat" in item["message"])
    assert (beat["stream"].endswith("/pipeline"), '"sink":"cloudwatch_handler"' in beat["message"]) == (True, True)


def test_no_watchtower(site: None, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When watchtower cannot be used, everything goes to disk and that is reported."""

    def broken(*_: object) -> None:
        raise TypeError("a later watchtower")

    monkeypatch.setattr(transport, "EventMaker", broken)
    handler = CloudWatchHandler()
    handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": "one"}))
    assert wait_until(lambda: kept(directory) == 1)
    handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": "two"}))
    assert wait_until(lambda: (kept(directory), handler.counts.spooled) == (2, 2))
    handler.close()


def test_watchtower_that_raises(
    handler: CloudWatchHandler, endpoint: FaultEndpoint, short_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event on which watchtower fails is still ours, and arrives when watchtower works again."""
    make = transport.EventMaker._get_stream_name

    def broken(*_: object) -> None:
        monkeypatch.setattr(transport.EventMaker, "_get_stream_name", make)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(transport.EventMaker, "_get_stream_name", broken)
    event = log_event(LOGIN, ip="203.0.113.7", user="alice")
    assert event is not None
    assert wait_until(lambda: endpoint.events[event.id] == 1)
    assert wait_until(lambda: handler.counts.replayed >= 1)


def test_turn_that_fails(handler: CloudWatchHandler, endpoint: FaultEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that fails is not the last one of the thread that sends."""
    warn = Reporter.warn

    def fail(*_: object) -> None:
        monkeypatch.setattr(Reporter, "warn", warn)
        raise ZeroDivisionError

    monkeypatch.setattr(Reporter, "warn", fail)
    log()
    assert wait_until(lambda: Reporter.warn is warn)
    log()
    assert wait_until(lambda: handler.counts == Counts(accepted=2, sent=2))


def test_delivery_that_raises(handler: CloudWatchHandler, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of our own while sending costs no event."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(delivery.Delivery, "send", broken)
    log()
    handler.flush()
    assert kept(directory) == 1


def test_no_more_threads(site: None, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event during the shutdown of the interpreter, which allows no thread, goes to disk."""

    def refuse(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    handler = CloudWatchHandler()
    handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": "one"}))
    assert kept(directory) == 1
    handler.close()
    assert kept(directory) == 1


def test_loss_is_told_at_exit(settings_for: Site, security_records: list[logging.LogRecord], tmp_path: Path) -> None:
    """A process that has lost events says so before it goes."""
    file = tmp_path / "no directory"
    file.write_text("")
    with settings_for(refusing_url()), override_settings(SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(file)):
        handler = CloudWatchHandler()
        handler.handle(logging.makeLogRecord({"name": "security.auth", "msg": "one"}))
        handler.close()
    assert any("logging_degraded" in record.getMessage() for record in security_records)


def test_fork(handler: CloudWatchHandler, endpoint: FaultEndpoint, directory: Path) -> None:
    """A child process has a pipeline of its own and leaves the parent's alone."""
    log()
    handler.flush()
    child = os.fork()
    if child == 0:  # pragma: no cover  # in the child
        code = 1
        try:
            log()
            lifecycle.finish_all()
            code = 0 if handler.counts.sent == 1 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (len(endpoint.events), handler.counts.accepted) == (2, 1)


def test_exit(handler: CloudWatchHandler, endpoint: FaultEndpoint, directory: Path) -> None:
    """At exit everything is delivered, and what comes later goes to disk."""
    log(2)
    lifecycle.finish_all()
    log()
    assert (len(endpoint.events), kept(directory)) == (2, 1)


def test_children_of_multiprocessing(handler: CloudWatchHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where multiprocessing is used, its registry is told too: its children leave without atexit."""
    import multiprocessing.util

    told: list[object] = []
    monkeypatch.setattr(multiprocessing.util, "Finalize", lambda *_, **__: told.append(1))
    log()
    assert told == [1]


@pytest.mark.parametrize("owner", [None, object()])
def test_unknown_lock(owner: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that hides who holds logging's lock never has us wait for it."""
    from security_logging.cloudwatch.sending.handler import _is_reconfiguring

    monkeypatch.setattr(logging, "_lock", owner)
    found = _is_reconfiguring()
    monkeypatch.undo()
    assert found


def test_warnings_as_errors(handler: CloudWatchHandler, endpoint: FaultEndpoint, short_pause: None) -> None:
    """Warnings that are errors do not end the sender, which is what they do to watchtower alone."""
    endpoint.mode = "500"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log()
        assert wait_until(lambda: handler.counts.spooled >= 1)
    endpoint.mode = "ok"
    assert wait_until(lambda: handler.counts.replayed >= 1)
