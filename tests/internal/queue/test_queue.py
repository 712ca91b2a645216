"""The queue: it never holds up its caller, keeps order, survives outages and forks, and accounts for everything."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from queue_destination import Destination
from security_logging.internal import process as lifecycle
from security_logging.internal.queue import pauses
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.per_process import Queue, flush_queues
from security_logging.internal.queue.spool import SpoolFile
from waiting import wait_until

if TYPE_CHECKING:
    from _typeshed import TraceFunction


Make = Callable[..., Queue]
both = pytest.mark.parametrize("spooled", [False, True], ids=["memory", "disk"])


def put(queue: Queue, *texts: str) -> None:
    """Put the texts into the queue."""
    for text in texts:
        queue.put(Message("", round(time.time() * 1000), text))


def on_disk(spools: Path) -> list[str]:
    """Return the texts in all spool files."""
    return [
        json.loads(line)["message"]
        for path in sorted(spools.glob("spool-*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_nothing_is_started_before_the_first_message(make: Make, destination: Destination) -> None:
    """A process that logs nothing has neither thread nor transport."""
    before = threading.active_count()
    made = make()
    made.flush()
    made.close()
    assert (threading.active_count(), destination.transports, made.counts, made.waiting) == (before, 0, Counts(), 0)


@both
def test_order(spooled: bool, make: Make, destination: Destination) -> None:
    """Messages arrive once and in order, and are counted."""
    made = make(spooled=spooled)
    texts = [str(number) for number in range(1500)]
    put(made, *texts)
    assert made.flush()
    assert (destination.texts, made.counts) == (texts, Counts(accepted=1500, sent=1500))


@both
def test_gathered(spooled: bool, make: Make, destination: Destination) -> None:
    """With an interval messages travel together; flush does not wait for it."""
    made = make(spooled=spooled, interval=60)
    put(made, "a")
    put(made, "b")
    assert made.flush()
    assert (destination.texts, destination.attempts) == (["a", "b"], 1)


@both
@pytest.mark.usefixtures("short_pauses")
def test_outage(spooled: bool, make: Make, destination: Destination) -> None:
    """What is logged while the destination is away arrives when it is back, in order and once."""
    made = make(spooled=spooled)
    destination.mode = "down"
    put(made, "a", "b")
    assert wait_until(lambda: destination.attempts > 2)
    destination.mode = "ok"
    put(made, "c")
    assert wait_until(lambda: destination.texts == ["a", "b", "c"])
    assert wait_until(lambda: made.waiting == 0)
    assert made.counts.sent + made.counts.replayed == made.counts.accepted == 3


@both
def test_transport_that_exits(spooled: bool, make: Make, destination: Destination, short_pauses: None) -> None:
    """A plug-in of the transport that calls `sys.exit` ends the attempt, and not the thread."""
    destination.mode = "exit"
    queue = make(spooled=spooled)
    put(queue, "a")
    assert wait_until(lambda: destination.attempts > 1)
    destination.release()
    assert wait_until(lambda: destination.texts == ["a"])


@both
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_is_killed(spooled: bool, make: Make, destination: Destination, short_pauses: None) -> None:
    """After the thread was killed, the next message starts another one, which delivers what waits."""
    before = threading.active_count()
    destination.mode = "killed"
    queue = make(spooled=spooled)
    put(queue, "a")
    assert wait_until(lambda: bool(destination.attempts) and threading.active_count() == before)
    destination.release()
    put(queue, "b")
    assert wait_until(lambda: destination.texts == ["a", "b"])


@both
@pytest.mark.usefixtures("short_pauses")
def test_transport_that_raises(spooled: bool, make: Make, destination: Destination) -> None:
    """Whatever a transport raises, the thread lives on and the message is tried again."""
    made = make(spooled=spooled)
    destination.mode = "broken"
    put(made, "a")
    assert wait_until(lambda: destination.attempts > 2)
    destination.mode = "ok"
    assert wait_until(lambda: destination.texts == ["a"])


@both
@pytest.mark.usefixtures("short_pauses")
def test_delivered_in_part(spooled: bool, make: Make, destination: Destination) -> None:
    """Of a delivery that went well in part, only the rest is sent again."""
    made = make(spooled=spooled, interval=60)
    destination.takes = 2
    put(made, "a", "b", "c", "d", "e")
    made.flush()
    assert wait_until(lambda: len(destination.texts) == 5)
    assert (destination.texts, made.counts.sent + made.counts.replayed) == (["a", "b", "c", "d", "e"], 5)


@pytest.mark.parametrize(("spooled", "numbers"), [(False, {"dropped": 1}), (True, {"rejected": 1})])
def test_refused(spooled: bool, numbers: dict[str, int], make: Make, destination: Destination, spools: Path) -> None:
    """What the destination refuses for good is put aside where there is a disk, and counted."""
    made = make(spooled=spooled)
    destination.refuses = "bad"
    put(made, "a", "bad", "b")
    assert made.flush()
    assert (destination.texts, made.counts) == (["a", "b"], Counts(accepted=3, sent=2, **numbers))
    assert (spools / "refused.jsonl").exists() == spooled


def test_server_away_at_first(make: Make, destination: Destination, given_back: list[str]) -> None:
    """A caller is not held up by a destination that is down, and neither flush nor exit waits for it."""
    destination.mode = "down"
    made = make()
    begun = time.perf_counter()
    put(made, "a")
    assert wait_until(lambda: destination.attempts)
    time.sleep(0.1)
    made.flush()
    made.close()
    assert (time.perf_counter() - begun < 2, given_back) == (True, ["a"])


def test_full_memory(make: Make, destination: Destination) -> None:
    """Beyond its limit the queue refuses at once, and each loss is counted as it happens."""
    destination.mode = "hang"
    made = make(limit=2)
    put(made, "a", "b")
    with pytest.raises(OSError, match="the queue is full"):
        put(made, "c")
    assert made.counts == Counts(accepted=3, dropped=1)


def test_full_memory_with_a_disk(make: Make, destination: Destination, spools: Path) -> None:
    """With a disk nothing is refused: the caller itself moves to disk what does not fit."""
    destination.mode = "hang"
    made = make(spooled=True, limit=2)
    texts = [str(number) for number in range(100)]
    put(made, *texts)
    # Memory keeps what it has room for while a delivery hangs.
    kept = on_disk(spools)
    assert (kept, len(kept) >= 98) == (texts[: len(kept)], True)
    assert (made.counts.dropped, made.waiting) == (0, 100)


def test_full_disk(make: Make, destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk takes nothing, what is in memory is delivered from there."""

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(SpoolFile, "append", full)
    made = make(spooled=True)
    put(made, "a", "b")
    assert made.flush()
    assert (destination.texts, made.counts) == (["a", "b"], Counts(accepted=2, sent=2))


def test_full_disk_and_no_destination(make: Make, destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither takes anything, what is in memory waits and is counted as waiting, what is above as lost."""

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(SpoolFile, "append", full)
    destination.mode = "down"
    made = make(spooled=True, limit=3)
    put(made, "a", "b", "c")
    with pytest.raises(OSError, match="full"):
        put(made, "d")
    assert (made.waiting, made.counts) == (3, Counts(accepted=4, dropped=1))


def test_disk_soon(make: Make, destination: Destination, spools: Path) -> None:
    """A message is on disk long before it is due to be delivered."""
    made = make(spooled=True, interval=60)
    put(made, "a")
    assert wait_until(lambda: on_disk(spools) == ["a"], every=0.001)
    assert destination.attempts == 0


def test_spool_is_gone(make: Make, spools: Path) -> None:
    """What is delivered leaves no file behind, also while the process goes on."""
    made = make(spooled=True)
    put(made, "a")
    assert made.flush()
    assert wait_until(lambda: list(spools.iterdir()) == [])


@pytest.mark.usefixtures("short_pauses")
def test_directory_that_is_removed(make: Make, destination: Destination, spools: Path) -> None:
    """A spool directory that is removed under a living process is made again, with all that waits."""
    destination.mode = "down"
    made = make(spooled=True)
    put(made, "a")
    assert wait_until(lambda: on_disk(spools) == ["a"])
    shutil.rmtree(spools)
    put(made, "b")
    assert wait_until(lambda: spools.exists() and on_disk(spools) == ["a", "b"])
    assert wait_until(lambda: made.counts == Counts(accepted=2, spooled=2))


@pytest.mark.usefixtures("short_pauses")
def test_inherited_spool(make: Make, destination: Destination, spools: Path) -> None:
    """What a process left that is gone is delivered, and its file is gone then."""
    spools.mkdir()
    orphan = SpoolFile.create(spools)
    orphan.append([Message("", 1, "left")])
    orphan.close()
    made = make(spooled=True)
    put(made, "a")
    assert wait_until(lambda: sorted(destination.texts) == ["a", "left"])
    assert wait_until(lambda: list(spools.iterdir()) == [])
    assert made.counts == Counts(accepted=1, sent=1, replayed=1)


def test_close_during_a_replay(make: Make, destination: Destination, spools: Path) -> None:
    """A process that ends in the middle of a replay waits for the answer: no delivered spool stays."""
    spools.mkdir()
    orphan = SpoolFile.create(spools)
    orphan.append([Message("", 1, "left")])
    orphan.close()
    made = make(spooled=True)
    destination.mode = "hang"
    made.start()
    assert wait_until(lambda: destination.attempts)
    threading.Timer(0.3, destination.release).start()
    made.close()
    assert (destination.texts, list(spools.iterdir())) == (["left"], [])


@both
def test_finished_queue(spooled: bool, make: Make, spools: Path) -> None:
    """At the exit of the process a late message goes to disk, or is refused, so that it is written elsewhere."""
    made = make(spooled=spooled)
    put(made, "a")
    lifecycle.finish_all()
    lifecycle.finish_all()
    if spooled:
        put(made, "late")
        assert (on_disk(spools), made.counts.spooled) == (["late"], 1)
    else:
        with pytest.raises(OSError, match="the process ends"):
            put(made, "late")


@both
def test_used_after_close(spooled: bool, make: Make, destination: Destination) -> None:
    """A handler that a new configuration has closed but somebody still holds goes on."""
    made = make(spooled=spooled)
    put(made, "a")
    made.close()
    put(made, "b")
    assert made.flush()
    assert destination.texts == ["a", "b"]


@both
def test_stopped(spooled: bool, make: Make, destination: Destination, given_back: list[str], spools: Path) -> None:
    """A queue that is stopped delivers in the background what waits, and keeps or gives back the rest."""
    made = make(spooled=spooled, interval=60)
    put(made, "a")
    made.stop()
    assert wait_until(lambda: destination.texts == ["a"])
    destination.mode = "down"
    put(made, "b")
    made.stop()
    assert wait_until(lambda: (on_disk(spools) if spooled else given_back) == ["b"])


@both
def test_deadline(
    spooled: bool,
    make: Make,
    destination: Destination,
    given_back: list[str],
    spools: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All queues of a process share one deadline at its exit, and keep or give back what they could not send."""
    monkeypatch.setattr(lifecycle, "DEADLINE", 0.3)
    destination.mode = "hang"
    queues = [make(spooled=spooled) for _ in range(3)]
    for made in queues:
        put(made, "x")
    begun = time.perf_counter()
    lifecycle.finish_all()
    seconds = time.perf_counter() - begun
    assert (seconds < 1, on_disk(spools) if spooled else given_back) == (True, ["x"] * 3)


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let no thread start; return what ends that."""
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    return lambda: monkeypatch.setattr(threading.Thread, "start", start)


@both
def test_no_thread_for_a_while(
    spooled: bool, make: Make, destination: Destination, short_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no thread can be started at first, it is tried again with a later message, and everything is sent."""
    allow = refuse_threads(monkeypatch)
    made = make(spooled=spooled)
    put(made, "a")
    assert (made.waiting, destination.attempts) == (1, 0)
    allow()

    def is_sent() -> bool:
        put(made, "b")
        return "a" in destination.texts

    assert wait_until(is_sent)


def test_no_thread_at_all(make: Make, spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that gets no thread has each message on disk at once."""
    refuse_threads(monkeypatch)
    put(make(spooled=True), "a", "b")
    assert on_disk(spools) == ["a", "b"]


def test_no_thread_and_no_disk(make: Make, given_back: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without either, what waits is given back at the end."""
    refuse_threads(monkeypatch)
    made = make()
    put(made, "a")
    made.close()
    assert given_back == ["a"]


def test_stopped_without_a_thread(make: Make, given_back: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a queue that got no thread gives back what waits when it is stopped."""
    refuse_threads(monkeypatch)
    made = make()
    put(made, "a")
    made.stop()
    assert given_back == ["a"]


def test_backlog(make: Make, destination: Destination) -> None:
    """A backlog of many deliveries goes out one after the other, although the interval is long."""
    made = make(interval=0.2, batch=10)
    texts = [str(number) for number in range(200)]
    put(made, *texts)
    assert wait_until(lambda: destination.texts == texts)
    assert destination.attempts == 20


def test_flush_queues(make: Make, destination: Destination) -> None:
    """One call flushes all queues of the process, and says whether all is delivered or on disk."""
    put(make(), "a")
    put(make(spooled=True), "b")
    assert flush_queues()
    assert sorted(destination.texts) == ["a", "b"]


def test_flush_of_a_black_hole(make: Make, destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush says when it has waited in vain."""
    monkeypatch.setattr(lifecycle, "DEADLINE", 0.1)
    destination.mode = "hang"
    put(make(), "a")
    assert not flush_queues()


def test_pauses_grow() -> None:
    """A destination that stays away is asked ever less often, at last every 30 seconds or a little sooner."""
    now = 0.0
    found = pauses.Pauses(lambda: now)
    lengths = []
    for _ in range(9):
        found.failed()
        lengths.append(found.seconds_left)
    limits = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert all(0.75 * limit <= length <= limit for length, limit in zip(lengths, limits, strict=True))


def interrupted(work: Callable[[], None], interruption: Callable[[], None]) -> None:
    """Do the work in this thread, and the interruption before each line of it, as a signal handler may run."""

    def interrupt(frame: FrameType, event: str, argument: object) -> TraceFunction:
        interruption()
        return interrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        work()
    finally:
        sys.settrace(before)


@both
def test_signal_at_any_line(spooled: bool, make: Make, destination: Destination) -> None:
    """A signal handler that logs, or flushes, may come while a message is being queued."""
    made = make(spooled=spooled, limit=5)

    def from_the_handler() -> None:
        put(made, "x")
        made.flush()

    put(made, "x")
    work = threading.Thread(target=interrupted, args=(lambda: put(made, "x"), from_the_handler), daemon=True)
    work.start()
    work.join(30)
    accepted = made.counts.accepted
    assert (work.is_alive(), accepted > 5) == (False, True)
    assert wait_until(lambda: len(destination.texts) >= accepted)


def test_end_at_any_line_on_the_way_to_disk(make: Make, spools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM may end the process at any line of a move to disk: none of the messages is lost."""
    refuse_threads(monkeypatch)  # so that the caller itself moves them
    line, was_ended = 0, True
    while was_ended:
        line += 1
        texts = [f"{line}-{number}" for number in range(2)]
        was_ended = end_at(line, make(spooled=True), texts)
        assert set(texts) - set(on_disk(spools)) == set(), line
        shutil.rmtree(spools)
    assert line > 50


def end_at(line: int, queue: Queue, texts: list[str]) -> bool:
    """Put the texts, end the queue before that line of the work as a signal handler does, and tell whether it came."""
    lines = 0

    def end() -> None:
        nonlocal lines
        lines += 1
        if lines == line:
            sys.settrace(None)
            queue.close(time.monotonic())

    interrupted(lambda: put(queue, *texts), end)
    queue.close(time.monotonic())
    return lines >= line


def in_child(work: Callable[[], None]) -> int:
    """Run the work in a forked child and return its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 (the child must never go on as a second pytest)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@both
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_waiting_messages_stay_with_the_parent(
    spooled: bool, make: Make, destination: Destination, given_back: list[str], spools: Path
) -> None:
    """What waits at the fork is the parent's to send; the child neither sends nor gives it back."""
    destination.mode = "down"
    made = make(spooled=spooled)
    put(made, "x")
    assert wait_until(lambda: destination.attempts)

    def work() -> None:
        lifecycle.finish_all()
        assert (made.waiting, made.counts, given_back) == (0, Counts(), [])

    assert in_child(work) == 0
    made.close()
    assert (on_disk(spools) if spooled else given_back) == ["x"]


@both
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_child_has_a_queue_of_its_own(spooled: bool, make: Make, destination: Destination, tmp_path: Path) -> None:
    """A forked worker delivers its own messages, by a thread of its own."""
    made = make(spooled=spooled)
    put(made, "parent")
    assert made.flush()
    arrived = tmp_path / "child"

    def work() -> None:
        put(made, "child")
        assert made.flush()
        arrived.write_text(",".join(destination.texts))

    assert in_child(work) == 0
    assert (arrived.read_text(), destination.texts) == ("parent,child", ["parent"])


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_forks_under_load(make: Make, tmp_path: Path) -> None:
    """No lock of the queue is held across a fork: children that are made while it works can log."""
    made = make(spooled=True, limit=10)
    is_over = threading.Event()

    def load() -> None:
        while not is_over.is_set():
            put(made, "x")

    thread = threading.Thread(target=load)
    thread.start()

    def work() -> None:
        put(made, "child")
        assert made.flush(time.monotonic() + 20)

    codes = [in_child(work) for _ in range(30)]
    is_over.set()
    thread.join()
    assert codes == [0] * 30
