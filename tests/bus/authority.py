# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake polkit, controlled by the test."""

import os
from collections import deque
from dataclasses import dataclass

from jeepney import HeaderFields, MessageType, new_error, new_method_call, new_method_return

from harness.bus import connect
from harness.process import PATIENCE_SEC

from .client import DRIVER

AUTHORITY = "org.freedesktop.PolicyKit1"
POLICY = """\
<policy user="{owner}"><allow own="{name}"/></policy>
<policy context="mandatory"><allow send_destination="{name}"/></policy>
</busconfig>"""


@dataclass(frozen=True)
class Question:
    message: object
    subject: tuple
    action: str
    details: dict[str, str]
    flags: int
    cancellation_id: str

    @property
    def interactive(self) -> bool:
        return self.flags == 1


class Authority:
    """Queues CheckAuthorization calls until the test answers them."""

    def __init__(self, address: str):
        self.bus = connect(address)
        self.questions: deque[Question] = deque()
        self.cancelled: deque[str] = deque()
        assert self._driver("RequestName", "su", AUTHORITY, 4) == (1,)

    @staticmethod
    def allow_on(stack):
        """Lets the bus policy accept a fake polkit. Call before the start of the stack."""
        text = stack.bus.config.read_text()
        stack.bus.config.write_text(text.replace(
            "</busconfig>", POLICY.format(owner=os.getuid(), name=AUTHORITY)))

    def close(self):
        self.bus.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def question(self) -> Question:
        """Waits for the next question."""
        while not self.questions:
            self._receive()
        return self.questions.popleft()

    def cancellation(self) -> str:
        """Waits for the next cancellation, and returns its id."""
        while not self.cancelled:
            self._receive()
        return self.cancelled.popleft()

    def assert_not_asked(self):
        """The round trip to the bus ensures that earlier questions have arrived."""
        self._driver("GetId", "")
        assert not self.questions

    def answer(self, question: Question, authorized: bool, challenge: bool = False):
        self.reply(question, "(bba{ss})", ((authorized, challenge, {}),))

    def reply(self, question: Question, signature: str | None, body: tuple):
        self.bus.send(new_method_return(question.message, signature, body))

    def fail(self, question: Question, name: str):
        self.bus.send(new_error(question.message, name, "s", ("of no interest",)))

    def _driver(self, member: str, signature: str, *args) -> tuple:
        serial = next(self.bus.outgoing_serial)
        self.bus.send(new_method_call(DRIVER, member, signature or None, args), serial=serial)
        while True:
            message = self._receive()
            if message.header.fields.get(HeaderFields.reply_serial) == serial:
                assert message.header.message_type is MessageType.method_return, message.body
                return message.body

    def _receive(self):
        message = self.bus.receive(timeout=PATIENCE_SEC)
        member = message.header.fields.get(HeaderFields.member)
        if message.header.message_type is MessageType.method_call:
            assert message.header.fields[HeaderFields.path] == "/org/freedesktop/PolicyKit1/Authority"
            assert message.header.fields[HeaderFields.interface] == f"{AUTHORITY}.Authority"
            if member == "CheckAuthorization":
                assert message.header.fields[HeaderFields.signature] == "(sa{sv})sa{ss}us"
                self.questions.append(Question(message, *message.body))
            else:
                assert member == "CancelCheckAuthorization"
                self.cancelled.append(message.body[0])
        return message
