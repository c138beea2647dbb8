# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl set-key, with stand-ins for systemd and the API."""

import base64
import json
import os
import signal
import socket
import subprocess
import termios

import pytest

from tests.client.api import KEY, Api
from tests.client.host import PASSLOCKCTL, Terminal

# They note how they were called, and what they could have leaked.
SYSTEMD_CREDS = """
echo "systemd-creds $*" >>"$PROGRAM_LOG"
env >>"$PROGRAM_LOG"
[ -z "$SEALING_FAILS" ] || { echo half; exit 3; }
printf sealed: && base64 -w0
"""
SYSTEMCTL = """
echo "systemctl $*" >>"$PROGRAM_LOG"
case $1 in
is-active) [ -n "$UNIT_IS_ACTIVE" ] ;;
try-restart) exit "${RESTART_STATUS:-0}" ;;
cat) printf "$UNIT_FILES" ;;
esac
"""
SEALED = "sealed:" + base64.b64encode(KEY.encode()).decode()


class Keys:
    """A host whose service has an API to ask, and a place for credentials."""

    def __init__(self, host, api):
        self.host = host
        self.api = api
        self.store = host.directory / "store"
        self.options = ["--store-dir", str(self.store)]
        host.fake_programs(systemd_creds=SYSTEMD_CREDS, systemctl=SYSTEMCTL)
        host.environment["PROGRAM_LOG"] = str(host.directory / "programs.log")

    def start(self, *options):
        self.host.start_service(f"endpoint={self.api.endpoint}", *(options or ["reloads"]))

    def set(self, *arguments, key=f"{KEY}\n", **environment):
        done = self.host.run("set-key", "-", *self.options, *arguments, stdin=key, **environment)
        assert KEY not in done.stdout + done.stderr
        return done

    def expect_refused(self, *arguments, status, text, **environment):
        done = self.set(*arguments, **environment)
        assert (done.returncode, done.stdout) == (status, "")
        assert text in done.stderr
        assert "Reload" not in self.host.log()
        assert self.stored() == {}

    def stored(self):
        if not self.store.exists():
            return {}
        return {file.name: file.read_text() for file in self.store.iterdir()}

    def program_log(self):
        log = self.host.directory / "programs.log"
        return log.read_text() if log.exists() else ""


@pytest.fixture(name="keys")
def fixture_keys(bare_host, api):
    keys = Keys(bare_host, api)
    yield keys
    assert KEY not in keys.program_log()
    assert not any(KEY in line for line in bare_host.log())


def test_sealed_and_reloaded(keys):
    keys.start()
    done = keys.set()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{keys.api.endpoint} takes the key for tenancy tenancy-1.\n"
        f"It is stored sealed as {keys.store}/passlock.default.\n"
        "The daemon, which systemd does not run, was told to read its credentials again.\n"
        "The tenancy is now ready.\n")
    assert keys.stored() == {"passlock.default": SEALED}
    assert (keys.store / "passlock.default").stat().st_mode & 0o777 == 0o600
    assert keys.store.stat().st_mode & 0o777 == 0o700
    assert "systemd-creds encrypt --name=passlock.default - -\n" in keys.program_log()
    assert keys.api.requests == [("/v2/tenancy-1/passkeys/", f"Bearer {KEY}")]
    assert "Reload" in keys.host.log()


@pytest.mark.parametrize("setting", [
    "LoadCredentialEncrypted=passlock.default",
    "LoadCredentialEncrypted=passlock.default:passlock.default",
    "LoadCredentialEncrypted=passlock.default:{store}/passlock.default",
])
def test_restarted(keys, setting):
    keys.start()
    setting = setting.format(store=keys.store)
    done = keys.set(UNIT_IS_ACTIVE="yes", UNIT_FILES=f"[Service]\\n{setting}\\nUser=x\\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "passlockd.service was restarted to get it" in done.stdout
    assert keys.program_log().endswith("systemctl is-active --quiet passlockd.service\n"
                                       "systemctl daemon-reload\n"
                                       "systemctl try-restart passlockd.service\n"
                                       "systemctl cat passlockd.service\n")
    assert "Reload" not in keys.host.log()


def test_plain(keys):
    keys.start()
    done = keys.set("--plain", "--credential=my.key", "--json")
    assert json.loads(done.stdout) == {"credential": f"{keys.store}/my.key", "sealed": False,
                                       "activated": "reload", "state": "ready"}
    assert keys.stored() == {"my.key": KEY}
    assert (keys.store / "my.key").stat().st_mode & 0o777 == 0o600
    assert "systemd-creds" not in keys.program_log()


def test_another_name(keys):
    keys.start()
    assert ("It is used if passlockd.conf has ApiKeyCredential=my.key.\n"
            in keys.set("--credential=my.key").stdout)


def test_another_tenancy(keys):
    keys.start()
    assert keys.set("--tenancy=other").returncode == 0
    assert keys.stored() == {"passlock.other": SEALED}


def test_replaced(keys):
    keys.start()
    keys.store.mkdir()
    (keys.store / "passlock.default").write_text("old")
    assert keys.set(key=KEY).returncode == 0
    assert keys.stored() == {"passlock.default": SEALED}


@pytest.mark.parametrize("status,key,exit_status,text", [
    (200, "wrong\n", 3, "does not take this key for tenancy tenancy-1; nothing was changed"),
    (401, f"{KEY}\n", 3, "does not take this key"),
    (500, f"{KEY}\n", 5, "answered with HTTP status 500; nothing was changed"),
    (302, f"{KEY}\n", 5, "answered with HTTP status 302; nothing was changed"),
])
def test_not_taken(keys, status, key, exit_status, text):
    keys.start()
    keys.api.status = status
    keys.expect_refused(key=key, status=exit_status, text=text)
    assert len(keys.api.requests) == 1


def test_old_key_stays(keys):
    keys.start()
    keys.store.mkdir()
    (keys.store / "passlock.default").write_text("old")
    assert keys.set(key="wrong\n").returncode == 3
    assert keys.set(SEALING_FAILS="yes").returncode == 1
    assert keys.stored() == {"passlock.default": "old"}


@pytest.mark.parametrize("key,text", [
    ("", "no key"), ("\n", "no key"), ("two words\n", "this is no key"),
    ("escape\x1b\n", "this is no key"), ("umlaut\u00fc\n", "this is no key"),
    ("x" * 4097, "too long"), ("line\r\n", "this is no key"),
])
def test_no_key(keys, key, text):
    keys.start()
    keys.expect_refused(key=key, status=2, text=text)
    assert keys.api.requests == []


def test_longest_key(keys):
    keys.start()
    keys.expect_refused(key="x" * 4096, status=3, text="does not take this key")
    assert keys.api.requests[0][1] == "Bearer " + "x" * 4096


def test_key_is_no_argument(keys):
    keys.start()
    done = keys.host.run("set-key", KEY, *keys.options)
    assert done.returncode == 2
    assert KEY not in done.stderr
    assert "no terminal to ask on" in keys.host.run("set-key", *keys.options).stderr


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", ".hidden", "-x", "a b", "x" * 201])
def test_no_name(keys, name):
    keys.start()
    keys.expect_refused(f"--credential={name}", status=2, text="not the name of a credential")


def test_sealing_fails(keys):
    keys.start()
    keys.expect_refused(status=1, text="could not seal the key (exit status 3)",
                        SEALING_FAILS="yes")


def test_no_systemd_creds(keys):
    keys.start()
    (keys.host.directory / "programs" / "systemd-creds").unlink()
    programs = keys.host.directory / "programs"
    keys.expect_refused(status=1, text="there is no systemd-creds", PATH=str(programs))


def test_no_place(keys):
    keys.start()
    keys.options = ["--store-dir", "/proc/none"]
    keys.expect_refused(status=1, text="cannot write /proc/none/passlock.default: ")


def test_restart_fails(keys):
    keys.start()
    done = keys.set(UNIT_IS_ACTIVE="yes", RESTART_STATUS="1")
    assert done.returncode == 1
    assert "the key is stored, but passlockd.service could not be restarted" in done.stderr
    assert keys.stored() == {"passlock.default": SEALED}


def test_reload_fails(keys):
    keys.start("links=1")
    done = keys.set()
    assert done.returncode == 3
    assert done.stderr == ("passlockctl: the key is stored, but the daemon did not take it:\n"
                           "passlockctl: passlockd.conf:3: no\n")


@pytest.mark.parametrize("unit", [{}, {"UNIT_IS_ACTIVE": "yes",
                                       "UNIT_FILES": "LoadCredentialEncrypted=passlock.default"}])
def test_daemon_has_no_key_still(keys, unit):
    keys.start("reloads", "state=unconfigured")
    done = keys.set(**unit)
    assert done.returncode == 1
    assert done.stdout.endswith("The tenancy is now unconfigured.\n")
    assert "it does not find the credential passlock.default, or passlockd.conf" in done.stderr


# The daemon goes on with the key that it has had.
@pytest.mark.parametrize("options,loaded,setting", [
    ([], "", "LoadCredentialEncrypted"),
    ([], "LoadCredential=passlock.default", "LoadCredentialEncrypted"),
    ([], "LoadCredentialEncrypted=passlock.default:/else", "LoadCredentialEncrypted"),
    ([], "LoadCredentialEncrypted=passlock.default2", "LoadCredentialEncrypted"),
    ([], "#LoadCredentialEncrypted=passlock.default", "LoadCredentialEncrypted"),
    (["--plain"], "LoadCredentialEncrypted=passlock.default", "LoadCredential"),
])
def test_unit_does_not_load_it(keys, options, loaded, setting):
    keys.start()
    done = keys.set(*options, UNIT_IS_ACTIVE="yes", UNIT_FILES=f"[Service]\\n{loaded}\\n")
    assert done.returncode == 1
    assert done.stdout.endswith("The tenancy is now ready.\n")
    assert f"needs a drop-in with {setting}=passlock.default\n" in done.stderr


def test_nobody_there(keys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        keys.api.endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        keys.start()
        keys.expect_refused(status=5, text="the key cannot be tried at http://127.0.0.1:")


def test_no_daemon(keys):
    keys.expect_refused(status=1, text="The service is not running")


def test_tls(bare_host, tls_api, certificate):
    keys = Keys(bare_host, tls_api)
    keys.start()
    keys.expect_refused(status=5, text="certificate")
    keys.expect_refused("--ca-file=/nowhere", status=1, text="its CA file cannot be read")
    assert tls_api.requests == []
    assert keys.set(f"--ca-file={certificate}.crt").returncode == 0
    assert tls_api.requests == [("/v2/tenancy-1/passkeys/", f"Bearer {KEY}")]


def test_ca_of_the_daemon(bare_host, tls_api, certificate):
    """What the daemon trusts is trusted without being named again."""
    keys = Keys(bare_host, tls_api)
    keys.start(f"ca-file={certificate}.crt", "reloads")
    assert keys.set().returncode == 0
    assert tls_api.requests == [("/v2/tenancy-1/passkeys/", f"Bearer {KEY}")]


def outer_address():
    """An address of this host that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


@pytest.mark.skipif(outer_address() is None, reason="only a loopback interface")
def test_plain_http_stays_on_this_host(bare_host):
    with Api(address=outer_address()) as api:
        keys = Keys(bare_host, api)
        keys.start()
        keys.expect_refused(status=5, text="the key cannot be tried")
        assert api.requests == []


def test_not_root(keys):
    nobody = {"user": "nobody"} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run([PASSLOCKCTL, "set-key", "-"], input=KEY, text=True, check=False,
                              capture_output=True, env=keys.host.environment, **nobody)
    except PermissionError:
        pytest.skip("the build directory is root's")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "passlockctl: only root can set a key\n"


def test_terminal(keys):
    keys.start()
    with Terminal(keys.host, "set-key", *keys.options) as terminal:
        terminal.read_until("API key: ")
        assert not termios.tcgetattr(terminal.terminal)[3] & termios.ECHO
        terminal.write(f"{KEY}\n")
        status, output, seen = terminal.finish()
        assert status == 0
        assert output.endswith("The tenancy is now ready.\n")
        assert seen == "API key: \n"
        assert termios.tcgetattr(terminal.terminal)[3] & termios.ECHO
    assert keys.stored() == {"passlock.default": SEALED}


def test_interrupted(keys):
    keys.start()
    with Terminal(keys.host, "set-key", *keys.options) as terminal:
        terminal.read_until("API key: ")
        terminal.write("half")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish()[0] == -signal.SIGINT
        assert termios.tcgetattr(terminal.terminal)[3] & termios.ECHO
    assert keys.api.requests == []
