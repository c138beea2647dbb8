# SPDX-License-Identifier: LGPL-2.1-or-later
"""A name server with one name."""

import socket
import threading
from pathlib import Path

from tests.system.api import DNS_NAME

RESOLV_CONF = Path("/etc/resolv.conf")
TYPE_A = b"\x00\x01\x00\x01"


class NameServer:
    """A context manager: the host's only name server, which resolves DNS_NAME to 127.0.0.1."""

    name = DNS_NAME

    def __init__(self):
        self.asked = 0
        self.silent = False  # never replies

    def _serve(self):
        while query := self.socket.recvfrom(512):
            if len(query[0]) < 12:
                return
            self.asked += 1
            if not self.silent:
                self.socket.sendto(self._answer(query[0]), query[1])

    @staticmethod
    def _answer(query: bytes) -> bytes:
        question = query[12:query.index(b"\0", 12) + 5]
        wanted = b"".join(bytes([len(label)]) + label.encode() for label in DNS_NAME.split("."))
        known = question.startswith(wanted + b"\0")
        address = known and question.endswith(TYPE_A)
        head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\x00\x01"
        if not address:
            return head + b"\x00\x00\x00\x00\x00\x00" + question
        record = b"\xc0\x0c" + TYPE_A + b"\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
        return head + b"\x00\x01\x00\x00\x00\x00" + question + record

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        self.old = RESOLV_CONF.read_bytes() if RESOLV_CONF.exists() else b""
        RESOLV_CONF.write_text("nameserver 127.0.0.1\noptions timeout:10\n")
        return self

    def __exit__(self, *_):
        RESOLV_CONF.write_bytes(self.old)
        self.socket.sendto(b"end", ("127.0.0.1", 53))
        self.thread.join()
        self.socket.close()
