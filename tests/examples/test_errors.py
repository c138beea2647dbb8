# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock.py and passlock.php: any input of a browser and any failure of the bus is a PasslockError with a
name."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import threading

import pytest
from jeepney import DBusAddress, HeaderFields, new_method_call

from conftest import ROOT
from harness import Bus, Workspace
from harness.bus import NAME

CALL_SEC = 120

# What can come from a page, as Python and as PHP have it.
ODD = {
    "NUL byte": ("a\0b", r'"a\0b"'),
    "surrogate": ("\ud800", r'"\xed\xa0\x80"'),
    "no UTF-8": (b"\xff", r'"\xff"'),
    "nothing": (None, "null"),
    "number": (7, "7"),
    "fraction": (3.5, "3.5"),
    "truth": (True, "true"),
    "list": (["a"], "['a']"),
    "object": ({"a": "b"}, "['a' => 'b']"),
    "real object": (object(), "new ArrayObject()"),
    "8193 bytes": ("x" * 8193, "str_repeat('x', 8193)"),
    "200 kB": ("x" * 200_000, "str_repeat('x', 200000)"),
    "4097 letters of two bytes": ("é" * 4097, "str_repeat('é', 4097)"),
}
# What the daemon is asked about, and refuses.
STRANGE = {"empty": ("", "''"), "513 bytes": ("x" * 513, "str_repeat('x', 513)"),
           "8192 bytes": ("x" * 8192, "str_repeat('x', 8192)"), "newline": ("a\nb", r'"a\nb"')}


class Python:
    """The Python module. Values are Python objects."""

    index = 0

    def __init__(self):
        specification = importlib.util.spec_from_file_location("passlock", ROOT / "examples/python/passlock.py")
        self.module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.module)

    def error(self, address, method, *args, options=None, timeout_sec=CALL_SEC, tenancy="default"):
        """Returns the name of the PasslockError of a call; any other exception fails the test."""
        before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        try:
            passlock = self.module.Passlock(tenancy, timeout_sec=timeout_sec)
            getattr(passlock, method)(*args, **(options or {}))
        except self.module.PasslockError as error:
            assert str(error).rpartition(": ")[0].endswith(error.name) or error.name in str(error)
            return error.name
        finally:
            if before is None:
                del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
            else:
                os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before
        return "no error"


class Php:
    """The PHP class, in a new process. Values are PHP expressions."""

    index = 1

    def error(self, address, method, *args, options=None, timeout_sec=CALL_SEC, tenancy="'default'"):
        method = "authorizeAuthentication" if method == "authorize_authentication" else method
        values = ", ".join([*args, *(["[" + ", ".join(f"'{k}' => {v}" for k, v in options.items()) + "]"]
                                     if options else [])])
        script = f"""
            require '{ROOT}/examples/php/passlock.php';
            try {{ (new Passlock({tenancy}, {timeout_sec}))->{method}({values}); echo 'no error'; }}
            catch (PasslockError $error) {{
                if (!str_starts_with($error->getMessage(), "$error->name: ")) echo 'bad message ';
                echo $error->name;
            }}"""
        done = subprocess.run(["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", "-r", script],
                              env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}, capture_output=True,
                              text=True, timeout=CALL_SEC, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout


def quote(language, text):
    return text if language.index == 0 else f"'{text}'"


@pytest.fixture(params=[Python, Php], ids=["python", "php"], name="client")
def fixture_client(request):
    return request.param()


NOWHERE = "unix:path=/nowhere/bus"


@pytest.mark.parametrize("odd", ODD)
def test_code_that_is_no_text(client, odd):
    """Refused before sending: there is no bus."""
    value = ODD[odd][client.index]
    assert client.error(NOWHERE, "exchange", value) == "InvalidArgs"


@pytest.mark.parametrize("odd", ODD)
def test_other_arguments_that_are_no_text(client, odd):
    value, good = ODD[odd][client.index], quote(client, "good")
    assert client.error(NOWHERE, "links", value) == "InvalidArgs"
    for args in ((value, good, good), (good, value, good), (good, good, value)):
        assert client.error(NOWHERE, "authorize", *args) == "InvalidArgs"


@pytest.mark.parametrize("odd", [name for name in ODD if name not in ("number", "truth", "list")])
def test_options_that_are_no_text(client, odd):
    value, good = ODD[odd][client.index], quote(client, "good")
    if odd == "object" and client.index == 1:
        pytest.skip("PHP has one sort of array for both")
    assert client.error(NOWHERE, "exchange", good, options={"user_id": value}) == "InvalidArgs"
    assert client.error(NOWHERE, "authorize_authentication", good,
                        options={"allow_credentials": [value] if client.index == 0 else f"[{value}]"}) == "InvalidArgs"


@pytest.mark.parametrize("number", [-1, 2**32])
def test_options_that_are_no_number(client, number):
    good = quote(client, "good")
    value = number if client.index == 0 else str(number)
    assert client.error(NOWHERE, "authorize", good, good, good, options={"timeout_ms": value}) == "InvalidArgs"


@pytest.mark.parametrize("label", ["", "Shop", "a/b", "x" * 33, "shop\n"])
def test_label_that_is_none(client, label):
    assert client.error(NOWHERE, "links", quote(client, "u"),
                        tenancy=label if client.index == 0 else json.dumps(label)) == "InvalidArgs"


@pytest.mark.parametrize("strange", STRANGE)
def test_code_that_the_daemon_refuses(host, client, strange):
    value = STRANGE[strange][client.index]
    assert client.error(host.bus.address, "exchange", value) == "InvalidArgs"


def test_answers_of_the_daemon(host, client):
    good = quote(client, "no-such-code")
    assert client.error(host.bus.address, "exchange", good) == "InvalidCode"
    assert client.error(host.bus.address, "exchange", good, options={"surprise": quote(client, "x")}) == "InvalidArgs"
    assert client.error(host.bus.address, "links", good,
                        tenancy="nowhere" if client.index == 0 else "'nowhere'") in ("UnknownObject", "UnknownMethod")


@pytest.fixture(name="socket_at")
def fixture_socket_at(tmp_path):
    """A listening socket in place of a bus."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "bus"))
        listener.listen(8)
        yield listener, f"unix:path={tmp_path}/bus"


def test_no_bus(client, tmp_path):
    code = quote(client, "code")
    assert client.error(NOWHERE, "exchange", code) == "NoServer"
    assert client.error("nonsense", "exchange", code) == "NoServer"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
        assert client.error(f"unix:path={tmp_path}/dead", "exchange", code) == "NoServer"


def test_bus_that_hangs_up(client, socket_at):
    """The bus closes the connection, also in the retry of the exchange."""
    listener, address = socket_at
    n_accepted = []

    def hang_up():
        with contextlib.suppress(OSError):
            while True:
                accepted = listener.accept()[0]
                n_accepted.append(1)  # before the client notices
                accepted.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    try:
        assert client.error(address, "exchange", quote(client, "code")) == "Disconnected"
        assert len(n_accepted) == 2
        assert client.error(address, "links", quote(client, "user")) == "Disconnected"
        assert len(n_accepted) == 3
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_bus_that_does_not_answer(client, socket_at):
    assert client.error(socket_at[1], "exchange", quote(client, "code"), timeout_sec=0.2) == "Timeout"


@pytest.mark.parametrize("sent, name", [
    (None, "Timeout"), (b"l", "Timeout"), (b"\x0e" * 4096, "InconsistentMessage")], ids=["silent", "drips", "nonsense"])
def test_bus_that_answers_nothing_more(client, socket_at, sent, name):
    """After the authentication, the bus sends nothing, single bytes, or malformed messages."""
    listener, address = socket_at
    over = threading.Event()

    def let_in():
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                if line.lstrip(b"\0").startswith(b"AUTH"):
                    connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                elif line.startswith(b"NEGOTIATE"):
                    connection.sendall(b"AGREE_UNIX_FD\r\n")
                elif line.startswith(b"BEGIN"):
                    break
            while not over.wait(0.05):
                connection.sendall(sent or b"")

    thread = threading.Thread(target=let_in)
    thread.start()
    try:
        assert client.error(address, "links", quote(client, "user"), timeout_sec=0.5) == name
    finally:
        over.set()
        thread.join()


def test_bus_that_refuses_the_user(client, socket_at):
    listener, address = socket_at

    def refuse():
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"REJECTED EXTERNAL\r\n")
            connection.recv(4096)

    thread = threading.Thread(target=refuse)
    thread.start()
    assert client.error(address, "links", quote(client, "user")) == "AuthFailed"
    thread.join()


@pytest.fixture(name="empty_bus")
def fixture_empty_bus():
    """A bus without services, with at most four connections per user."""
    with Workspace() as work:
        services = work / "services"
        services.mkdir()
        bus = Bus(work, servicedir=services)
        text = bus.config.read_text()
        bus.config.write_text(text.replace(
            "</busconfig>", '<limit name="max_connections_per_user">4</limit></busconfig>'))
        bus.services = services
        bus.start()
        yield bus
        bus.stop_well()


def test_no_daemon(client, empty_bus):
    assert client.error(empty_bus.address, "exchange", quote(client, "code")) == "ServiceUnknown"


def test_daemon_that_does_not_start(client, empty_bus):
    (empty_bus.services / "passlock.service").write_text(f"[D-BUS Service]\nName={NAME}\nExec=/bin/false\n")
    with empty_bus.connect() as connection:
        connection.send_and_get_reply(new_method_call(DBusAddress(
            "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"), "ReloadConfig"))
    assert client.error(empty_bus.address, "exchange", quote(client, "code")) == "ChildExited"


def test_too_many_connections(client, empty_bus):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(empty_bus.connect())
        assert client.error(empty_bus.address, "exchange", quote(client, "code")) == "LimitsExceeded"


class InFlight:
    """A call that is in flight at a stopped daemon."""

    def __init__(self, host, client, method, **options):
        self.host = host
        self.monitor = host.bus.connect()
        self.monitor.send_and_get_reply(new_method_call(
            DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus.Monitoring"),
            "BecomeMonitor", "asu", ([f"type='method_call',destination='{NAME}'"], 0)))
        os.kill(host.daemon.pid, signal.SIGSTOP)
        self.ended = []
        self.thread = threading.Thread(target=lambda: self.ended.append(
            client.error(host.bus.address, method, quote(client, "x"), **options)))

    def __enter__(self):
        self.thread.start()
        self.next_call()
        return self

    def next_call(self):
        while self.monitor.receive(timeout=CALL_SEC).header.fields.get(HeaderFields.member) not in (
                "Exchange", "ListByUser"):
            pass

    def end(self):
        self.thread.join()
        return self.ended[0]

    def __exit__(self, *_):
        self.monitor.close()
        self.host.daemon.kill9()
        self.thread.join()
        self.host.daemon.start()


def test_daemon_that_does_not_answer(host, client):
    with InFlight(host, client, "links", timeout_sec=0.5) as call:
        assert call.end() == "Timeout"


def test_daemon_that_goes(host, client):
    with InFlight(host, client, "links") as call:
        host.daemon.kill9()
        assert call.end() == "NoReply"


def test_daemon_that_goes_in_an_exchange(host, client):
    """The exchange is retried, but the daemon is not running."""
    with InFlight(host, client, "exchange") as call:
        host.daemon.kill9()
        call.next_call()
        assert call.end() == "ServiceUnknown"


def test_bus_that_goes(client):
    with Workspace() as work:
        bus = Bus(work)
        bus.start()
        with bus.connect() as owner:
            owner.send_and_get_reply(new_method_call(DBusAddress(
                "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"),
                "RequestName", "su", (NAME, 0)))
            ended = []
            thread = threading.Thread(target=lambda: ended.append(
                client.error(bus.address, "links", quote(client, "x"))))
            thread.start()
            while owner.receive(timeout=CALL_SEC).header.fields.get(HeaderFields.member) != "ListByUser":
                pass
            bus.kill9()
            thread.join()
        assert ended == ["Disconnected"]


def test_answers_of_every_shape(client):
    """D-Bus unmarshalling in PHP; jeepney has its own tests."""
    if client.index == 0:
        pytest.skip("that is jeepney's")
    script = f"""
        require '{ROOT}/examples/php/passlock.php';
        $bytes = hex2bin($argv[1]);
        echo json_encode((new PasslockReader($bytes, 0, 'l'))->values($argv[2]));"""
    for signature, values in (("s", ("é",)), ("yut", (7, 8, 2**40)), ("as", (["a", "bcd", ""],)), ("aas", ([["a"], []],)),
                              ("a{sv}", ({"b": ("b", True), "t": ("t", 2**50), "as": ("as", ["x"])},)),
                              ("aa{sv}s", ([{"a": ("s", "1")}, {}], "end")), ("(sa(yv))", (("x", [(1, ("s", "y"))]),)),
                              ("a(sss)u", ([("a", "b", "c")] * 3, 5)), ("b", (False,)), ("o", ("/a/b",))):
        body = new_method_call(DBusAddress("/x", "a.b", "a.b"), "X", signature, values)
        raw = body.serialise(serial=1)
        raw = raw[len(raw) - int.from_bytes(raw[4:8], "little"):]
        done = subprocess.run(["php", "-r", script, raw.hex(), signature], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == json.loads(json.dumps(plain(list(values), signature))), signature


def plain(value, signature=""):
    """Removes variant types; an empty dictionary is an empty list in PHP."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, (_, inner) in value.items()} or []
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, tuple):
        return [plain(value[0]), plain(value[1][1])] if len(value) == 2 and isinstance(value[1], tuple) else [
            plain(each) for each in value]
    return value
