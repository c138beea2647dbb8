# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each client has each method, option and error of openapi.json, and its types have each member."""

import json
import re
from pathlib import Path

import pytest

from harness.build import build_dir, source_dir

CLIENTS = source_dir() / "clients"
SOURCES = {
    "python": ("python/passlock/client.py", "python/passlock/results.py", "python/passlock/errors.py"),
    "node": ("node/passlock.js", "node/passlock.d.ts", "node/passlock.d.ts"),
    "php": ("php/src/Passlock.php", "php/src/results.php", "php/src/errors.php"),
}
NOT_CALLED = {"openapi.json"}  # for tools
RENAMED = {"registration_token", "authentication_token", "principal", "challenge", "result", "passkey"}  # in results


def description() -> dict:
    return json.loads((build_dir() / "gate/openapi.json").read_text())


def read(client: str, number: int) -> str:
    return (CLIENTS / SOURCES[client][number]).read_text()


def spelled(client: str, name: str) -> str:
    return name if client == "python" else re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def members(found, name=None):
    """The names of all properties in a schema."""
    if isinstance(found, dict):
        for key, each in found.get("properties", {}).items() if isinstance(found.get("properties"), dict) else ():
            yield key
        for each in found.values():
            yield from members(each)
    elif isinstance(found, list):
        for each in found:
            yield from members(each)


@pytest.mark.parametrize("client", SOURCES)
def test_each_route_is_called(client):
    routes = {path.removeprefix("/v1/") for path in description()["paths"] if path.startswith("/v1/")} - NOT_CALLED
    text = "".join(path.read_text() for path in (CLIENTS / SOURCES[client][0]).parent.iterdir() if path.is_file())
    called = set(re.findall(r"\b((?:Tenancy|Links|Vault|Mailbox)\.\w+|health)(?=[\"'$`{])", text))
    assert called == routes


@pytest.mark.parametrize("client", SOURCES)
def test_each_member_is_known(client):
    text = "".join(read(client, number) for number in range(3))
    names = {name for path, methods in description()["paths"].items() if "post" in methods
             for name in members(methods["post"])} | set(members(description()["components"]["schemas"]))
    missing = {name for name in names - RENAMED - {"error"} if not re.search(rf"\b{spelled(client, name)}\b", text)}
    assert missing == set()


@pytest.mark.parametrize("client", SOURCES)
def test_each_error_has_a_class(client):
    names = set(description()["components"]["schemas"]["error"]["properties"]["error"]["enum"])
    kinds = re.findall(r"class (\w+)(?:\(| extends )PasslockError", read(client, 2))
    assert sorted(kinds) == sorted(names)


@pytest.mark.parametrize("client", SOURCES)
def test_size(client):
    """Clients are small: apps have to trust them."""
    for path in Path(CLIENTS / SOURCES[client][0]).parent.glob("*.*"):
        if path.suffix in (".py", ".js", ".php"):
            assert len(path.read_text().splitlines()) <= 300, path
