# SPDX-License-Identifier: LGPL-2.1-or-later
"""The HTTP interface of the example web app: refused requests, limits, and the stop."""

import http.client
import json
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from harness import Bus, WebApp, Workspace, binary
from harness.build import build_dir


def ask(webapp, method, path, body="{}", **headers):
    where = urlsplit(webapp.url)
    connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=60)
    sent = {"Host": where.netloc, "Origin": webapp.url, "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


@pytest.mark.parametrize("headers, status", [
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": None}, 403),
    ({"Origin": "null"}, 403),
    ({"Content_Type": "text/plain"}, 415),
    ({"Content_Type": None}, 415),
])
def test_foreign_requests_are_refused(stack, headers, status):
    reply, _ = ask(stack.webapp, "POST", "/api/signup", '{"username":"x","displayName":"x"}', **headers)
    assert reply.status == status
    assert not reply.getheader("Set-Cookie")


@pytest.mark.parametrize("body, status", [
    ("[]", 400), ("{", 400), ('{"username":"a","username":"b"}', 400), ("{}", 400),
    ('{"username":7,"displayName":"x"}', 400), (" " * 8193, 413),
    ('{"username":"a","displayName":"a\\u0000b"}', 400),
    (b'{"username":"a","displayName":"\xff"}', 400),
])
def test_bad_bodies(stack, body, status):
    reply, _ = ask(stack.webapp, "POST", "/api/signup", body)
    assert reply.status == status


@pytest.mark.parametrize("method, path", [
    ("GET", "/nothing"), ("GET", "/../app.js"), ("POST", "/"), ("DELETE", "/api/passkeys/"),
    ("PUT", "/api/signup"), ("GET", "/api/passkeys/authorize"), ("GET", "/api/signin"),
    ("POST", "/api/signin/"),
])
def test_nothing_there(stack, method, path):
    assert ask(stack.webapp, method, path)[0].status == 404


def test_another_host_name_leads_to_the_right_one(stack):
    reply, _ = ask(stack.webapp, "GET", "/api/session", None, Host="127.0.0.1:1")
    assert reply.status == 307
    assert reply.getheader("Location") == stack.webapp.url


def test_headers(stack):
    reply, content = ask(stack.webapp, "GET", "/", None)
    assert b"<!DOCTYPE html>" in content
    policy = reply.getheader("Content-Security-Policy")
    assert f"script-src 'self' {stack.sandbox.endpoint};" in policy
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.getheader("X-Content-Type-Options") == "nosniff"
    assert reply.getheader("Referrer-Policy") == "no-referrer"


def test_session_cookie(stack):
    reply, _ = ask(stack.webapp, "POST", "/api/signup", '{"username":"cookie","displayName":"C"}')
    cookie = reply.getheader("Set-Cookie")
    token = cookie.split(";")[0].removeprefix("session=")
    assert len(token) == 64 and int(token, 16)
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie

    assert ask(stack.webapp, "GET", "/api/passkeys", None, Cookie=f"session={token}")[0].status == 200
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert ask(stack.webapp, "GET", "/api/passkeys", None, Cookie=f"session={wrong}")[0].status == 401
    assert ask(stack.webapp, "GET", "/api/passkeys", None)[0].status == 401


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/account", '{"username":"a","displayName":"A"}'), ("POST", "/api/passkeys/authorize", "{}"),
    ("POST", "/api/passkeys/exchange", '{"code":"c"}'), ("POST", "/api/passkeys/update", "{}"),
    ("POST", "/api/passkeys/prune", "{}"), ("DELETE", "/api/passkeys/pk_1", "{}"), ("GET", "/api/passkeys", None),
])
def test_who_is_about_to_sign_in_is_not_signed_in(stack, method, path, body):
    reply, _ = ask(stack.webapp, "POST", "/api/signin/authorize")
    cookie = reply.getheader("Set-Cookie").split(";")[0]
    reply, content = ask(stack.webapp, method, path, body, Cookie=cookie)
    assert (reply.status, json.loads(content)["error"]["code"]) == (401, "SignedOut")


@pytest.mark.parametrize("body", ["{}", '{"code":7}', '{"code":""}', '{"code":"no-such-code"}'])
def test_sign_in_with_nothing(stack, body):
    reply, _ = ask(stack.webapp, "POST", "/api/signin/authorize")
    cookie = reply.getheader("Set-Cookie").split(";")[0]
    reply, _ = ask(stack.webapp, "POST", "/api/signin", body, Cookie=cookie)
    assert reply.status == 400
    assert not reply.getheader("Set-Cookie")


def test_sign_up_in_a_session_gives_it_a_new_name(stack):
    reply, _ = ask(stack.webapp, "POST", "/api/signin/authorize")
    cookie = reply.getheader("Set-Cookie").split(";")[0]
    reply, _ = ask(stack.webapp, "POST", "/api/signup", '{"username":"renewed","displayName":"R"}', Cookie=cookie)
    assert reply.status == 200
    assert reply.getheader("Set-Cookie").split(";")[0] != cookie
    assert ask(stack.webapp, "GET", "/api/passkeys", None, Cookie=cookie)[0].status == 401


@pytest.fixture
def webapp(stack):
    """A web app for this test only."""
    with Workspace() as work, WebApp(work, stack.bus, stack.sandbox, stack.webapp.as_user) as running:
        yield running


@pytest.fixture(name="scripted")
def fixture_scripted(stack):
    """A web app whose daemon answers an exchange with the error that the code names."""
    with Workspace() as work:
        bus = Bus(work)
        bus.start()
        with subprocess.Popen([build_dir() / "tests/client/fake-service", str(work.path)],
                              env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address}) as service:
            while not (work / "log").exists():
                assert service.poll() is None
            with WebApp(work, bus, stack.sandbox, stack.webapp.as_user) as running:
                yield running
            service.kill()
        bus.stop_well()


@pytest.mark.parametrize("error, status, name", [
    (1, 400, "InvalidCode"), (22, 409, "Interrupted"), (3, 403, "UserMismatch"), (4, 409, "LinkConflict"),
    (9, 503, "Unreachable"), (12, 507, "StoreFull"), (20, 429, "LimitsExceeded")])
def test_errors_of_the_daemon(scripted, error, status, name):
    reply, _ = ask(scripted, "POST", "/api/signup", '{"username":"ada","displayName":"A"}')
    cookie = reply.getheader("Set-Cookie").split(";")[0]
    reply, content = ask(scripted, "POST", "/api/passkeys/exchange", f'{{"code":"error:{error}"}}', Cookie=cookie)
    assert (reply.status, json.loads(content)["error"]["code"]) == (status, name)


def test_there_are_so_many_accounts_at_most(webapp):
    for n in range(1000):
        assert ask(webapp, "POST", "/api/signup", f'{{"username":"u{n}","displayName":"U"}}')[0].status == 200
    reply, content = ask(webapp, "POST", "/api/signup", '{"username":"one.more","displayName":"U"}')
    assert reply.status == 507
    assert b"Too many accounts" in content


def test_strangers_do_not_push_out_who_is_signed_in(webapp):
    """Of 2000 sessions, those without a user are evicted first."""
    reply, _ = ask(webapp, "POST", "/api/signup", '{"username":"stays","displayName":"S"}')
    mine = reply.getheader("Set-Cookie").split(";")[0]
    reply, _ = ask(webapp, "POST", "/api/signin/authorize")
    oldest = reply.getheader("Set-Cookie").split(";")[0]
    sessions = {oldest}
    for _ in range(2000):
        reply, _ = ask(webapp, "POST", "/api/signin/authorize", '{"username":"stays"}')
        sessions.add(reply.getheader("Set-Cookie").split(";")[0])
    assert len(sessions) == 2001
    assert ask(webapp, "GET", "/api/passkeys", None, Cookie=mine)[0].status == 200
    reply, _ = ask(webapp, "POST", "/api/signin/authorize", Cookie=oldest)
    assert reply.getheader("Set-Cookie"), "it made room"


def waiting_request(webapp, sandbox):
    """A connection with a request that waits for an API without replies."""
    reply, _ = ask(webapp, "POST", "/api/signup", '{"username":"patient","displayName":"P"}')
    cookie = reply.getheader("Set-Cookie").split(";")[0]
    before = sandbox.calls()["registration-authorize"]
    sandbox.set_faults("hang@registration-authorize")
    where = urlsplit(webapp.url)
    connection = socket.create_connection(("127.0.0.1", where.port), timeout=60)
    connection.sendall(f"POST /api/passkeys/authorize HTTP/1.1\r\nHost: {where.netloc}\r\n"
                       f"Origin: {webapp.url}\r\nCookie: {cookie}\r\n"
                       "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode())
    while sandbox.calls()["registration-authorize"] == before:
        pass
    return connection


def test_it_serves_others_while_one_waits(webapp, stack):
    with waiting_request(webapp, stack.sandbox):
        assert ask(webapp, "GET", "/api/session", None)[0].status == 200


def test_it_ends_while_a_request_waits(webapp, stack):
    with waiting_request(webapp, stack.sandbox) as connection:
        assert webapp.stop() == 0
        assert connection.recv(64)[:12] in (b"", b"HTTP/1.1 503")


def test_who_waits_may_go(webapp, stack):
    waiting_request(webapp, stack.sandbox).close()
    stack.sandbox.set_faults()
    assert ask(webapp, "GET", "/api/session", None)[0].status == 200
    assert webapp.stop() == 0


NEEDED = ["--tenancy-id=t", "--passlock-endpoint=http://localhost:1"]


@pytest.mark.parametrize("arguments", [
    [], NEEDED[:1], NEEDED[1:],
    [*NEEDED, "--listen=localhost:1"], [*NEEDED, "--listen=127.0.0.1"], [*NEEDED, "--listen=127.0.0.1:"],
    [*NEEDED, "--listen=127.0.0.1:65536"], [*NEEDED, "--listen=127.0.0.1:+1"],
    [*NEEDED, "--origin=http://a/"], [*NEEDED, "--origin=a"], [*NEEDED, "--passlock-endpoint=http://a;b"],
    [*NEEDED, "--passlock-endpoint=http://"], [*NEEDED, "--tenancy=A"], [*NEEDED, "extra"],
    [*NEEDED, "--what"],
])
def test_bad_command_lines(arguments):
    done = subprocess.run([binary("passlock-example-webapp"), *arguments],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr and not done.stdout
