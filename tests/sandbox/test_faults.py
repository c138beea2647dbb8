# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fault injection."""

import http.client
import json
import os
import time

import pytest

from conftest import ORIGIN, USER

CALLS = {
    "registration-authorize": ("backend", "POST", "passkey/registration/authorize"),
    "registration-options": ("page", "POST", "passkey/registration/options"),
    "registration-verification": ("page", "POST", "passkey/registration/verification"),
    "authentication-authorize": ("backend", "POST", "passkey/authentication/authorize"),
    "authentication-options": ("page", "POST", "passkey/authentication/options"),
    "authentication-verification": ("page", "POST", "passkey/authentication/verification"),
    "exchange": ("backend", "GET", "principal/x"),
    "passkey-get": ("backend", "GET", "passkeys/x"),
    "passkey-list": ("backend", "GET", "passkeys/"),
    "passkeys-update": ("backend", "POST", "passkeys/update"),
    "passkeys-delete": ("backend", "POST", "passkeys/delete"),
    "passkeys-prune": ("backend", "POST", "passkeys/prune"),
    "update-exchange": ("page", "POST", "passkeys/update/exchange"),
    "delete-exchange": ("page", "POST", "passkeys/delete/exchange"),
    "prune-exchange": ("page", "POST", "passkeys/prune/exchange"),
    "challenge-create": ("backend", "POST", "challenges"),
    "challenge-get": ("backend", "GET", "challenges/x"),
    "challenge-verify": ("backend", "POST", "challenges/verify"),
    "challenge-delete": ("backend", "DELETE", "challenges/x"),
    "jwks": ("anyone", "GET", None),
}
ENDPOINTS = list(CALLS)
JWKS = "/v2/.well-known/jwks.json"
GONE = (http.client.RemoteDisconnected, ConnectionResetError)


@pytest.fixture(autouse=True)
def no_faults(sandbox):
    yield
    assert sandbox.faults() == []


def call(sandbox, endpoint, **kwargs):
    caller, method, path = CALLS[endpoint]
    if caller == "anyone":
        return sandbox.request(method, JWKS, **kwargs)
    if caller == "page":
        return sandbox.page_call(path, {}, **kwargs)
    body = USER if endpoint == "registration-authorize" else {} if method == "POST" else None
    return sandbox.backend(method, path, body, **kwargs)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_endpoint(sandbox, endpoint):
    sandbox.faults(f"status=503@{endpoint}")
    for other in ENDPOINTS:
        answer = call(sandbox, other)
        assert (answer.status == 503) == (other == endpoint)
        if other == endpoint:
            assert answer.tag == "@error/InternalServerError"
            assert answer.headers["Content-Type"] == "application/json"
            cors = CALLS[endpoint][0] == "page"
            assert answer.headers["Access-Control-Allow-Origin"] == (ORIGIN if cors else None)


def test_every_endpoint(sandbox):
    sandbox.faults("status=500")
    assert [call(sandbox, endpoint).status for endpoint in ENDPOINTS] == [500] * len(ENDPOINTS)
    assert sandbox.calls()  # control endpoints have no faults
    assert sandbox.request("GET", "/passlock.js").status == 200


def test_count(sandbox):
    assert sandbox.faults("status=500@jwks*2", "html@jwks*1") == ["status=500@jwks*2", "html@jwks*1"]
    assert [call(sandbox, "jwks").status for _ in range(2)] == [500, 500]
    assert call(sandbox, "jwks").headers["Content-Type"] == "text/html"
    assert call(sandbox, "jwks").headers["Content-Type"] == "application/json"


def test_calls_are_counted(sandbox):
    before = sandbox.calls()
    assert list(before) == ENDPOINTS
    sandbox.faults("refuse@jwks*1", "drop@passkey-list*1")
    for endpoint in ("jwks", "passkey-list"):
        with pytest.raises(GONE):
            call(sandbox, endpoint)
    call(sandbox, "jwks")
    sandbox.backend("GET", "passkeys/x", key="wrong")
    sandbox.request("OPTIONS", "/v2/T1/passkey/registration/options", headers={"Origin": ORIGIN})
    after = sandbox.calls()
    assert {name: after[name] - before[name] for name in ENDPOINTS if after[name] != before[name]} == {
        "jwks": 2, "passkey-get": 1, "passkey-list": 1}


def test_rate_limit(sandbox):
    sandbox.faults("status=429")
    answer = call(sandbox, "exchange")
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.tag == "@error/TooManyRequests"


def test_garbage(sandbox):
    sandbox.faults("garbage")
    answer = call(sandbox, "exchange")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(ValueError):
        json.loads(answer.body)


def test_html(sandbox):
    sandbox.faults("html")
    answer = call(sandbox, "exchange")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("spec, size", [("large", 20000000), ("large=100", 100), ("large=70001", 70001)])
def test_large(sandbox, spec, size):
    sandbox.faults(spec)
    answer = call(sandbox, "exchange")
    assert answer.status == 200
    assert len(answer.body) == size
    assert answer.tag == "Large"


def test_larger_than_memory(sandbox):
    sandbox.faults("large=100000000000")
    connection = sandbox.connect()
    connection.request("GET", JWKS)
    response = connection.getresponse()
    assert response.length == 100000000000
    assert len(response.read(10000000)) == 10000000
    connection.close()
    assert sandbox.calls()


def test_delay(sandbox):
    sandbox.faults("delay=300@jwks")
    before = time.monotonic()
    answer = call(sandbox, "jwks")
    assert time.monotonic() - before >= 0.299  # the server rounds to milliseconds
    assert answer.status == 200 and "keys" in answer.json


def test_delays_overlap(sandbox):
    sandbox.faults("delay=500@jwks")
    before = time.monotonic()
    connections = [sandbox.connect() for _ in range(100)]
    for connection in connections:
        connection.request("GET", JWKS)
    call(sandbox, "passkey-list")
    for connection in connections:
        assert connection.getresponse().status == 200
        connection.close()
    assert 0.499 <= time.monotonic() - before < 45  # one after the other would take 50 s


def test_hang(sandbox):
    sandbox.faults("hang@jwks*2")
    calls = sandbox.calls()["jwks"]
    connections = [sandbox.connect(timeout=0.3) for _ in range(2)]
    for connection in connections:
        connection.request("GET", JWKS)
    while sandbox.calls()["jwks"] < calls + 2:
        pass
    for connection in connections:
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
    assert call(sandbox, "jwks").status == 200


def test_disconnected_clients_are_closed(sandbox):
    def open_files():
        return len(os.listdir(f"/proc/{sandbox.process.pid}/fd"))

    sandbox.faults("hang@jwks")
    calls = sandbox.calls()["jwks"]
    connections = [sandbox.connect() for _ in range(50)]
    for connection in connections:
        connection.request("GET", JWKS)
    while sandbox.calls()["jwks"] < calls + 50:
        pass
    assert open_files() > 50
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 30
    while open_files() > 25 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_files() <= 25


def test_stop_while_clients_hang(start):
    sandbox = start("--fault=hang@jwks", "--fault=delay=3600000@exchange")
    connections = [sandbox.connect() for _ in range(2)]
    connections[0].request("GET", JWKS)
    connections[1].request("GET", "/v2/T1/principal/x")
    while sum(sandbox.calls().values()) < 2:
        pass
    assert sandbox.stop() == 0
    for connection in connections:
        with pytest.raises(GONE):
            connection.getresponse()


def test_cut(sandbox):
    sandbox.faults("cut@jwks*1")
    whole = None
    connection = sandbox.connect()
    connection.request("GET", JWKS)
    response = connection.getresponse()
    length = response.length
    with pytest.raises(http.client.IncompleteRead) as error:
        response.read()
    connection.close()
    whole = call(sandbox, "jwks").body
    assert length == len(whole)
    assert error.value.partial == whole[:length // 2]


@pytest.mark.parametrize("kind", ["refuse", "drop", "cut"])
def test_exchange_with_lost_reply(sandbox, kind):
    code = sandbox.register()["code"]
    sandbox.faults(f"{kind}@exchange*1")
    with pytest.raises(GONE + (http.client.IncompleteRead,)):
        sandbox.backend("GET", f"principal/{code}")
    answer = sandbox.backend("GET", f"principal/{code}")
    assert answer.tag == ("ExtendedPrincipal" if kind == "refuse" else "@error/InvalidCode")


@pytest.mark.parametrize("kind", ["refuse", "drop", "cut"])
def test_deletion_with_lost_reply(sandbox, kind):
    device = sandbox.device()
    sandbox.faults(f"{kind}@passkeys-delete*1")
    with pytest.raises(GONE + (http.client.IncompleteRead,)):
        sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [device.id]})
    status = sandbox.backend("GET", f"passkeys/{device.id}").status
    assert status == (200 if kind == "refuse" else 404)


@pytest.mark.parametrize("kind", ["refuse", "drop"])
def test_lost_replies_of_pages(sandbox, kind):
    device = sandbox.device()
    tokens = sandbox.backend("POST", "passkeys/prune", {"userId": device.user_id}).json
    body = {"prunePasskeysToken": tokens["prunePasskeysToken"]}
    sandbox.faults(f"{kind}@prune-exchange*1", f"{kind}@authentication-verification*1")
    with pytest.raises(GONE):
        sandbox.page_call("passkeys/prune/exchange", body)
    assert sandbox.page_call("passkeys/prune/exchange", body).status == (200 if kind == "refuse" else 400)
    with pytest.raises(GONE):
        sandbox.sign_in(device)
    assert ("lastUsed" in sandbox.passkey(device.id)) == (kind == "drop")


@pytest.mark.parametrize("kind", ["refuse", "drop"])
def test_lost_replies_of_codes(sandbox, kind):
    created = sandbox.backend("POST", "challenges", {"email": "a@b.example", "purpose": kind}).json["challenge"]
    body = {name: created[name] for name in ("challengeId", "secret", "code")}
    sandbox.faults(f"{kind}@challenge-verify*1")
    with pytest.raises(GONE):
        sandbox.backend("POST", "challenges/verify", body)
    answer = sandbox.backend("POST", "challenges/verify", body)
    assert answer.tag == ("ChallengeVerified" if kind == "refuse" else "@error/InvalidChallenge")


@pytest.mark.parametrize("endpoint", ["passkeys-update", "passkeys-delete", "challenge-create"])
def test_spoilt_replies_other_than_200(sandbox, endpoint):
    bodies = {"passkeys-update": {"userId": "nobody", "username": "x"}, "passkeys-delete": {"userId": "nobody"},
              "challenge-create": {"email": "a@b.example", "purpose": "spoilt"}}
    field = {"challenge-create": "challenge"}.get(endpoint, endpoint.split("-")[1] + "PasskeysToken")
    sandbox.faults(f"missing@{endpoint}*1", f"wrong-type@{endpoint}*1")
    assert field not in sandbox.backend("POST", CALLS[endpoint][2], bodies[endpoint]).json
    assert sandbox.backend("POST", CALLS[endpoint][2], bodies[endpoint]).json[field] == 7


def test_spoilt_members(sandbox):
    page = sandbox.register()
    passkey = f"passkeys/{page['principal']['authenticatorId']}"
    for path, field, tag in ((passkey, "credential", "Passkey"), ("passkeys/", "records", "FindAllPasskeys"),
                             (f"principal/{page['code']}", "userId", "ExtendedPrincipal")):
        sandbox.faults("wrong-type*1")
        answer = sandbox.backend("GET", path)
        assert (answer.status, answer.tag, answer.json[field]) == (200, tag, 7)
    sandbox.faults("missing*1", "missing=createdAt*1", "wrong-type=createdAt*1")
    assert "credential" not in sandbox.backend("GET", passkey).json
    assert "createdAt" not in sandbox.backend("GET", passkey).json
    assert sandbox.backend("GET", passkey).json["createdAt"] == "seven"
    answer = sandbox.backend("GET", passkey)
    assert isinstance(answer.json["createdAt"], int)  # the vault is unchanged
    assert "keys" in sandbox.request("GET", JWKS).json
    for endpoint, field in (("registration-authorize", "registrationToken"), ("jwks", "keys")):
        sandbox.faults(f"missing@{endpoint}*1")
        assert field not in call(sandbox, endpoint).json


@pytest.mark.parametrize("body", ["{}", '{"faults": "hang"}', '{"faults": [1]}', '{"faults": ["hang", "hung"]}', "x"])
def test_bad_specs(sandbox, body):
    in_force = sandbox.faults("status=500@passkey-list")
    answer = sandbox.request("POST", "/-/faults", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.tag) == (400, "@error/BadRequest")
    assert call(sandbox, "passkey-list").status == 500 and in_force


def test_no_faults_from_web_pages(sandbox):
    answer = sandbox.request("POST", "/-/faults", '{"faults":["hang"]}', {"Content-Type": "text/plain"})
    assert answer.status == 400
    assert call(sandbox, "jwks").status == 200
    answer = sandbox.request("OPTIONS", "/-/faults", headers={"Origin": ORIGIN})
    assert answer.status == 404 and "Access-Control-Allow-Origin" not in answer.headers
