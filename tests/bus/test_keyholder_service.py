# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key holder as a service of its own, to whose socket the daemon connects."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.build import binary
from harness.keyholder import KeyHolder

from .client import BusError, plain
from .stack import RP_ID, eventually, is_ended, new_user, raises, within
from .test_keyholder import PRINCIPAL, Api, findings, use
from .test_moved import is_in_memory

NOBODY = 65534


@pytest.fixture
def api():
    with Api() as api:
        yield api


@pytest.fixture(name="stack")
def fixture_stack(own_stack, api):
    """A stack whose daemon has not started, with a key holder that has not started either."""
    use(own_stack, api)
    own_stack.prepare()
    holder = KeyHolder(own_stack.work, own_stack.daemon)
    own_stack.daemon.options = (*own_stack.daemon.options, f"--key-holder={holder.path}")
    own_stack.holder = holder
    yield own_stack
    holder.stop_well()


@pytest.fixture(name="running")
def fixture_running(stack):
    stack.holder.start()
    stack.daemon.start()
    return stack


def rotate(stack, key: str):
    """What a restart of the service does."""
    stack.daemon.set_keys({"passlock.default": key})
    stack.holder.tell_to_stop()
    assert stack.holder.wait_end() == 0
    stack.holder.start()


def test_calls(running, api):
    with running.connect() as connection:
        assert connection.state() == "ready"
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
        api.reply = PRINCIPAL
        assert plain(connection.exchange("code"))["user_id"] == "ada"
    assert running.daemon.keyholders() == [], "it has no child"
    assert Path(f"/proc/{running.holder.pid}/status").read_text().count("NoNewPrivs:\t1") == 1


@pytest.mark.root
def test_memory(running):
    with running.connect() as connection:
        connection.authorize(RP_ID, new_user())
    key = running.daemon.credentials.joinpath("passlock.default").read_bytes()
    assert is_in_memory(running.holder.pid, key)
    assert not is_in_memory(running.daemon.pid, key)


# It is told to stop

def test_rotation(running, api):
    """The old key holder replies to the exchanges that it has, the new one sends those that come."""
    pid = running.daemon.pid
    api.reply = PRINCIPAL
    api.keeps = True
    with running.connect() as connection:
        old = [connection.start_exchange(f"old-{i}") for i in range(5)]
        eventually(lambda: len(api.kept) == 5)
        running.daemon.set_keys({"passlock.default": "another-key"})
        running.holder.tell_to_stop()
        eventually(lambda: "Stopping, 5 requests in flight" in running.holder.log_text())
        new = [connection.start_exchange(f"new-{i}") for i in range(5)]
        assert running.holder.running, "it waits for the exchanges"
        api.let_go()
        for call in old:
            assert plain(connection.finish(call)[0])["user_id"] == "ada"
        assert running.holder.wait_end() == 0
        running.holder.start()
        for call in new:
            assert plain(connection.finish(call)[0])["user_id"] == "ada"
        assert connection.state() == "ready"
    keys = {request.path.rpartition("/")[2]: request.headers["Authorization"] for request in api.requests}
    assert len(api.requests) == 10, "each exchange was sent once"
    assert {keys[f"new-{i}"] for i in range(5)} == {"Bearer another-key"}
    assert len({keys[f"old-{i}"] for i in range(5)}) == 1
    assert "Bearer another-key" not in {keys[f"old-{i}"] for i in range(5)}
    assert running.daemon.pid == pid
    assert "API key replaced" in running.daemon.log_text()
    assert "The key holder has stopped" in running.daemon.log_text()


def test_rotation_while_the_api_hangs(running, api):
    """What may be repeated does not hold up the next key holder."""
    api.keeps = True
    with running.connect() as connection:
        calls = [connection.start_authorize(RP_ID, new_user()) for _ in range(5)]
        eventually(lambda: len(api.kept) == 5)
        api.keeps = False
        with within(5):
            rotate(running, "another-key")
            for call in calls:
                assert connection.finish(call)[0] == "rt"
        api.let_go()


def test_rotations_under_load(running, api):
    """No call fails."""
    api.reply = PRINCIPAL
    end = threading.Event()
    failures, n_calls = [], [0, 0]

    def exchange(n: int):
        with running.connect() as connection:
            while not end.is_set():
                try:
                    connection.exchange(f"{n}-{n_calls[n]}")
                    n_calls[n] += 1
                except BusError as error:
                    failures.append(str(error))

    threads = [threading.Thread(target=exchange, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(10):
            before = sum(n_calls)
            rotate(running, f"key-{i}")
            eventually(lambda before=before: sum(n_calls) > before + 2 or failures)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len({request.path for request in api.requests}) == len(api.requests), "each was sent once"


def test_it_stops_with_the_daemon(running):
    """The keys are in memory only while the daemon is connected; the next connection reads them."""
    running.daemon.stop_well()
    assert running.holder.wait_end() == 0
    running.daemon.set_keys({"passlock.default": "another-key"})
    running.holder.start()
    running.daemon.start()
    with running.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"


def test_stop_without_a_daemon(stack):
    stack.holder.start()
    assert stack.holder.stop() == 0


# It dies, hangs or is missing

def test_killed_with_calls_in_flight(running, api):
    api.keeps = True
    with running.connect() as connection:
        tokens = [connection.start_authorize(RP_ID, new_user()) for _ in range(5)]
        once = [connection.start_exchange(f"code-{i}") for i in range(5)]
        eventually(lambda: len(api.kept) == 10)
        api.keeps = False
        with within(5):
            running.holder.kill9()
            for call in once:
                assert connection.outcome(call) == ("error", "Unreachable")
            running.holder.start()
            for call in tokens:
                assert connection.finish(call)[0] == "rt"
        api.let_go()
        eventually(lambda: connection.state() == "ready")


def test_hanging(running, api):
    """systemd kills a service that hangs."""
    running.sections["Tenancy default"]["TimeoutSec"] = "60"
    running.apply()
    os.kill(running.holder.pid, signal.SIGSTOP)
    with running.connect() as connection:
        call = connection.start_authorize(RP_ID, new_user())
        connection.links("Add", "ada", "pk-1")
        assert connection.links("GetUser", "pk-1") == ("ada",)
        running.holder.kill9()
        running.holder.start()
        assert connection.finish(call)[0] == "rt"
    assert api.requests


def test_no_socket(stack, api):
    """The daemon serves links, and connects when there is a socket."""
    stack.holder.unlisten()
    with within(10):
        stack.daemon.start()
    with stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        assert connection.links("GetUser", "pk-1") == ("ada",)
        assert connection.state() == "degraded"
        with within(1), raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        if stack.is_root:
            (finding,) = findings(stack)
            assert finding["kind"] == "key-holder"
            assert "passlock-keyholder.socket" in finding["advice"]
        stack.holder.listen()
        stack.holder.start()
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.requests


def test_nobody_accepts(stack, api):
    """As when the service fails to start: the socket is there."""
    stack.daemon.start()
    with stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        eventually(lambda: "The key holder does not respond" in stack.daemon.log_text())
        for _ in range(3):
            with within(1), raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
        assert connection.links("GetUser", "pk-1") == ("ada",)
        assert connection.state() == "degraded"
        stack.holder.start()
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.requests


def test_reload_before_it_starts(stack, api):
    """The key holder finds HELLO and RELOAD in its socket."""
    stack.daemon.start()
    stack.apply()
    stack.holder.start()
    with stack.connect() as connection:
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.requests


# Other peers

CONNECT = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
print(peer.recv(1) or "closed")
"""


@pytest.mark.root
def test_other_user(stack, api):
    """Only the daemon's user is served, even if the permissions of the socket allow others."""
    stack.holder.path.chmod(0o666)
    stack.holder.path.parent.chmod(0o711)
    stack.holder.start()
    said = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable,
                           "-c", CONNECT, str(stack.holder.path)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    assert said == "closed\n"
    stack.daemon.start()
    with stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert "Refused a connection: its peer is not the daemon's user" in stack.holder.log_text()


def test_garbage(stack):
    """A violation of the protocol ends the key holder, which systemd starts again."""
    stack.holder.start()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(stack.holder.path))
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(64))
        assert stack.holder.wait_end() == 1
    stack.holder.start()
    stack.daemon.start()
    with stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"


# A compromised key holder

HEADER = struct.Struct("<IHHQ4I")
STATE, LOADED, STOPPING = 65, 66, 70


def message(kind: int, fixed: bytes = b"", texts: tuple[bytes, ...] = ()) -> bytes:
    lengths = [len(text) for text in texts] + [0] * (4 - len(texts))
    return HEADER.pack(0x504b4833, kind, 0, 0, *lengths) + fixed + b"".join(text + b"\0" for text in texts)


def loaded() -> bytes:
    return message(LOADED, struct.pack("<iI", 0, 0), (b"",))


def state(label: bytes, tenancy_id: bytes, endpoint: bytes, key: int) -> bytes:
    return message(STATE, struct.pack("<QQII", 7, key, 0, 0), (label, tenancy_id, endpoint, b""))


@pytest.fixture(name="hostile")
def fixture_hostile(stack):
    """A connection of the daemon to a key holder that the test plays."""
    accepted = []

    def accept():
        accepted.append(stack.holder.listener.accept()[0])
        accepted[0].sendall(loaded())

    thread = threading.Thread(target=accept)
    thread.start()
    stack.daemon.start()
    thread.join()
    with accepted[0]:
        yield accepted[0]


def is_closed(connection) -> bool:
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("sent", [loaded(), message(STOPPING) * 2,
                                  b"".join(state(b"%d" % i, b"t", b"https://x", 1) for i in range(5000))],
                         ids=["loaded twice", "stopping twice", "many states"])
def test_hostile_key_holder_is_left(stack, hostile, sent):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        hostile.sendall(sent)
    assert is_closed(hostile)
    with stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        assert connection.links("GetUser", "pk-1") == ("ada",)


def test_hostile_key_holder_does_not_flood_the_journal(stack, hostile):
    """Its states are reported together."""
    tenancy = stack.sections["Tenancy default"]
    texts = (b"default", tenancy["TenancyId"].encode(), tenancy["Endpoint"].encode())
    hostile.sendall(b"".join(state(*texts, 1 + i % 2) for i in range(20000)))
    with stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        with within(10):
            assert connection.links("GetUser", "pk-1") == ("ada",)
    assert stack.daemon.log_text().count("API key") < 1000


@pytest.mark.parametrize("arguments,text", [
    ((), "No socket: systemd starts this program"),
    (("--user=nobody-of-this-name", ), "No socket"),
    (("--connection=2",), "Invalid file descriptor: 2"),
    (("--connection=x",), "Invalid file descriptor: x"),
    (("extra",), "Unexpected argument: extra"),
    (("--log-level=loud",), "Invalid log level: loud")])
def test_arguments(arguments, text):
    done = subprocess.run([binary("passlock-keyholder"), *arguments], check=False, text=True,
                          capture_output=True, env={})
    assert done.returncode != 0
    assert text in done.stderr
