# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between a program and the bus: connections that hang."""

import os
import select
import socket
import threading
from pathlib import Path

CHUNK = 65536


class Pipe:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket):
        self.source, self.sink = source, sink
        self.waiting = b""  # read, but not written yet
        self.held = False  # nothing is passed on
        self.ended = False


class BusProxy:
    """Forwards connections to the bus. Those of the moment can be held: their messages are neither
    passed on nor lost, and the bus learns when they close."""

    def __init__(self, path: Path, bus_address: str):
        self.address = f"unix:path={path}"
        self.bus_path = bus_address.removeprefix("unix:path=").partition(",")[0]
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(64)
        self.wake_reader, self.wake_writer = os.pipe()
        self.lock = threading.RLock()
        self.connections: list[tuple[Pipe, Pipe]] = []  # to the bus, from the bus
        self.n_accepted = 0
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        self._wake()
        self.thread.join()
        for connection in list(self.connections):
            self._close(connection)
        self.listener.close()
        os.close(self.wake_reader)
        os.close(self.wake_writer)

    def hold(self, directions: str = "both"):
        """Stops forwarding on the open connections: "both" directions, "to" or "from" the bus."""
        with self.lock:
            for to_bus, from_bus in self.connections:
                to_bus.held = directions in ("both", "to")
                from_bus.held = directions in ("both", "from")
        self._wake()

    def release(self):
        with self.lock:
            for connection in self.connections:
                for pipe in connection:
                    pipe.held = False
        self._wake()

    def _wake(self):
        os.write(self.wake_writer, b"x")

    def _run(self):
        while not self.ending:
            poll, sources = select.poll(), {}
            poll.register(self.wake_reader, select.POLLIN)
            poll.register(self.listener, select.POLLIN)
            with self.lock:
                for connection in self.connections:
                    for end in connection[0].source, connection[1].source:
                        # A hang-up is told in any case.
                        poll.register(end, self._events(connection, end))
                        sources[end.fileno()] = (connection, end)
            for fd, events in poll.poll():
                if fd == self.wake_reader:
                    os.read(self.wake_reader, CHUNK)
                elif fd == self.listener.fileno():
                    self._accept()
                else:
                    with self.lock:
                        self._serve(*sources[fd], events)

    @staticmethod
    def _events(connection, end: socket.socket) -> int:
        events = 0
        for pipe in connection:
            if pipe.source is end and not pipe.held and not pipe.waiting and not pipe.ended:
                events |= select.POLLIN
            if pipe.sink is end and not pipe.held and pipe.waiting:
                events |= select.POLLOUT
        return events

    def _accept(self):
        near, _ = self.listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.bus_path)
        near.setblocking(False)
        far.setblocking(False)
        with self.lock:
            self.connections.append((Pipe(near, far), Pipe(far, near)))
            self.n_accepted += 1

    def _serve(self, connection, end: socket.socket, events: int):
        if connection not in self.connections:
            return
        try:
            for pipe in connection:
                if pipe.held:
                    continue
                if pipe.sink is end and events & select.POLLOUT:
                    self._write(pipe)
                if pipe.source is end and events & select.POLLIN:
                    pipe.waiting = end.recv(CHUNK)
                    pipe.ended = not pipe.waiting
                    self._write(pipe)
        except (BrokenPipeError, ConnectionResetError):
            self._close(connection)
            return
        hung_up = events & (select.POLLHUP | select.POLLERR) and not events & select.POLLIN
        if hung_up or any(pipe.ended for pipe in connection):
            self._close(connection)

    @staticmethod
    def _write(pipe: Pipe):
        try:
            pipe.waiting = pipe.waiting[pipe.sink.send(pipe.waiting):] if pipe.waiting else b""
        except BlockingIOError:
            pass

    def _close(self, connection):
        with self.lock:
            self.connections.remove(connection)
        for pipe in connection:
            pipe.source.close()
