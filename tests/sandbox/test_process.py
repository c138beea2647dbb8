# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line, the state file, the clock, and TLS."""

import json
import resource
import signal
import stat
import subprocess
import time
from email.utils import parsedate_to_datetime

import pytest

from authenticator import Credential, register
from conftest import BINARY, KEYS, ORIGIN
from shapes import PASSKEY, mismatch


def run(*args):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=60)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("sk_key")
    return path


@pytest.fixture
def tenancy(key_file):
    return ["--tenancy=T1", f"--api-key-file={key_file}"]


def test_help_and_version():
    for option, text in (("--help", "--clock-offset=SEC"), ("--version", "passlock-sandbox ")):
        done = run(option)
        assert done.returncode == 0 and text in done.stdout and not done.stderr


@pytest.mark.parametrize("args, about", [
    ([], "--tenancy"),
    (["--tenancy=T1"], "--api-key-file"),
    (["--tenancy=T/1"], "--tenancy=T/1"),
    (["--tenancy=T1", "--tenancy=T1"], "Duplicate"),
    (["--unknown"], "unknown"),
    (["argument"], "argument"),
    (["--tenancy=T1", "--api-key-file=x", "--state=x", "--populate=1"], "--populate"),
])
def test_usage_errors(args, about):
    done = run(*args)
    assert done.returncode == 2 and about in done.stderr and not done.stdout


@pytest.mark.parametrize("option", [
    "--fault=hung", "--fault=", "--fault=status", "--clock-offset=", "--clock-offset=1h", "--clock-offset=99999999999",
    "--listen=127.0.0.1", "--listen=127.0.0.1:", "--listen=127.0.0.1:65536", "--listen=::1:0", "--listen=[127.0.0.1]:0",
    "--populate=", "--populate=0", "--populate=x", "--populate=1:", "--populate=1:0", "--populate=2:3", "--populate=-1",
    "--populate=1000001", "--populate=1:2:3", "--challenge-limit=", "--challenge-limit=-1", "--challenge-limit=1:0",
    "--challenge-limit=1:1000001", "--ignore-counters=1",
    "--listen=localhost:0", "--listen=0.0.0.0:0", "--listen=[::]:0", "--listen=:0", "--tls-cert=x", "--tls-key=x",
])
def test_bad_options(tenancy, option):
    done = run(*tenancy, option)
    assert done.returncode == 2 and "passlock-sandbox: " in done.stderr and not done.stdout


@pytest.mark.parametrize("text", ["", "\n", "two words", "two\nlines", "x" * 513, "k\0ey", "k\u00e9y"])
def test_bad_keys(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    done = run("--tenancy=T1", f"--api-key-file={path}")
    assert done.returncode == 1 and str(path) in done.stderr


def test_missing_files(tmp_path, tenancy):
    missing = tmp_path / "missing" / "file"
    for args in (["--tenancy=T1", f"--api-key-file={missing}"], [*tenancy, f"--state={missing}"],
                 [*tenancy, f"--tls-cert={missing}", f"--tls-key={missing}"]):
        done = run(*args)
        assert done.returncode == 1 and str(missing) in done.stderr and not done.stdout


def test_port_in_use(start, tenancy):
    port = start().url.rpartition(":")[2]
    done = run(*tenancy, f"--listen=127.0.0.1:{port}")
    assert done.returncode == 1 and "in use" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(start, number):
    sandbox = start()
    assert sandbox.calls()
    assert sandbox.stop(number) == 0


def test_ipv6(start):
    sandbox = start(listen="[::1]:0")
    assert sandbox.url.startswith("http://[::1]:")
    code = sandbox.register()["code"]
    assert sandbox.backend("GET", f"principal/{code}").json["metadata"]["ipAddress"] == "::1"


def test_allow_remote(start):
    assert start("--allow-remote", listen="0.0.0.0:0").url.startswith("http://0.0.0.0:")


def test_state_survives(start, tmp_path):
    state = tmp_path / "state.json"
    before = start(f"--state={state}")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    keys = before.request("GET", "/v2/.well-known/jwks.json").body
    used, unused = before.register(user_id="one"), before.register(user_id="two")
    principal = before.backend("GET", f"principal/{used['code']}").json
    passkeys = before.backend("GET", "passkeys/").body
    token = before.authorize()
    session, options = before.options()
    before.process.kill()  # the state is saved before each reply
    before.process.wait()
    text = state.read_text()
    for secret in (KEYS["T1"], unused["code"], token, session):
        assert secret not in text

    after = start(f"--state={state}")
    assert after.request("GET", "/v2/.well-known/jwks.json").body == keys
    assert after.backend("GET", "passkeys/").body == passkeys
    assert after.backend("GET", f"principal/{used['code']}").tag == "@error/InvalidCode"
    assert after.backend("GET", f"principal/{unused['code']}").json["userId"] == "two"
    assert after.page("options", {"registrationToken": token}).status == 200
    assert after.verify(session, register(options, ORIGIN)).status == 200
    assert after.options()[1]["user"]["id"] == options["user"]["id"]
    assert principal["userId"] == "one"
    assert [path.name for path in tmp_path.iterdir() if "state" in path.name] == ["state.json"]


def test_memory_does_not_survive(start):
    first = start()
    first.register()
    keys = first.request("GET", "/v2/.well-known/jwks.json").body
    first.stop()
    second = start()
    assert second.backend("GET", "passkeys/").json["records"] == []
    assert second.request("GET", "/v2/.well-known/jwks.json").body != keys


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"version": 2}'])
def test_corrupt_state(tmp_path, tenancy, text):
    state = tmp_path / "state.json"
    state.write_text(text)
    done = run(*tenancy, f"--state={state}")
    assert done.returncode == 1 and "corrupt" in done.stderr and str(state) in done.stderr and not done.stdout
    assert state.read_text() == text


def test_damaged_state(start, tmp_path, tenancy):
    state = tmp_path / "state.json"
    sandbox = start(f"--state={state}")
    sandbox.register()
    sandbox.stop()
    whole = json.loads(state.read_text())
    for damage in (lambda s: s["tenancies"]["T1"]["passkeys"][0].pop("userId"),
                   lambda s: s["signingKey"].pop("n"),
                   lambda s: s.update(handleSecret="short")):
        damaged = json.loads(json.dumps(whole))
        damage(damaged)
        state.write_text(json.dumps(damaged))
        done = run(*tenancy, f"--state={state}")
        assert done.returncode == 1 and "corrupt" in done.stderr


def test_state_that_cannot_be_written(start, tmp_path):
    directory = tmp_path / "gone"
    directory.mkdir()
    sandbox = start(f"--state={directory}/state.json")
    token = sandbox.authorize()
    (directory / "state.json").unlink()
    directory.rmdir()
    answer = sandbox.page("options", {"registrationToken": token})
    assert (answer.status, answer.tag) == (500, "@error/InternalServerError")
    directory.mkdir()
    assert sandbox.authorize()


def test_clock_offset(start, tmp_path):
    state = f"--state={tmp_path}/state.json"
    now = start(state)
    token, kept = now.authorize(), now.authorize()
    session, options = now.options()
    late_session, late_options = now.options(timeout=600000)
    code, kept_code = now.register()["code"], now.register()["code"]
    now.stop()

    soon = start(state, "--clock-offset=200")
    assert soon.page("options", {"registrationToken": kept}).status == 200
    assert soon.backend("GET", f"principal/{kept_code}").status == 200
    soon.stop()

    later = start(state, "--clock-offset=301")
    before = time.time() * 1000 + 301000
    refused = later.page("options", {"registrationToken": token})
    assert refused.tag == "@error/BadRequest"
    (date,) = refused.headers.get_all("Date")
    assert before - 1000 <= parsedate_to_datetime(date).timestamp() * 1000 <= time.time() * 1000 + 301000
    assert later.verify(session, register(options, ORIGIN)).tag == "@error/BadRequest"
    assert later.backend("GET", f"principal/{code}").tag == "@error/InvalidCode"
    # A session lasts for the timeout of the ceremony and a minute.
    assert later.verify(late_session, register(late_options, ORIGIN)).status == 200
    page = later.register()
    principal = later.backend("GET", f"principal/{page['code']}").json
    assert before - 1000 <= principal["createdAt"] <= before + 60000
    passkey = later.backend("GET", f"passkeys/{page['principal']['authenticatorId']}").json
    assert before - 1000 <= passkey["createdAt"] <= before + 60000


def test_negative_clock_offset(start):
    sandbox = start("--clock-offset=-86400")
    page = sandbox.register()
    principal = sandbox.backend("GET", f"principal/{page['code']}").json
    assert principal["expiresAt"] < time.time() * 1000 - 80000000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", directory / "key.pem", "-out", directory / "cert.pem", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    return directory


def test_tls(start, certificate):
    sandbox = start(f"--tls-cert={certificate}/cert.pem", f"--tls-key={certificate}/key.pem",
                    "--fault=cut@jwks", "--fault=delay=100@passkey-list")
    sandbox.context = certificate / "cert.pem"
    assert sandbox.url.startswith("https://127.0.0.1:")
    page = sandbox.register(Credential())
    assert sandbox.backend("GET", f"principal/{page['code']}").json["userId"] == "user-42"
    assert len(sandbox.backend("GET", "passkeys/").json["records"]) == 1
    with pytest.raises(Exception):
        sandbox.request("GET", "/v2/.well-known/jwks.json")


def test_bad_tls(tenancy, certificate, key_file):
    done = run(*tenancy, f"--tls-cert={certificate}/cert.pem", f"--tls-key={key_file}")
    assert done.returncode == 1 and "cert.pem" in done.stderr and not done.stdout


def list_passkeys(sandbox):
    """Yields all rows, on one connection."""
    connection = sandbox.connect()
    cursor = ""
    while cursor is not None:
        connection.request("GET", f"/v2/T1/passkeys/{cursor and f'?cursor={cursor}'}",
                           headers={"Authorization": f"Bearer {KEYS['T1']}"})
        page = json.loads(connection.getresponse().read())
        yield from page["records"]
        cursor = page["cursor"]
    connection.close()


def test_populate(start):
    sandbox = start("--populate=100000:30000", tenancies=("T1",))
    rows = list(list_passkeys(sandbox))
    assert [row["id"] for row in rows] == [f"pk_{n:08}_syntheticpasskey" for n in range(1, 100001)]
    assert [row["userId"] for row in rows] == [f"user_{n % 30000 + 1:08}" for n in range(100000)]
    assert len({row["credential"]["id"] for row in rows}) == 100000
    assert len({row["credential"]["userId"] for row in rows}) == 30000
    passkey = sandbox.passkey(rows[0]["id"])
    assert not mismatch(passkey, PASSKEY)
    assert passkey["credential"]["username"] == passkey["userId"] == "user_00000001"
    # Synthetic passkeys behave like other passkeys.
    options = sandbox.sign_in_options(userId="user_00000001")[1]
    assert [item["id"] for item in options["allowCredentials"]] == [rows[n]["credential"]["id"]
                                                                   for n in (0, 30000, 60000, 90000)]
    deleted = sandbox.backend("POST", "passkeys/delete", {"userId": "user_00000001"})
    assert deleted.json["warnings"] == []
    new = sandbox.device("user_00000002")
    assert new.handle == rows[1]["credential"]["userId"]
    after = [row["id"] for row in list_passkeys(sandbox)]
    assert after == [row["id"] for row in rows if row["userId"] != "user_00000001"] + [new.id]


def test_populate_without_users(start):
    sandbox = start("--populate=3")
    assert [row["userId"] for row in sandbox.backend("GET", "passkeys/").json["records"]] == [
        "user_00000001", "user_00000002", "user_00000003"]
    assert len(sandbox.backend("GET", "passkeys/", tenancy="T2").json["records"]) == 3


def test_a_thousand_connections(start):
    """Keep-alive connections, more than the initial RLIMIT_NOFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = 1500
    if hard != resource.RLIM_INFINITY and hard < 2 * count:
        pytest.skip(f"no more than {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        sandbox = start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        connections = [sandbox.connect() for _ in range(count)]
        for _ in range(2):
            for connection in connections:
                connection.request("GET", "/v2/.well-known/jwks.json")
            for connection in connections:
                response = connection.getresponse()
                assert response.status == 200 and response.read() and connection.sock
        for connection in connections:
            connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
