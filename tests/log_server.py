"""A log server on loopback that speaks TCP: it keeps all it receives, may read nothing, and may be restarted."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress

_ID = re.compile(rb" id=([0-9a-f]{24})")


class LogServer:
    """The server; it listens at once."""

    def __init__(self, *, reads: bool = True) -> None:
        """Listen on a free port; without `reads` accept connections and never read from them."""
        self.received = b""
        self.connections: list[socket.socket] = []
        self._reads = reads
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._start()

    @property
    def ids(self) -> set[str]:
        """The ids of the events that came."""
        return {found.decode() for found in _ID.findall(self.received)}

    def stop(self) -> None:
        """Hang up and listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self.connections:
            with suppress(OSError):  # the other side was first
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def restart(self) -> None:
        """Listen again, on the same port."""
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def connect(self) -> socket.socket:
        """Connect to this server."""
        return socket.create_connection(("127.0.0.1", self.port), 2)

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            if self._reads:
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
