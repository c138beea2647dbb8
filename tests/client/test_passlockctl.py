# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl on a private bus, with the scripted service of fake-service.c in the daemon's place."""

import json
import os
import subprocess
import textwrap

import pytest

from tests.harness.build import binary, build_dir

PASSLOCKCTL = binary("passlockctl")
FAKE_SERVICE = build_dir() / "tests" / "client" / "fake-service"

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN'
 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>
<policy context='default'><allow own='*'/><allow send_destination='*'/>
<allow eavesdrop='true'/></policy></busconfig>
"""


class Host:
    """A bus, perhaps a service on it, and the tool."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {
            **os.environ,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={directory}/bus",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        self.bus = self.service = None

    def start_bus(self):
        config = self.directory / "bus.conf"
        config.write_text(BUS_CONFIG.format(self.directory))
        self.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
             "--print-address=1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.bus.stdout.readline()

    def start_service(self, *options):
        # The service writes its log to descriptor 3.
        self.service = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$0" "$@" 3>&1', FAKE_SERVICE,
             str(self.directory), *options], stdout=subprocess.PIPE, env=self.environment)
        assert self.service.stdout.readline() == b"ready\n"

    def stop(self, name):
        process = getattr(self, name)
        if process:
            process.kill()
            process.wait()
            process.stdout.close()
            setattr(self, name, None)

    def run(self, *arguments, stdin="", **environment):
        return subprocess.run([PASSLOCKCTL, *arguments], input=stdin, text=True,
                              capture_output=True, timeout=60, check=False,
                              env={**self.environment, **environment})

    def expect(self, *arguments, stdin="", status=0, **environment):
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == status, done.stderr
        assert bool(done.stderr) == (status != 0)
        return done.stdout if status == 0 else done.stderr

    def log(self):
        return (self.directory / "log").read_text().splitlines()


@pytest.fixture(name="bare_host")
def fixture_bare_host(tmp_path):
    host = Host(tmp_path)
    host.start_bus()
    yield host
    host.stop("service")
    host.stop("bus")


@pytest.fixture(name="host")
def fixture_host(bare_host):
    bare_host.start_service("links=2")
    return bare_host


def golden(text):
    return textwrap.dedent(text).lstrip("\n")


def test_status(host):
    assert host.expect("status") == golden("""
        Version:  9.8.7

        LABEL    TENANCY    STATE   LINKS        ENDPOINT
        default  tenancy-1  ready   12345678901  https://api.example.com
        other    tenancy-1  denied  12345678901  https://api.example.com
        """)


def test_status_of_one_without_legend(host):
    assert host.expect("status", "--tenancy=other", "--no-legend") == golden("""
        other  tenancy-1  denied  12345678901  https://api.example.com
        """)


def test_status_json(host):
    status = json.loads(host.expect("status", "--json"))
    assert status["version"] == "9.8.7"
    assert [t["label"] for t in status["tenancies"]] == ["default", "other"]
    assert status["tenancies"][0] == {
        "label": "default", "tenancy_id": "tenancy-1", "endpoint": "https://api.example.com",
        "state": "ready", "links": 12345678901}


def test_authorize(host):
    assert host.expect("authorize", "shop.example", "u1", "ada") == "shop.example u1 ada\n"
    assert host.expect(
        "authorize", "shop.example", "u1", "ada", "--rp-name=Shop", "--display-name", "Ada L.",
        "--exclude=a1", "--no-exclude-linked", "--user-verification=required",
        "--ceremony-timeout-ms=60000", "--exclude=a2") == (
            "shop.example u1 ada rp_name=Shop display_name=Ada L. exclude_linked=no"
            " user_verification=required timeout_ms=60000 exclude_credentials=[a1][a2]\n")
    assert json.loads(host.expect("--json", "authorize", "r", "u", "n")) == {
        "registration_token": "r u n", "expires_at": 1700000000123}


def test_exchange(host):
    request_id = "0123456789abcdef"
    assert host.expect("exchange", "full", f"--request-id={request_id}") == golden("""
        User:           ada
        Authenticator:  auth-1
        Type:           passkey
        Platform:       iCloud Keychain
        Address:        192.0.2.7
        Agent:          Browser/1
        Verified:       yes
        User verified:  yes
        Linked:         yes
        Newly linked:   yes
        Created:        2023-11-14 22:13:20
        Expires:        2023-11-14 22:18:20
        Id:             0123456789abcdef
        """)
    assert host.log()[-1] == f"Exchange full {request_id}"


def test_exchange_json(host):
    principal = json.loads(host.expect("exchange", "c", "--user-id=ada", "--no-link", "--json"))
    assert principal["user_agent"] == " user_id=ada link=no"
    assert principal["platform_name"] is None
    assert principal["linked"] is False
    assert principal["expires_at"] == 1700000300000


@pytest.mark.parametrize("arguments", [["-"], []])
def test_code_from_standard_input(host, arguments):
    host.expect("exchange", *arguments, stdin="from-stdin\nmore\n")
    assert host.log()[-1].startswith("Exchange from-stdin ")
    assert "no code" in host.expect("exchange", *arguments, stdin="", status=2)
    host.expect("exchange", *arguments, stdin="unterminated")
    assert host.log()[-1].startswith("Exchange unterminated ")


def test_link_list(host):
    # The name holds a wide letter pair, an accent and an attempt on the terminal.
    assert host.expect("link", "list") == golden(r"""
        USER    AUTHENTICATOR  CREATED              LAST USED            PLATFORM
        user-0  auth-0         2023-11-14 22:13:20  -                    -
        user-1  auth-1         2023-11-14 22:13:20  2023-11-14 22:21:40  Clé 密钥\x1b[31m
        """)
    assert host.expect("link", "list", "ada", "--no-legend") == golden(r"""
        ada  auth-0  2023-11-14 22:13:20  -                    -
        ada  auth-1  2023-11-14 22:13:20  2023-11-14 22:21:40  Clé 密钥\x1b[31m
        ada  auth-2  2023-11-14 22:13:20  -                    -
        """)
    assert host.expect("link", "list", "nobody", "--no-legend") == ""


def test_wide_letters_are_aligned(host):
    wide = "密钥"
    lines = host.expect("link", "list", wide, "--no-legend").splitlines()
    assert lines[0].startswith(f"{wide}  auth-0")
    escaped = host.expect("link", "list", wide, "--no-legend", LC_ALL="C").splitlines()
    assert escaped[0].startswith(r"\xe5\xaf\x86\xe9\x92\xa5  auth-0")


def test_link_list_json(host):
    assert json.loads(host.expect("link", "list", "--json")) == [
        {"authenticator_id": "auth-0", "user_id": "user-0", "platform_name": None,
         "created_at": 1700000000000, "last_used_at": 0},
        {"authenticator_id": "auth-1", "user_id": "user-1",
         "platform_name": "Clé 密钥\x1b[31m", "created_at": 1700000000000,
         "last_used_at": 1700000500000}]
    assert host.expect("link", "list", "nobody", "--json") == "[]\n"


@pytest.mark.parametrize("n_links", [0, 1, 500, 501, 2345])
def test_pages(bare_host, n_links):
    bare_host.start_service(f"links={n_links}")
    assert len(json.loads(bare_host.expect("link", "list", "--json"))) == n_links
    assert len(bare_host.expect("link", "list").splitlines()) == n_links + 1


def test_list_that_breaks_off(bare_host):
    bare_host.start_service("links=2345", "break-at=1000")
    done = bare_host.run("link", "list", "--json")
    assert done.returncode == 5
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_link_show(host):
    # The scripted service lets every user have auth-0 to auth-2.
    assert host.expect("link", "show", "auth-1").startswith(
        "Authenticator:  auth-1\nUser:           user-of-auth-1\n")
    assert json.loads(host.expect("link", "show", "auth-0", "--json"))["last_used_at"] == 0
    assert "Not found" in host.expect("link", "show", "auth-9", status=3)


def test_link_add_and_remove(host):
    assert host.expect("link", "add", "ada", "a1") == ""
    assert host.expect("link", "remove", "a1") == ""
    assert host.expect("link", "remove", "--user=ada") == "Removed:  2\n"
    assert host.expect("link", "remove", "--user", "ada", "--no-legend") == ""
    assert json.loads(host.expect("link", "remove", "--user", "ada", "--json")) == {"removed": 2}
    assert "Add ada a1" in host.log() and "Remove a1" in host.log()
    assert host.log()[-1] == "RemoveByUser ada"


def test_reload(host):
    assert host.expect("reload", status=3) == "passlockctl: passlockd.conf:3: no\n"


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_monitor(host, json_option):
    with subprocess.Popen([PASSLOCKCTL, "monitor", *json_option],
                          stdout=subprocess.PIPE, text=True, env=host.environment) as monitor:
        lines = [monitor.stdout.readline()]
        host.expect("link", "add", "ada", "a1\x1b")
        lines.append(monitor.stdout.readline())
        host.stop("service")
        lines.append(monitor.stdout.readline())
        host.start_service()
        lines.append(monitor.stdout.readline())
        host.expect("link", "remove", "a1")
        lines.append(monitor.stdout.readline())
        monitor.kill()
    if json_option:
        assert [json.loads(line) for line in lines] == [
            {"change": "watched"},
            {"change": "added", "user_id": "ada", "authenticator_id": "a1\x1b"},
            {"change": "lost", "error": "The service is not running"},
            {"change": "watched"},
            {"change": "removed", "user_id": "ada", "authenticator_id": "a1"}]
    else:
        assert "".join(lines) == golden(r"""
            watched
            added    ada  a1\x1b
            lost     (The service is not running)
            watched
            removed  ada  a1
            """)


def test_monitor_denied(bare_host):
    bare_host.start_service("deny")
    done = bare_host.run("monitor")
    assert done.returncode == 4
    assert done.stderr == "passlockctl: No grant allows this call\n"


STATUS_OF_ERROR = {1: 3, 2: 3, 3: 3, 4: 3, 5: 3, 6: 3, 7: 5, 8: 5, 9: 5, 10: 5, 11: 5, 12: 5,
                   13: 5, 14: 3, 15: 3, 16: 3, 17: 3, 18: 4, 19: 3, 20: 5, 21: 3}


@pytest.mark.parametrize("error,status", STATUS_OF_ERROR.items())
def test_exit_status(host, error, status):
    message = host.expect("exchange", f"error:{error}", status=status)
    assert message == f"passlockctl: text of {error}\n"


def test_no_service(bare_host):
    assert "The service is not running: " in bare_host.expect("status", status=1)


def test_no_bus(tmp_path):
    assert "There is no system bus: " in Host(tmp_path).expect("status", status=1)


def test_timeout(host):
    assert host.expect("exchange", "hang", "--timeout=1", status=1) == (
        "passlockctl: No answer within the deadline\n")


@pytest.mark.parametrize("arguments", [
    [], ["frobnicate"], ["link"], ["link", "frobnicate"], ["status", "x"], ["authorize", "r", "u"],
    ["authorize", "r", "u", "n", "x"], ["exchange", "a", "b"], ["link", "list", "a", "b"],
    ["link", "show"], ["link", "add", "u"], ["link", "remove"],
    ["link", "remove", "a", "--user=u"], ["monitor", "x"], ["reload", "x"], ["--frobnicate"],
    ["status", "--user=u"], ["status", "--rp-name=x"], ["exchange", "c", "--exclude=a"],
    ["status", "--timeout=0"], ["status", "--timeout=-1"], ["status", "--timeout=x"],
    ["status", "--timeout=86401"], ["status", "--tenancy=A/b"], ["status", "--json=yes"],
    ["authorize", "r", "u", "n", "--ceremony-timeout-ms=1x"],
    ["authorize", "r", "u", "n", "--rp-name", b"\xff"],
])
def test_usage(host, arguments):
    host.expect(*arguments, status=2)
    assert host.log() == ["ready"]


def test_unacceptable_text(host):
    host.expect("link", "add", b"\xff", "a", status=3)
    assert host.log() == ["ready"]


def test_help_and_version(bare_host):
    for arguments in ["--help"], ["-h"], ["status", "--help"]:
        assert bare_host.expect(*arguments).startswith("passlockctl [OPTIONS] COMMAND\n")
    assert bare_host.expect("--version").startswith("passlockctl ")


def test_full_disk(host):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PASSLOCKCTL, "status"], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=host.environment, check=False)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
