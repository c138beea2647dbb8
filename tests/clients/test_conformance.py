# SPDX-License-Identifier: LGPL-2.1-or-later
"""All clients by the same cases, against a gate, a daemon and the sandbox."""

import base64
import json
import re
from pathlib import Path

import pytest

from bus.stack import new_request_id, new_user

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
KINDS = {"$integer": int, "$string": str, "$boolean": bool, "$array": list}
PRINCIPAL = {"id", "user_id", "authenticator_id", "authenticator_type", "created_at", "expires_at", "verified",
             "user_verified"}


class Run:
    """A run of a case: its variables."""

    def __init__(self, client, stack):
        self.client, self.stack = client, stack
        self.known = {"user": new_user(), "other": new_user(), "key": new_user(), "request_id": new_request_id(),
                      "email": f"{new_user()}@example.com"}
        self.made = None

    def filled(self, value):
        """With the variables in it, such as $user or $challenge.id"""
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return re.sub(r"\$(\w+)(?:\.(\w+))?", self.variable, value) if isinstance(value, str) else value

    def variable(self, found: re.Match) -> str:
        value = self.known.get(found[1])
        if isinstance(value, dict):
            value = value[found[2]]
        return found[0] if value is None else value

    def step(self, step: dict):
        if "fault" in step:
            self.stack.sandbox.set_faults(step["fault"])
        elif "ceremony" in step:
            self.ceremony(step["ceremony"])
        else:
            order = {name: self.filled(step[name]) for name in ("client", "call", "arguments", "options") if name in step}
            self.check(step, self.client.order(**order))

    def ceremony(self, kind: str):
        token = self.known["token"]
        if kind == "create":
            self.made = done = self.stack.run_ceremony(token)
        else:
            done = self.stack.run_sign_in(token, self.made)
        self.known |= {"code": done.code, "id_token": done.id_token, "passkey": done.authenticator_id}

    def check(self, step: dict, reply: dict):
        if "error" in step:
            assert reply.get("error") == reply.get("class") == step["error"], (step, reply)
            for name in ("status", "retry_after_sec"):
                assert reply.get(name) == step.get(name), (step, reply)
            return
        assert "result" in reply, (step, reply)
        self.compare(self.filled(step.get("result")), reply["result"], step.get("more", False))
        if "keep" in step:
            found = reply["result"]
            self.known[step["keep"]] = found["token"] if step["keep"] == "token" else found

    def compare(self, expected, found, more: bool):
        if expected == "$principal":
            assert PRINCIPAL <= set(found) and found["user_id"] == self.known["user"]
            assert found["authenticator_id"] == self.known["passkey"]
        elif isinstance(expected, str) and expected in KINDS:
            assert type(found) is KINDS[expected], found
        elif isinstance(expected, dict):
            assert set(expected) <= set(found) if more else set(expected) == set(found), (expected, found)
            for name, each in expected.items():
                self.compare(each, found[name], more)
        elif isinstance(expected, list):
            assert len(expected) == len(found), (expected, found)
            for each, other in zip(expected, found):
                self.compare(each, other, more)
        else:
            assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "_") for case in CASES])
def test_case(client, stack, case):
    run = Run(client, stack)
    try:
        for step in case["steps"]:
            run.step(step)
    finally:
        stack.sandbox.set_faults()


FROM_A_BROWSER = {
    "null": None, "true": True, "zero": 0, "number": 1.5, "large": 2**70, "empty": "", "array": ["a"], "object": {"a": "b"},
    "deep": json.loads("[" * 200 + "]" * 200), "NUL": "a\0b", "lone_surrogate": b"\xed\xa0\x80", "long": "x" * 300,
    "200_kB": "x" * 200_000, "200_kB_escaped": "\x01" * 200_000,
}


def as_order(value):
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


@pytest.mark.parametrize("name", FROM_A_BROWSER)
def test_from_a_browser(client, name):
    """Whatever a browser sends ends in an error of the client, and the next call works."""
    value = as_order(FROM_A_BROWSER[name])
    expected = "BodyTooLarge" if name.startswith("200") else "InvalidArgs"
    long_code = "InvalidCode" if name == "long" else expected
    for call, arguments, options, error in (
            ("Links.GetUser", [value], {}, "NotFound" if name == "long" else expected),
            ("Tenancy.Exchange", [value], {}, long_code),
            ("Tenancy.Exchange", ["code"], {"user_id": value}, expected),
            ("Tenancy.Authorize", ["shop.example.com", value, "ada"], {}, expected),
            ("Tenancy.Authorize", ["shop.example.com", "u", "ada"], {"rp_name": value}, None),
            ("Tenancy.VerifyIdToken", [value], {}, "InvalidToken" if name == "long" else expected)):
        reply = client.order(call=call, arguments=arguments, options=options)
        assert "error" in reply and reply["error"] == reply["class"], (call, reply)
        assert error is None or reply["error"] == error, (call, reply)
        assert client.call("Health") == "ready"


def test_unknown_option(client):
    assert client.error("Tenancy.Exchange", "code", user="ada") == "InvalidArgs"
