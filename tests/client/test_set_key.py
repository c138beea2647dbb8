# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl set-key, with fakes of systemd and the API."""

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

# Fake programs that log their arguments and environment, where the key must not leak.
SYSTEMD_CREDS = """
echo "systemd-creds $*" >>"$PROGRAM_LOG"
env >>"$PROGRAM_LOG"
if [ $1 = decrypt ]; then
        case " $UNUSABLE " in *" ${2#--name=} "*) echo Damaged. >&2; exit 1 ;; esac
        exit 0
fi
[ -z "$SEALING_FAILS" ] || { echo half; exit 3; }
printf sealed: && base64 -w0
"""
SYSTEMCTL = """
echo "systemctl $*" >>"$PROGRAM_LOG"
case $1 in
is-active) [ -n "$UNIT_IS_ACTIVE" ] ;;
daemon-reload) exit "${DAEMON_RELOAD_STATUS:-0}" ;;
restart) exit "${RESTART_STATUS:-0}" ;;
cat) printf "$UNIT_FILES" ;;
show) printf "$UNIT_SHOWN" ;;
esac
"""
UNIT = "# /lib/systemd/system/passlock-keyholder.service\\n[Service]\\nLoadCredentialEncrypted=passlock.default\\n\\n"
SEALED = "sealed:" + base64.b64encode(KEY.encode()).decode()


class Keys:
    """A host with a fake service, a fake API, and a directory for credentials."""

    def __init__(self, host, api):
        self.host = host
        self.api = api
        self.store = host.directory / "store"
        self.options = ["--store-dir", str(self.store)]
        host.fake_programs(systemd_creds=SYSTEMD_CREDS, systemctl=SYSTEMCTL)
        host.environment["PROGRAM_LOG"] = str(host.directory / "programs.log")
        self.daemon_has(KEY)

    def start(self, *options):
        self.host.start_service(f"endpoint={self.api.endpoint}", *(options or ["reloads"]))

    def daemon_has(self, key):
        """Sets the key of the fake daemon; "": none."""
        (self.host.directory / "key").write_text(key)

    def set_in_unit(self, *arguments, files="", **environment):
        """Runs set-key with an active unit, which loads the stored key unless `files` say otherwise."""
        name = next((a.partition("=")[2] for a in arguments if a.startswith("--credential=")), "passlock.default")
        setting = "LoadCredential" if "--plain" in arguments else "LoadCredentialEncrypted"
        files = files or (f"# /run/systemd/generator/passlock-keyholder.service.d/50-credentials.conf\\n[Service]\\n"
                          f"{setting}={name}:{self.store}/{name}\\n")
        return self.set(*arguments, UNIT_IS_ACTIVE="yes", UNIT_FILES=UNIT + files, **environment)

    def set(self, *arguments, key=f"{KEY}\n", **environment):
        done = self.host.run("set-key", "-", *self.options, *arguments, stdin=key, **environment)
        assert KEY not in done.stdout + done.stderr
        return done

    def expect_refused(self, *arguments, status, text, **environment):
        done = self.set(*arguments, **environment)
        assert (done.returncode, done.stdout) == (status, "")
        assert text in done.stderr
        assert "ProveKey default" not in self.host.log()
        assert "ready" not in done.stderr
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
        f"{keys.api.endpoint} accepted the key for tenancy tenancy-1.\n"
        f"Stored encrypted as {keys.store}/passlock.default.\n"
        "The daemon is not run by systemd; it has reloaded its credentials.\n"
        "The daemon proved that it uses the key, and made a call with it.\n"
        "The tenancy is now ready.\n")
    assert keys.stored() == {"passlock.default": SEALED}
    assert (keys.store / "passlock.default").stat().st_mode & 0o777 == 0o600
    assert keys.store.stat().st_mode & 0o777 == 0o700
    assert "systemd-creds encrypt --name=passlock.default - -\n" in keys.program_log()
    assert keys.api.requests == [("/v2/tenancy-1/passkeys/", f"Bearer {KEY}")]
    # Reloads configuration, then key; then the daemon proves the key and uses it.
    steps = [line for line in keys.host.log() if line.split()[0] in ("Reload", "ProveKey", "ListPasskeys")]
    assert steps == ["Reload", "Reload", "ProveKey ", "ListPasskeys "]


def test_restarted(keys):
    keys.start()
    done = keys.set_in_unit()
    assert (done.returncode, done.stderr) == (0, "")
    assert "passlock-keyholder.service was restarted to load it" in done.stdout
    calls = [line for line in keys.program_log().splitlines() if line.startswith("systemctl ")]
    assert calls[-4:] == ["systemctl daemon-reload", "systemctl cat --no-pager passlock-keyholder.service",
                          "systemctl reset-failed passlock-keyholder.service",
                          "systemctl restart passlock-keyholder.service"]
    # Reloads configuration, then waits for the key holder.
    assert keys.host.log().count("Reload") == 2


def test_plain(keys):
    keys.start("reloads", "credential=my.key")
    done = keys.set("--plain", "--json")
    assert json.loads(done.stdout) == {"credential": f"{keys.store}/my.key", "sealed": False,
                                       "activated": "reload", "state": "ready"}
    assert keys.stored() == {"my.key": KEY}
    assert (keys.store / "my.key").stat().st_mode & 0o777 == 0o600
    assert "systemd-creds" not in keys.program_log()


def test_name_in_the_configuration(keys):
    """The key is stored under the daemon's credential name; another name is refused."""
    keys.start("reloads", "credential=my.key")
    assert keys.set("--credential=my.key").returncode == 0
    assert keys.stored() == {"my.key": SEALED}
    done = keys.set("--credential=passlock.default")
    assert (done.returncode, done.stdout) == (2, "")
    assert "differs from the credential of tenancy default, my.key" in done.stderr
    assert keys.stored() == {"my.key": SEALED}
    assert len(keys.api.requests) == 1


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
    (200, "wrong\n", 3, "rejected the key for tenancy tenancy-1; nothing was changed"),
    (401, f"{KEY}\n", 3, "rejected the key"),
    (500, f"{KEY}\n", 5, "returned HTTP status 500: No valid reply"),
    (302, f"{KEY}\n", 5, "returned HTTP status 302: No valid reply"),
    (429, f"{KEY}\n", 5, "returned HTTP status 429: The API's rate limit is exceeded; nothing was"),
    (404, f"{KEY}\n", 3, "returned HTTP status 404: The API refused the request; nothing was changed"),
])
def test_refused_key(keys, status, key, exit_status, text):
    keys.start()
    keys.api.status = status
    keys.expect_refused(key=key, status=exit_status, text=text)
    assert len(keys.api.requests) == 1


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("tag,exit_status,text", [
    ("@error/InvalidTenancy", 3, "rejected the key"),
    ("@error/Unauthorized", 3, "rejected the key"),
    ("@error/Forbidden", 3, "rejected the key"),
    ("@error/NotFound", 3, "The API refused the request"),
    ("@error/" + "x" * 100, 3, "The API refused the request"),
])
def test_error_tag(keys, status, tag, exit_status, text):
    """Mapped by the daemon's error table."""
    keys.start()
    keys.api.status = status
    keys.api.body = json.dumps({"_tag": tag, "message": "no"}).encode()
    keys.expect_refused(key=KEY, status=exit_status, text=text)


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"{", b"[]", b'{"_tag":1}', b" " * 16384 + b"{}",
    b'{"_tag":"@error/Forbidden","message":"' + b"x" * 20000 + b'"}',
], ids=lambda body: str(len(body)))
def test_body_without_a_tag(keys, body):
    keys.start()
    keys.api.status, keys.api.body = 400, body
    keys.expect_refused(key=KEY, status=3, text="The API refused the request")


@pytest.mark.parametrize("body", [
    b"", b"<html>Please log in to the network.</html>", b"{}", b"[]", b"ok", b"{", b'{"_tag":1}', b'{"_tag":"Passkey"}',
    b'["_tag","FindAllPasskeys"]', b'{"a":{"_tag":"FindAllPasskeys"}}', b'"_tag":"FindAllPasskeys"',
    b'{"a":"\\"_tag\\":\\"FindAllPasskeys\\""}', b'{"_tag', b'{"_tag"', b'{"_tag":', b'{"_tag":"FindAllPasskeys',
    b'{"_tag":"' + b"x" * 100 + b'"}',
], ids=lambda body: str(body[:40]))
def test_success_without_a_list(keys, body):
    """A server that accepts any key is not the API."""
    keys.start()
    keys.api.body = body
    keys.expect_refused(status=5, text="returned HTTP status 200 without a list of passkeys")


@pytest.mark.parametrize("body", [
    b' {"cursor": null, "records": [{"_tag": "PasskeySummary", "userId": "\xff\\ud800"}], "_tag" : "FindAllPasskeys"}',
    b'{"records":["' + b"x" * 300_000 + b'"],"_tag":"FindAllPasskeys"}',
], ids=["odd", "large"])
def test_unusual_list(keys, body):
    keys.start()
    keys.api.body = body
    done = keys.set()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("api_status,status,text", [
    (200, 5, "Failed to test the key"), (401, 3, "rejected the key"), (500, 5, "returned HTTP status 500")])
def test_truncated_response(keys, api_status, status, text):
    """For errors, the status is enough."""
    keys.start()
    keys.api.status, keys.api.cut_off = api_status, 500
    keys.api.headers = {"Connection": "close"}
    keys.expect_refused(status=status, text=text)


@pytest.mark.parametrize("size", [80_000, 200_000])  # over the daemon's limit, and over curl's
@pytest.mark.parametrize("api_status,status,text", [(200, 5, "without a list of passkeys"), (403, 3, "rejected the key")])
def test_response_with_a_long_header(keys, size, api_status, status, text):
    keys.start()
    keys.api.status = api_status
    keys.api.headers = {"X-Long": "x" * size, "Connection": "close"}
    keys.expect_refused(status=status, text=text)


def test_old_key_stays(keys):
    keys.start()
    keys.store.mkdir()
    (keys.store / "passlock.default").write_text("old")
    assert keys.set(key="wrong\n").returncode == 3
    assert keys.set(SEALING_FAILS="yes").returncode == 1
    assert keys.stored() == {"passlock.default": "old"}


@pytest.mark.parametrize("key,text", [
    ("", "it is empty"), ("\n", "it is empty"), ("\r\n", "it is empty"),
    ("two words\n", "Invalid key: it contains white space"),
    ("escape\x1b\n", "Invalid key"), ("umlaut\u00fc\n", "Invalid key"),
    ("\ufeffmark\n", "Invalid key: it begins with a byte order mark"),
    ("x" * 4097, "Failed to read the key: longer than 4096 characters"),
])
def test_no_key(keys, key, text):
    keys.start()
    keys.expect_refused(key=key, status=2, text=text)
    assert keys.api.requests == []


def test_crlf_line_end(keys):
    keys.start()
    assert keys.set(key=f"{KEY}\r\n").returncode == 0
    assert keys.stored() == {"passlock.default": SEALED}


def test_longest_key(keys):
    keys.start()
    keys.expect_refused(key="x" * 4096, status=3, text="rejected the key")
    assert keys.api.requests[0][1] == "Bearer " + "x" * 4096


def test_key_as_argument_is_refused(keys):
    keys.start()
    done = keys.host.run("set-key", KEY, *keys.options)
    assert done.returncode == 2
    assert KEY not in done.stderr
    assert "standard input is not a terminal" in keys.host.run("set-key", *keys.options).stderr


@pytest.mark.parametrize("name", [".", "../x", "a/b", ".hidden", "-x", "a b", "x" * 201])
def test_invalid_credential_name(keys, name):
    """The configuration accepts names that systemd does not."""
    keys.start("reloads", f"credential={name}")
    keys.expect_refused(status=1, text="is not a valid credential name")


def test_sealing_fails(keys):
    keys.start()
    keys.expect_refused(status=1, text="systemd-creds exited with status 3",
                        SEALING_FAILS="yes")


def test_no_systemd_creds(keys):
    keys.start()
    (keys.host.directory / "programs" / "systemd-creds").unlink()
    programs = keys.host.directory / "programs"
    keys.expect_refused(status=1, text="systemd-creds is not installed", PATH=str(programs))


def test_unwritable_directory(keys):
    keys.start()
    keys.options = ["--store-dir", "/proc/none"]
    keys.expect_refused(status=1, text="Failed to write /proc/none/passlock.default: ")


FAILED = "LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n"


def test_restart_fails(keys):
    """A failed restart reports what doctor would report."""
    keys.start()
    keys.host.fake_programs(journalctl="echo /etc/passlock/passlockd.conf:3: no such key")
    done = keys.set_in_unit(RESTART_STATUS="1", UNIT_SHOWN=FAILED)
    assert (done.returncode, done.stdout) == (1, "")
    first, second, third = done.stderr.splitlines()
    assert first == f"passlockctl: The key is stored as {keys.store}/passlock.default, but passlock-keyholder.service failed to restart"
    assert second == "passlockctl: the last start of passlock-keyholder.service failed: /etc/passlock/passlockd.conf:3: no such key"
    assert "journalctl -u passlock-keyholder" in third
    assert keys.stored() == {"passlock.default": SEALED}


def test_systemd_is_not_reloaded(keys):
    keys.start()
    done = keys.set_in_unit(DAEMON_RELOAD_STATUS="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not in use: systemctl daemon-reload failed" in done.stderr
    assert "systemctl restart" not in keys.program_log()


def test_invalid_configuration(keys):
    """A restart with an invalid configuration would stop the daemon."""
    keys.start("links=1")
    keys.expect_refused(status=3, text="passlockctl: Failed to reload the daemon's configuration; nothing was "
                                       "changed:\npasslockctl: passlockd.conf:3: no\n")
    assert keys.api.requests == []


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("has,text", [
    ("the-old-key", "The daemon does not use the key stored as "),
    ("", "but the daemon has no key: see passlockctl doctor")])
def test_daemon_uses_another_key(keys, unit, has, text):
    """If the daemon does not use the key, the tenancy is not reported as ready."""
    keys.start()
    keys.daemon_has(has)
    done = keys.set_in_unit() if unit else keys.set()
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr
    assert keys.stored() == {"passlock.default": SEALED}


@pytest.mark.parametrize("word,status,text", [("error:8", 5, "text of 8"), ("error:9", 5, "text of 9")])
def test_first_call_fails(keys, word, status, text):
    keys.start("reloads", f"vault={word}")
    done = keys.set()
    assert (done.returncode, done.stdout) == (status, "")
    assert "The daemon uses the new key, but its first call failed" in done.stderr
    assert text in done.stderr


def drop_in(name, *lines, directory="/etc/systemd/system"):
    return "\\n".join([f"# {directory}/passlock-keyholder.service.d/{name}.conf", "[Service]", *lines, "", ""])


GENERATED = drop_in("50-credentials", "LoadCredentialEncrypted=passlock.default:{store}/passlock.default",
                    directory="/run/systemd/generator")


# Settings that take precedence over the new key: nothing is stored, and the old key stays in use.
@pytest.mark.parametrize("options,files,text", [
    ([], GENERATED + drop_in("key", "# of old", "LoadCredential=passlock.default:/root/key"),
     "/etc/systemd/system/passlock-keyholder.service.d/key.conf:3: LoadCredential=passlock.default:/root/key"),
    ([], GENERATED + drop_in("key", "LoadCredentialEncrypted=passlock.default:/else"),
     "/etc/systemd/system/passlock-keyholder.service.d/key.conf:2: LoadCredentialEncrypted=passlock.default:/else"),
    (["--plain"], GENERATED.replace("Encrypted", "") + drop_in("key", "LoadCredentialEncrypted=passlock.default"),
     "key.conf:2: LoadCredentialEncrypted=passlock.default takes precedence"),
    ([], drop_in("key", "LoadCredential = passlock.default:/root/key  "),
     "key.conf:2: LoadCredential=passlock.default:/root/key takes precedence"),
])
def test_conflicting_drop_in(keys, options, files, text):
    keys.start()
    done = keys.set_in_unit(*options, files=files.replace("{store}", str(keys.store)))
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr and "nothing was changed" in done.stderr
    assert keys.stored() == {} and keys.api.requests == []
    assert "restart" not in keys.program_log()


@pytest.mark.parametrize("files", [
    drop_in("key", "LoadCredential=passlock.default:/root/key", "LoadCredential="),
    drop_in("key", "#LoadCredential=passlock.default:/root/key", ";LoadCredential=passlock.default:/root/key"),
    drop_in("key", "LoadCredential=passlock.default2:/etc/passwd", "LoadCredential=passlock.other"),
    drop_in("key", "[Unit]", "LoadCredential=passlock.default:/root/key"),
    drop_in("key", "SetCredential=passlock.default:old"),
    drop_in("key", "LoadCredential=passlock.default:/root/key")
    + drop_in("later", "LoadCredentialEncrypted=passlock.default:{store}/passlock.default"),
])
def test_unrelated_drop_in(keys, files):
    keys.start()
    if "=\\n" in files:  # the empty setting also resets the generated one
        files = files.replace("LoadCredential=\\n", "LoadCredential=\\nLoadCredentialEncrypted="
                              "passlock.default:{store}/passlock.default\\n")
    else:
        files = GENERATED + files
    done = keys.set_in_unit(files=files.replace("{store}", str(keys.store)))
    assert (done.returncode, done.stderr) == (0, "")


CONTINUED = "LoadCredential=\\\\\\n   # of old\\n   passlock.default:/root/key"


@pytest.mark.parametrize("files,place", [
    (GENERATED + drop_in("key", CONTINUED), "key.conf:2"),
    (GENERATED + drop_in("key", "", "# /etc/passlock/notes.conf", "LoadCredential=passlock.default:/root/key"), "key.conf:4"),
    (GENERATED + drop_in("key", "LoadCredential=passlock.default:/root/key", directory="/run/systemd/system"), "key.conf:2"),
    (GENERATED.rstrip("\\n") + "\\n" + drop_in("key", "LoadCredential=passlock.default:/root/key"), "key.conf:2"),
], ids=["continued", "comment", "run", "no-line-end"])
def test_place_of_conflicting_setting(keys, files, place):
    keys.start()
    keys.options = []
    done = keys.set_in_unit("--store-dir", str(keys.store), files=files.replace("{store}", str(keys.store)))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"passlock-keyholder.service.d/{place}: LoadCredential=passlock.default:/root/key takes precedence" in done.stderr
    assert keys.stored() == {}


@pytest.mark.parametrize("line", ["User=x \\\\\\nLoadCredential=passlock.default:/root/key",
                                  "LoadCredential=\\\\ \\nNice=1", "# \\\\\\nNice=1"])
def test_no_conflicting_setting(keys, line):
    """Settings of other credentials do not conflict."""
    keys.start()
    files = (GENERATED + drop_in("key", line)).replace("{store}", str(keys.store))
    done = keys.set_in_unit(files=files)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", ["User=x", "ImportCredential=my.*"])
def test_unit_does_not_load_credential(keys, line):
    """The unit does not load a credential of this name."""
    keys.start("reloads", "credential=my.key")
    done = keys.set_in_unit(files=drop_in("other", line))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"add a drop-in with LoadCredentialEncrypted=my.key:{keys.store}/my.key, and repeat this command" in done.stderr
    assert "systemctl restart" not in keys.program_log()
    assert keys.set_in_unit("--credential=my.key").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="without --store-dir it is for root")
def test_drop_in_resets_setting(keys):
    """A later drop-in with an empty setting is reported, and nothing is stored."""
    keys.start()
    keys.options = []
    for later, removes in (drop_in("60-x", "LoadCredential="), True), (drop_in("60-x", "LoadCredentialEncrypted="), True), \
            (drop_in("40-x", "LoadCredential="), False), (drop_in("60-x", "ImportCredential="), False):
        done = keys.set_in_unit("--credential=passlock.default", files=later, key="")
        text = "60-x.conf:2: an empty LoadCredential=" if removes else "Failed to read the key: it is empty"
        assert text in done.stderr
        assert done.returncode == (1 if removes else 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="without --store-dir it is for root")
def test_import_is_no_conflict(keys):
    keys.start()
    keys.options = []
    done = keys.set_in_unit(files=drop_in("60-x", "LoadCredential=", "ImportCredential=passlock.*"), key="")
    assert "Failed to read the key: it is empty" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="others may not look")
def test_another_credential_is_undecryptable(keys, tmp_path):
    """A restart would fail because of the other credential."""
    (tmp_path / "other").touch()
    keys.start()
    files = (f"# /run/systemd/generator/passlock-keyholder.service.d/50-credentials.conf\\n[Service]\\n"
             f"LoadCredentialEncrypted=passlock.other:{tmp_path}/other\\n"
             f"LoadCredentialEncrypted=passlock.default:{keys.store}/passlock.default\\n")
    done = keys.set_in_unit(files=files, UNUSABLE="passlock.other")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{tmp_path}/other cannot be decrypted on this host: Damaged, so passlock-keyholder.service would fail" in done.stderr
    assert keys.stored() == {}
    # The old credential of this key may be damaged.
    keys.store.mkdir()
    (keys.store / "passlock.default").write_text("damaged")
    assert keys.set_in_unit(files=files, UNUSABLE="passlock.default").returncode == 0


def test_unreachable_api(keys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        keys.api.endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        keys.start()
        keys.expect_refused(status=5, text="Failed to test the key at http://127.0.0.1:")


def test_no_daemon(keys):
    keys.expect_refused(status=1, text="The service is not running")


def test_daemon_that_cannot_start(keys):
    """A daemon that cannot start is reported at once, with the reason."""
    keys.host.stop("bus")
    keys.host.start_bus_that_activates()
    keys.host.fake_programs(journalctl="echo /etc/passlock/passlockd.conf:3: no such key")
    done = keys.set(UNIT_SHOWN=FAILED + "ExecMainExitTimestampMonotonic=9999999999999999\\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == (
        "passlockctl: the last start of passlockd.service failed: /etc/passlock/passlockd.conf:3: no such key")
    assert keys.stored() == {}


def test_tls(bare_host, tls_api, certificate):
    keys = Keys(bare_host, tls_api)
    keys.start()
    keys.expect_refused(status=5, text="certificate")
    keys.expect_refused("--ca-file=/nowhere", status=1, text="unreadable CA file")
    assert tls_api.requests == []
    assert keys.set(f"--ca-file={certificate}.crt").returncode == 0
    assert tls_api.requests == [("/v2/tenancy-1/passkeys/", f"Bearer {KEY}")]


def test_ca_of_the_daemon(bare_host, tls_api, certificate):
    """The daemon's CaFile= is used by default."""
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
        keys.expect_refused(status=5, text="Failed to test the key")
        assert api.requests == []


def test_not_root(keys):
    nobody = {"user": "nobody"} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run([PASSLOCKCTL, "set-key", "-"], input=KEY, text=True, check=False,
                              capture_output=True, env=keys.host.environment, **nobody)
    except PermissionError:
        pytest.skip("the build directory is root's")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "passlockctl: Failed to set the key: not running as root\n"


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
