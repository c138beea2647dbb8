# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls the Python client by orders on standard input: see ../test_conformance.py.

    driver.py sync|asyncio SOCKET
"""

import asyncio
import base64
import contextlib
import dataclasses
import json
import re
import sys

from passlock import AsyncPasslock, Passlock, PasslockError

KEYWORDS = {"import"}


def snake(name: str) -> str:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return f"{name}_" if name in KEYWORDS else name


def plain(value):
    """The JSON form of a result; without optional members that are missing."""
    if dataclasses.is_dataclass(value):
        return {name: plain(each) for name, each in dataclasses.asdict(value).items() if each is not None}
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def made(value):
    """Values that are not JSON: {"$bytes": BASE64} is a string of another encoding."""
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"]).decode("utf-8", "surrogatepass")
        return {name: made(each) for name, each in value.items()}
    return [made(each) for each in value] if isinstance(value, list) else value


class Driver:
    def __init__(self, kind, path):
        self.kind, self.path, self.stream = kind, path, None
        self.client = kind(path)

    def method(self, name):
        group, _, method = name.rpartition(".")
        place = self.client if group in ("", "Tenancy") else getattr(self.client, group.lower())
        return getattr(place, snake(method))

    def begin(self, order):
        """Returns a result, or its awaitable."""
        if "client" in order:
            self.client = self.kind(self.path, **order["client"])
            return None
        if "watch" in order:
            self.stream = self.client.links.changed()
            return None
        if "unwatch" in order:
            return self.stream.close() if self.kind is Passlock else self.stream.aclose()
        if "next" in order:
            return next(self.stream) if self.kind is Passlock else anext(self.stream)
        return self.method(order["call"])(*made(order.get("arguments", [])), **made(order.get("options", {})))


def reply_of(error):
    retry_after = {"retry_after_sec": error.retry_after_sec} if error.retry_after_sec else {}
    return {"error": error.name, "class": type(error).__name__, "status": error.status, **retry_after}


async def serve_async(driver):
    while line := await asyncio.to_thread(sys.stdin.readline):  # connections close meanwhile
        try:
            result = driver.begin(json.loads(line))
            print(json.dumps({"result": plain(await result if result is not None else None)}), flush=True)
        except PasslockError as error:
            print(json.dumps(reply_of(error)), flush=True)


def serve(driver):
    for line in sys.stdin:
        try:
            print(json.dumps({"result": plain(driver.begin(json.loads(line)))}), flush=True)
        except PasslockError as error:
            print(json.dumps(reply_of(error)), flush=True)


with contextlib.suppress(KeyboardInterrupt):
    if sys.argv[1] == "sync":
        serve(Driver(Passlock, sys.argv[2]))
    else:
        asyncio.run(serve_async(Driver(AsyncPasslock, sys.argv[2])))
