"""The queue: it never holds up its caller, keeps order, survives restarts and forks, and accounts for everything."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from security_logging.internal import process as lifecycle
from security_logging.internal.queue import stream_queue
from security_logging.internal.queue.stream_queue import StreamQueue
from waiting import wait_until

if TYPE_CHECKING:
    from _typeshed import TraceFunction


class Server:
    """A server that keeps all it receives, and can be restarted on the same port."""

    def __init__(self) -> None:
        self.received = b""
        self.connections: list[socket.socket] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Accept connections in the background."""
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()

    def stop(self) -> None:
        """Hang up and listen no more."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def restart(self) -> None:
        """Listen again."""
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.start()

    def connect(self) -> socket.socket:
        """Connect to this server."""
        return socket.create_connection(("127.0.0.1", self.port), 2)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            self.received += data


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a running server."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def given_back() -> list[bytes]:
    """Return the list of messages that were given back."""
    return []


@pytest.fixture
def queue(server: Server, given_back: list[bytes]) -> Iterator[StreamQueue]:
    """Yield a queue to the server."""
    made = StreamQueue(server.connect, given_back.extend)
    yield made
    made.close()


def refused() -> socket.socket:
    """Fail as a server does that is down."""
    raise ConnectionRefusedError


def test_nothing_is_started_before_the_first_message(server: Server) -> None:
    """A process that logs nothing has neither thread nor connection."""
    before = threading.active_count()
    made = StreamQueue(server.connect, print)
    made.flush()
    made.close()
    assert (threading.active_count(), server.connections) == (before, [])


def test_order(queue: StreamQueue, server: Server) -> None:
    """Messages arrive complete and in order, and are counted."""
    for number in range(500):
        queue.send(b"%d," % number)
    queue.flush()
    expected = b"".join(b"%d," % number for number in range(500))
    assert wait_until(lambda: server.received == expected)
    assert (queue.counts.accepted, queue.counts.sent) == (500, 500)


def test_restarted_server(queue: StreamQueue, server: Server) -> None:
    """What is logged while the server is away arrives when it is back."""
    queue.send(b"before,")
    assert wait_until(lambda: server.received == b"before,")
    server.stop()
    queue.send(b"meanwhile,")
    time.sleep(0.1)
    server.restart()
    queue.send(b"after,")
    assert wait_until(lambda: server.received == b"before,meanwhile,after,")


def test_server_away_at_first(given_back: list[bytes]) -> None:
    """A caller is not held up by a server that is down, and flush does not wait for it."""
    made = StreamQueue(refused, given_back.extend)
    begun = time.perf_counter()
    made.send(b"a")
    assert wait_until(lambda: made._pause > 0)
    made.flush()
    made.close()
    assert (time.perf_counter() - begun < 1, given_back) == (True, [b"a"])


def test_full_queue() -> None:
    """Beyond its limit the queue refuses, at once, and counts."""
    release = threading.Event()

    def hang() -> socket.socket:
        release.wait(5)
        raise ConnectionRefusedError

    made = StreamQueue(hang, lambda rest: None, limit=2)
    made.send(b"a")
    made.send(b"b")
    with pytest.raises(OSError, match="the queue is full"):
        made.send(b"c")
    counts = made.counts
    release.set()
    made.finish(time.monotonic())
    assert (counts.accepted, counts.refused, counts.lost) == (2, 1, 2)


def test_finished_queue_refuses(queue: StreamQueue) -> None:
    """At the exit of the process a late message is refused, so that it is written elsewhere."""
    queue.send(b"a")
    queue.finish(time.monotonic() + 2)
    queue.finish(time.monotonic() + 2)
    with pytest.raises(OSError, match="the queue is closed"):
        queue.send(b"late")


def test_used_after_close(queue: StreamQueue, server: Server) -> None:
    """A handler that a new configuration has closed but somebody still holds goes on with a new connection."""
    queue.send(b"a,")
    queue.close()
    queue.send(b"b,")
    assert wait_until(lambda: server.received == b"a,b,")


def test_deadline(monkeypatch: pytest.MonkeyPatch, given_back: list[bytes]) -> None:
    """All queues of a process share one deadline at its exit, and give back what they could not send."""
    monkeypatch.setattr(lifecycle, "DEADLINE", 0.3)
    release = threading.Event()

    def hang() -> socket.socket:
        release.wait(5)
        raise ConnectionRefusedError

    queues = [StreamQueue(hang, given_back.extend) for _ in range(3)]
    for made in queues:
        made.send(b"x")
    begun = time.perf_counter()
    lifecycle.finish_all()
    seconds = time.perf_counter() - begun
    release.set()
    assert (seconds < 0.6, given_back) == (True, [b"x"] * 3)


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


def test_signal_at_any_line(queue: StreamQueue, server: Server) -> None:
    """A signal handler that logs, or ends the process, may come while a message is being queued."""

    def from_the_handler() -> None:
        queue.send(b"x")
        queue.flush()

    queue.send(b"x")
    work = threading.Thread(target=interrupted, args=(lambda: queue.send(b"x"), from_the_handler), daemon=True)
    work.start()
    work.join(10)
    accepted = queue.counts.accepted
    try:
        assert (work.is_alive(), accepted > 5) == (False, True)
        assert wait_until(lambda: len(server.received) == accepted)
    finally:
        queue.forget()  # a lock that nobody releases would keep pytest from ending


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_after_fork(queue: StreamQueue, server: Server) -> None:
    """A forked worker sends its own messages, once, over a connection of its own."""

    def work() -> None:
        queue.send(b"child,")
        queue.finish(time.monotonic() + 5)

    queue.send(b"parent,")
    assert wait_until(lambda: server.received == b"parent,")
    assert in_child(work) == 0
    assert wait_until(lambda: server.received == b"parent,child,")
    assert len(server.connections) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_waiting_messages_stay_with_the_parent(given_back: list[bytes]) -> None:
    """What waits at the fork is the parent's to send; the child neither sends nor gives it back."""
    made = StreamQueue(refused, given_back.extend)
    made.send(b"x")

    def work() -> None:
        made.finish(time.monotonic())
        assert (made.pid, made.counts.accepted, given_back) == (os.getpid(), 0, [])

    assert in_child(work) == 0
    made.close()
    assert given_back == [b"x"]


def test_foreign_process(queue: StreamQueue) -> None:
    """A queue that knows of no fork hook notices by itself that it is in another process."""
    queue.pid = -1
    queue.finish(0)
    queue.send(b"a")
    assert queue.pid == os.getpid()


def test_no_thread_at_interpreter_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no thread can be started any more, the message is refused rather than lost."""

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", fail)
    made = StreamQueue(refused, lambda rest: None)
    with pytest.raises(OSError, match="no thread can be started"):
        made.send(b"x")


def test_fork_hook_lets_go_of_the_connection(queue: StreamQueue, server: Server) -> None:
    """In a child the parent's connection is closed, without a word to the server."""
    queue.send(b"a")
    assert wait_until(lambda: server.received == b"a")
    held = queue._socket
    queue.forget()
    assert (held is not None and held.fileno(), queue.counts.accepted) == (-1, 0)


def test_finalizers_of_forking_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where multiprocessing or billiard are in use, their children finish the queue too: they skip atexit."""
    registered: list[object] = []

    class Library:
        Finalize = staticmethod(lambda target, function, exitpriority: registered.append(function))

    monkeypatch.setitem(__import__("sys").modules, "billiard.util", Library)
    made = StreamQueue(refused, lambda rest: None)
    made.send(b"x")
    made.close()
    assert lifecycle.finish_all in registered


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_during_an_import() -> None:
    """A fork waits while another thread imports: the child would inherit half a module."""
    imported = threading.Event()
    began = threading.Event()

    def load() -> None:
        with lifecycle.importing():
            began.set()
            time.sleep(0.2)
            imported.set()

    thread = threading.Thread(target=load)
    thread.start()
    began.wait(5)

    def work() -> None:
        assert imported.is_set()
        with lifecycle.importing():
            pass

    status = in_child(work)
    thread.join()
    with lifecycle.importing():
        assert status == 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_during_an_endless_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork does not wait for ever, and takes no lock that is another's."""
    monkeypatch.setattr(lifecycle, "_IMPORT_SECONDS", 0.01)

    def work() -> None:
        with lifecycle.importing():
            pass

    with lifecycle.importing():
        assert in_child(work) == 0
    with lifecycle.importing():
        pass


def test_pause_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stays away is asked ever less often, at last every 30 seconds."""
    made = StreamQueue(refused, lambda rest: None)
    made._thread = threading.current_thread()
    made._queue.append(b"x")
    pauses = [made._attempt() for _ in range(8)]
    made._thread = None
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_timeout_is_restored(server: Server) -> None:
    """Looking whether the server has hung up leaves the timeout of the connection as it should be."""
    with server.connect() as connection:
        assert (stream_queue._is_closed(connection), connection.gettimeout()) == (False, stream_queue.SEND_TIMEOUT)
