# SPDX-License-Identifier: LGPL-2.1-or-later
"""HTTP on a unix socket. Coroutines over a stream that blocks, which never suspend, or over one of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import select
import socket
import time
from collections.abc import AsyncGenerator
from typing import Any

from .errors import BodyTooLarge, InvalidArgs, MalformedReply, PasslockError, ReplyLost, TimedOut, Unavailable, error_of
from .results import Change, Pair

BODY_MAX = 65536
IDLE_MAX = 8  # connections that are kept
SILENCE_SEC = 75.0  # of a stream; the gate sends a comment every 30 s
DELAY_MIN_SEC, DELAY_MAX_SEC = 0.1, 5.0


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


class BlockingStream:
    """A connection, with a deadline for what is next."""

    def __init__(self, end: float):
        self.end = end

    def left(self) -> float:
        return max(self.end - time.monotonic(), 0.001)

    async def open(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(self.left())
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    async def write(self, data: bytes) -> None:
        self._socket.settimeout(self.left())
        self._socket.sendall(data)

    async def line(self) -> bytes:
        self._socket.settimeout(self.left())
        return self._file.readline()

    async def read(self, length: int) -> bytes:
        self._socket.settimeout(self.left())
        return self._file.read(length)

    def is_closed(self) -> bool:
        """Whether the gate closed it while idle."""
        return _is_readable(self._socket.fileno())

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    @staticmethod
    async def sleep(sec: float) -> None:
        time.sleep(sec)


class AsyncStream(BlockingStream):
    async def open(self, path: str) -> None:
        connected = socket.socket(socket.AF_UNIX)
        try:
            connected.setblocking(False)
            connected.connect(path)  # at once, or EAGAIN, which asyncio takes for a success
        except OSError:
            connected.close()
            raise
        self._reader, self._writer = await asyncio.open_unix_connection(sock=connected)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def line(self) -> bytes:
        return await asyncio.wait_for(self._reader.readline(), self.left())

    async def read(self, length: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(length), self.left())

    def is_closed(self) -> bool:
        if self._reader.at_eof() or self._writer.is_closing():
            return True
        return _is_readable(self._writer.get_extra_info("socket").fileno())

    def close(self) -> None:
        self._writer.close()

    sleep = staticmethod(asyncio.sleep)


def encode(verb: str, target: str, members: dict[str, Any] | None = None) -> bytes:
    try:
        body = b"" if members is None else json.dumps(members, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgs("an argument has no JSON form") from error
    if len(body) > BODY_MAX:
        raise BodyTooLarge("the arguments are longer than 64 KiB")
    return (f"{verb} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


async def _read_head(stream: BlockingStream) -> tuple[int, dict[str, str]]:
    lines = [await stream.line()]
    while lines[-1] not in (b"\r\n", b""):
        lines.append(await stream.line())
    if not lines[-1]:
        raise EOFError
    pairs = (line.decode("latin-1").partition(":") for line in lines[1:-1])
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _read_reply(stream: BlockingStream) -> tuple[dict[str, Any] | PasslockError, bool]:
    """The object or the error of a reply, and whether the connection stays open."""
    status, headers = await _read_head(stream)
    body = await stream.read(length := int(headers["content-length"]))
    if len(body) < length:
        raise EOFError
    found, retry_after = json.loads(body), headers.get("retry-after")
    stays = headers.get("connection", "").lower() != "close"
    if status == 200:
        return {**found}, stays
    return error_of(found["error"], found["message"], status, int(retry_after) if retry_after else None), stays


class Transport:
    """Idle connections of a process."""

    def __init__(self, stream: type[BlockingStream], path: str):
        self.path, self._kind, self._idle, self._pid = path, stream, list[BlockingStream](), os.getpid()

    def _take_idle(self) -> BlockingStream | None:
        if self._pid != os.getpid():  # they are the parent's
            self._idle, self._pid = [], os.getpid()
        while True:
            try:
                stream = self._idle.pop()
            except IndexError:
                return None
            if not stream.is_closed():
                return stream
            stream.close()

    async def _open(self, end: float) -> BlockingStream:
        stream = self._kind(end)
        try:
            await stream.open(self.path)
        except OSError as error:
            raise Unavailable(f"failed to connect to {self.path}: {error}") from error
        return stream

    async def send(self, message: bytes, timeout_sec: float, repeatable: bool) -> dict[str, Any]:
        """Retries once if the gate closed an idle connection, but not if the call may have been executed."""
        end = time.monotonic() + timeout_sec
        stream = self._take_idle()
        if stream:
            try:
                stream.end = end
                return await self._attempt(stream, message)
            except (ReplyLost, Unavailable) as error:
                if error.status or (isinstance(error, ReplyLost) and not repeatable):
                    raise
        return await self._attempt(await self._open(end), message)

    async def _attempt(self, stream: BlockingStream, message: bytes) -> dict[str, Any]:
        sent = keeps = False
        try:
            await stream.write(message)
            sent = True
            reply, keeps = await _read_reply(stream)
        except TimeoutError as error:
            raise TimedOut("no reply before the timeout") from error
        except (OSError, EOFError) as error:
            raise (ReplyLost if sent else Unavailable)("the gate closed the connection") from error
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise MalformedReply("the socket is not that of a gate") from error
        finally:
            if keeps and len(self._idle) < IDLE_MAX:
                self._idle.append(stream)
            else:
                stream.close()
        if isinstance(reply, PasslockError):
            raise reply
        return reply

    async def changes(self, target: str) -> AsyncGenerator[Change, None]:
        """Reconnects with back-off; raises errors that another connection would have too."""
        delay_sec = DELAY_MIN_SEC
        while True:
            try:
                async with contextlib.aclosing(self._connection_changes(target)) as changes:
                    async for change in changes:
                        delay_sec = DELAY_MIN_SEC
                        yield change
            except (OSError, EOFError, PasslockError) as error:
                if isinstance(error, PasslockError) and 400 <= (error.status or 0) < 500 and error.status != 429:
                    raise
            await self._kind.sleep(delay_sec * random.uniform(0.5, 1))
            delay_sec = min(2 * delay_sec, DELAY_MAX_SEC)

    async def _connection_changes(self, target: str) -> AsyncGenerator[Change, None]:
        stream = await self._open(time.monotonic() + SILENCE_SEC)
        try:
            await stream.write(encode("GET", target))
            status, headers = await _read_head(stream)
            if status != 200:
                found = json.loads(await stream.read(int(headers["content-length"])))
                raise error_of(found["error"], found["message"], status, None)
            event, text = "", b""
            while length := int(await stream.line() or "0", 16):  # of a chunk
                *lines, text = (text + await stream.read(length)).split(b"\n")
                await stream.line()
                stream.end = time.monotonic() + SILENCE_SEC
                for line in lines:
                    name, _, value = line.decode().partition(": ")
                    event = value if name == "event" else event
                    if name == "data" and event == "Watched":
                        yield Change([], [], True)
                    elif name == "data" and event == "Changed":
                        found = json.loads(value)
                        added, removed = ([Pair(*each) for each in found[key]] for key in ("added", "removed"))
                        yield Change(added, removed)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedReply("the gate sent a malformed event") from error
        finally:
            stream.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
