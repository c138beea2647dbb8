# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock-gate: each method by HTTP against the same method on the bus, and its documents."""

import json
import os
import signal
import xml.etree.ElementTree as ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import Workspace, as_uid, source_dir
from harness.build import build_dir
from harness.gate import Gate, GateError

from .client import GAMES, plain
from .stack import RP_ID, eventually, new_request_id, new_user
from .test_access import OTHER
from .test_mailbox import new_email

BOUND_TO_A_CONNECTION = {"Links.Subscribe", "Links.Unsubscribe"}
PRINCIPAL = {"id", "user_id", "authenticator_id", "authenticator_type", "created_at", "expires_at", "verified",
             "user_verified", "linked", "newly_linked", "platform_name", "ip_address", "user_agent"}
LARGE = 2**53 - 1


def documented() -> dict[str, ElementTree.Element]:
    """The methods of the XML, as the gate names them."""
    found = {}
    for name in ("Tenancy", "Links", "Vault", "Mailbox"):
        root = ElementTree.parse(source_dir() / f"dbus/dev.passlock.Passlock1.{name}.xml").getroot()
        found |= {f"{name}.{method.get('name')}": method for method in root.iter("method")}
    return found


@pytest.fixture(name="gate")
def fixture_gate(stack):
    with Workspace() as work, Gate(work, stack.bus) as gate:
        yield gate


@pytest.fixture(name="http")
def fixture_http(gate):
    with gate.connect() as connection:
        yield connection


def fails(http, status: int, error: str, name: str, query: str = "", **members) -> GateError:
    with pytest.raises(GateError) as caught:
        http.call(name, query, **members)
    assert (caught.value.status, caught.value.name) == (status, error), caught.value
    return caught.value


# Methods

def test_each_method_has_a_route(http):
    """Without arguments a method is refused or executed, but known."""
    for name in documented():
        status, _, text = http.reply("POST", f"/v1/{name}", "[]")
        expected = (404, "UnknownRoute") if name in BOUND_TO_A_CONNECTION else (400, "InvalidArgs")
        assert (status, json.loads(text)["error"]) == expected, name


def test_each_method_is_tested():
    text = (source_dir() / "tests/bus/test_gate.py").read_text()
    assert [name for name in documented() if f'"{name}"' not in text] == []


def test_links(connection, http):
    user, key, other = new_user(), new_user(), new_user()
    assert http.call("Links.Add", user_id=user, authenticator_id=key) == {}
    assert connection.links("GetUser", key) == (user,)
    assert http.call("Links.GetUser", authenticator_id=key) == {"user_id": user}
    assert http.call("Links.ListByUser", user_id=user) == {
        "links": [plain(link) for link in connection.links("ListByUser", user)[0]]}
    assert http.call("Links.Import", links=[
        {"authenticator_id": other, "user_id": user, "created_at": LARGE, "last_used_at": 0}],
        dry_run=False) == {"result": {"added": 1, "present": 0, "conflicting": [], "exceeding": []}}
    links = {link["authenticator_id"]: link for link in http.call("Links.ListByUser", user_id=user)["links"]}
    assert links[other]["created_at"] == LARGE
    assert http.call("Links.Remove", authenticator_id=key) == {}
    assert http.call("Links.RemoveByUser", user_id=user) == {"removed": 1}
    assert connection.links("ListByUser", user) == ([],)


def test_list_of_links(connection, http):
    http.call("Links.Add", user_id=new_user(), authenticator_id=new_user())
    found, cursor = [], ""
    while True:
        page = http.call("Links.List", cursor=cursor, limit=3)
        found += page["links"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert sorted(found, key=str) == sorted(connection.all_links(), key=str)


def test_passkey_and_sign_in(stack, connection, http):
    user = new_user()
    reply = http.call("Tenancy.Authorize", rp_id=RP_ID, user_id=user, username="ada", rp_name="Shop",
                      exclude_linked=False, timeout_ms=60000)
    assert set(reply) == {"registration_token", "expires_at"}
    passkey = stack.run_ceremony(reply["registration_token"])
    principal = http.call("Tenancy.Exchange", code=passkey.code, user_id=user)["principal"]
    assert set(principal) <= PRINCIPAL
    assert (principal["user_id"], principal["linked"], principal["newly_linked"]) == (user, True, True)
    assert connection.links("GetUser", passkey.authenticator_id) == (user,)

    reply = http.call("Tenancy.AuthorizeAuthentication", rp_id=RP_ID, allow_credentials=[passkey.authenticator_id])
    signed_in = stack.run_sign_in(reply["authentication_token"], passkey)
    request_id = new_request_id()
    given = {"code": signed_in.code, "request_id": request_id, "link": True}
    principal = http.call("Tenancy.Exchange", **given)["principal"]
    assert not principal["newly_linked"]
    assert http.call("Tenancy.Exchange", **given)["principal"] == principal
    assert plain(connection.finish(connection.start_exchange(signed_in.code, request_id=request_id))[0]) == principal

    id_token = stack.sign_in(passkey).id_token
    verified = http.call("Tenancy.VerifyIdToken", id_token=id_token, user_id=user)["principal"]
    assert verified == connection.verify(id_token, user_id=user)


def test_vault(stack, connection, http):
    user = new_user()
    keys = []
    for _ in range(2):
        passkey = stack.create_passkey(user)
        connection.exchange(passkey.code)
        keys.append(passkey.authenticator_id)
    assert http.call("Vault.GetPasskey", passkey_id=keys[0]) == {
        "passkey": plain(connection.method("GetPasskey", keys[0])[0])}
    page, cursor = connection.method("ListPasskeys", "")
    assert http.call("Vault.ListPasskeys", cursor="") == {
        "passkeys": [plain(passkey) for passkey in page], "next_cursor": cursor}
    reply = http.call("Vault.UpdatePasskeys", user_id=user, username="eda", display_name="Eda")
    assert set(reply) == {"token", "expires_at", "warnings"}
    assert http.call("Vault.GetPasskey", passkey_id=keys[0])["passkey"]["username"] == "eda"
    assert http.call("Vault.PrunePasskeys", user_id=user)["warnings"] == []
    missing = new_user()
    reply = http.call("Vault.DeletePasskeys", passkey_ids=[keys[0], missing])
    assert [(len(warning), warning[2]) for warning in reply["warnings"]] == [(3, missing)]
    fails(http, 404, "NotFound", "Links.GetUser", authenticator_id=keys[0])
    http.call("Vault.DeleteUserPasskeys", user_id=user)
    fails(http, 404, "NotFound", "Vault.GetPasskey", passkey_id=keys[1])


def test_mailbox(connection, http):
    email = new_email()
    challenge = http.call("Mailbox.CreateChallenge", email=email, purpose="login", send_email=False)["challenge"]
    assert challenge["email"] == email
    (found,) = connection.method("GetChallenge", challenge["id"])
    assert http.call("Mailbox.GetChallenge", challenge_id=challenge["id"]) == {"challenge": plain(found)}
    given = {"challenge_id": challenge["id"], "secret": challenge["secret"]}
    wrong = "0" * 6 if challenge["code"] != "0" * 6 else "1" * 6
    fails(http, 400, "InvalidChallengeCode", "Mailbox.VerifyChallenge", code=wrong, **given)
    verified = http.call("Mailbox.VerifyChallenge", code=challenge["code"], **given)["challenge"]
    assert verified["purpose"] == "login"
    assert http.call("Mailbox.DeleteChallenge", challenge_id=challenge["id"]) == {}


def test_reconcile(connection, http):
    assert http.call("Links.Reconcile", dry_run=True)["result"] == connection.reconcile(dry_run=True)


# Errors

def test_errors(connection, http):
    user, key = new_user(), new_user()
    connection.links("Add", user, key)
    assert fails(http, 409, "LinkConflict", "Links.Add", user_id=new_user(), authenticator_id=key).message
    fails(http, 400, "InvalidCode", "Tenancy.Exchange", code="nonsense")
    fails(http, 400, "InvalidToken", "Tenancy.VerifyIdToken", id_token="a.b.c")
    fails(http, 400, "InvalidArgs", "Links.GetUser", authenticator_id="")
    fails(http, 400, "InvalidArgs", "Tenancy.AuthorizeAuthentication", rp_id=RP_ID)
    fails(http, 404, "UnknownObject", "Links.GetUser", "?tenancy=nowhere", authenticator_id=key)


def test_retry_after(stack, http):
    stack.sandbox.set_faults("status=429@registration-authorize")
    caught = fails(http, 429, "RateLimited", "Tenancy.Authorize", rp_id=RP_ID, user_id="u", username="u")
    assert caught.message.endswith("retry after 7 s")
    assert caught.headers["Retry-After"] == "7"


def test_tenancy(own_stack):
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant_ourselves("other")
    with own_stack, own_stack.connect() as connection, Gate(own_stack.work, own_stack.bus) as gate:
        key, user = new_user(), new_user()
        gate.call("Links.Add", "?tenancy=other", user_id=user, authenticator_id=key)
        assert connection.links("GetUser", key, label="other") == (user,)
        with gate.connect() as http:
            fails(http, 404, "NotFound", "Links.GetUser", authenticator_id=key)
            for query in ("?tenancy=", "?tenancy=No", "?tenancy", "?tenancy=a&tenancy=a", "?label=other",
                          f"?tenancy={'a' * 33}", "?tenancy=%6fther"):
                fails(http, 400, "InvalidArgs", "Links.GetUser", query, authenticator_id=key)
        gate.stop_well()
        gate.options = ("--tenancy=other",)
        with gate.start():
            assert gate.call("Links.GetUser", authenticator_id=key) == {"user_id": user}


@pytest.mark.root
def test_grant_is_that_of_the_gate(own_stack):
    own_stack.grant("games", GAMES.name, "Links.Read")
    with own_stack:
        own_stack.work.path.chmod(0o777)
        with Gate(own_stack.work, own_stack.bus, as_user=as_uid(GAMES.uid, GAMES.gid)) as gate, gate.connect() as http:
            fails(http, 404, "NotFound", "Links.GetUser", authenticator_id="x")
            fails(http, 403, "AccessDenied", "Links.Add", user_id="u", authenticator_id="x")


# Documents

def test_health(stack, http):
    assert http.json("GET", "/v1/health") == {"state": "ready"}
    with pytest.raises(GateError) as caught:
        http.json("GET", "/v1/health?tenancy=nowhere")
    assert (caught.value.status, caught.value.name) == (404, "UnknownObject")


def test_description(http):
    found = http.json("GET", "/v1/openapi.json")
    assert found == json.loads((build_dir() / "gate/openapi.json").read_text())
    served = {path.removeprefix("/v1/") for path, methods in found["paths"].items() if "post" in methods}
    assert served == set(documented()) - BOUND_TO_A_CONNECTION
    for name in served:
        arguments = {(each.get("direction"), each.get("name")) for each in documented()[name].iter("arg")}
        operation = found["paths"][f"/v1/{name}"]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        reply = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert body["additionalProperties"] is False
        assert set(body.get("required", [])) == {each for way, each in arguments if way == "in"} - {"options"}
        assert set(reply["properties"]) == {each for way, each in arguments if way == "out"}
    references = [each.split('"')[0] for each in json.dumps(found).split('"$ref": "#/')[1:]]
    for reference in references:
        place = found
        for part in reference.split("/"):
            place = place[part]


def test_metrics(gate, http):
    http.call("Links.ListByUser", user_id="u")
    fails(http, 404, "NotFound", "Links.GetUser", authenticator_id="x")
    fails(http, 400, "InvalidArgs", "Links.GetUser")
    status, headers, text = http.reply("GET", "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4")
    lines = text.decode().splitlines()
    assert 'passlock_gate_calls_total{method="Links.ListByUser",outcome="ok"} 1' in lines
    assert 'passlock_gate_calls_total{method="Links.GetUser",outcome="NotFound"} 1' in lines
    assert 'passlock_gate_calls_total{method="Links.GetUser",outcome="InvalidArgs"} 1' in lines
    assert "passlock_gate_connections 1" in lines
    with gate.connect() as other:
        other.connect()
        eventually(lambda: b"passlock_gate_connections 2\n" in http.reply("GET", "/metrics")[2])


def families(http) -> dict[str, object]:
    found = list(text_string_to_metric_families(http.reply("GET", "/metrics")[2].decode()))
    assert len({each.name for each in found}) == len(found), "a duplicate metric"
    return {each.name: each for each in found}


def has_daemon_metrics(http) -> bool:
    found = families(http)
    (sample,) = found["passlock_gate_daemon_metrics"].samples
    assert "passlock_gate_connections" in found
    assert ("passlock_store_changes" in found) == ("passlock_calls" in found) == bool(sample.value)
    return bool(sample.value)


def test_metrics_while_the_daemon_hangs(stack, http):
    eventually(lambda: has_daemon_metrics(http))
    os.kill(stack.daemon.pid, signal.SIGSTOP)
    try:
        assert not has_daemon_metrics(http)
    finally:
        os.kill(stack.daemon.pid, signal.SIGCONT)
    eventually(lambda: has_daemon_metrics(http))


@pytest.mark.root
def test_metrics_need_the_right(own_stack):
    """Without it, a scrape is no call that is refused, except the first one after the right is gone."""
    def refused() -> int:
        (_, _, samples) = connection.manager("GetMetrics")[0]["passlock_calls_total"][1]
        return sum(value for _, labels, value in samples if labels["outcome"] == "AccessDenied")

    own_stack.grant("games", GAMES.name, "Links.Read")
    with own_stack, own_stack.connect() as connection:
        own_stack.work.path.chmod(0o777)
        with Gate(own_stack.work, own_stack.bus, as_user=as_uid(GAMES.uid, GAMES.gid)) as gate, gate.connect() as http:
            assert not has_daemon_metrics(http) and not has_daemon_metrics(http)
            assert refused() == 0
            own_stack.grant("games", GAMES.name, "Links.Read Metrics")
            own_stack.apply()
            eventually(lambda: has_daemon_metrics(http))
            own_stack.grant("games", GAMES.name, "Links.Read")
            own_stack.apply()
            assert not has_daemon_metrics(http) and not has_daemon_metrics(http)
            assert refused() == 1


@pytest.mark.parametrize("method, path, status, error", [
    ("GET", "/", 404, "UnknownRoute"), ("GET", "/v1", 404, "UnknownRoute"), ("POST", "/v1/", 404, "UnknownRoute"),
    ("POST", "/v1/Links.Nothing", 404, "UnknownRoute"), ("POST", "/v1/Manager.Reload", 404, "UnknownRoute"),
    ("POST", "/v1/links.getuser", 404, "UnknownRoute"), ("POST", "/v1/Links.GetUser/", 404, "UnknownRoute"),
    ("POST", "/v1/Links%2EGetUser", 404, "UnknownRoute"), ("POST", "/v1//Links.GetUser", 404, "UnknownRoute"),
    ("GET", "/v1/Links.GetUser", 405, "MethodNotAllowed"), ("OPTIONS", "/v1/Links.GetUser", 405, "MethodNotAllowed"),
    ("POST", "/v1/health", 405, "MethodNotAllowed"), ("DELETE", "/metrics", 405, "MethodNotAllowed"),
])
def test_no_other_routes(http, method, path, status, error):
    with pytest.raises(GateError) as caught:
        http.json(method, path, "{}" if method == "POST" else None)
    assert (caught.value.status, caught.value.name) == (status, error)
    if status == 405:
        assert caught.value.headers["Allow"] == ("POST" if path == "/v1/Links.GetUser" else "GET")


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_browsers_are_refused(http, header):
    for method, path in (("POST", "/v1/Links.GetUser"), ("GET", "/v1/health"), ("GET", "/nothing")):
        with pytest.raises(GateError) as caught:
            http.json(method, path, "{}" if method == "POST" else None, {header: "null"})
        assert (caught.value.status, caught.value.name) == (403, "OriginRefused")
