# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl export and import: valid and invalid files."""

import json
import os
import signal

import pytest

from tests.client.host import Terminal, golden

HEADER = ('{"format":"passlock-links","version":1,"tenancy_id":"tenancy-1",'
          '"exported_at":1700000000000}')
LINK = '{"authenticator_id":"a%s","user_id":"%s","created_at":5,"last_used_at":0}'


def link(number, user="ada", **changes):
    """Formats a link; None removes a member."""
    members = json.loads(LINK % (number, user)) | changes
    return json.dumps({name: value for name, value in members.items() if value is not None})


def lines(*links, count=None):
    trailer = f'{{"links":{len(links) if count is None else count}}}'
    return "\n".join([HEADER, *links, trailer, ""])


@pytest.fixture(name="write")
def fixture_write(tmp_path):
    """Writes a file with this text or these bytes."""
    file = tmp_path / "links"

    def write(text):
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(file)
    return write


def imports(host):
    return [line for line in host.log() if line.startswith("Import")]


# Export

EXPORTED = golden("""
    {"authenticator_id":"auth-0","user_id":"user-0","created_at":1700000000000,"last_used_at":0}
    {"authenticator_id":"auth-1","user_id":"user-1","created_at":1700000000000,\
"last_used_at":1700000500000,"platform_name":"Clé 密钥\\u001B[31m"}
    {"links":2}
    """)


def test_export(host, tmp_path):
    for arguments in ([], ["-"]):
        header, _, rest = host.expect("export", *arguments).partition("\n")
        assert rest == EXPORTED
        assert json.loads(header).keys() == {"format", "version", "tenancy_id", "exported_at"}
    file = tmp_path / "links"
    for _ in range(2):
        assert host.expect("export", str(file)) == ""
        assert file.read_text().partition("\n")[2] == EXPORTED
        assert file.stat().st_mode & 0o7777 == 0o600
        file.write_text("an old one")
        file.chmod(0o644)


def test_export_empty(bare_host):
    bare_host.start_service("links=0")
    assert bare_host.expect("export").splitlines()[1:] == ['{"links":0}']


def test_export_fails_halfway(bare_host, tmp_path):
    """A failed export keeps the old file; on standard output the trailer is missing."""
    bare_host.start_service("links=3000", "break-at=1000")
    file = tmp_path / "links"
    file.write_text("an old one")
    bare_host.expect("export", str(file), status=5)
    assert file.read_text() == "an old one"
    assert list(tmp_path.glob(".links*")) == []
    done = bare_host.run("export")
    assert done.returncode == 5
    assert len(done.stdout.splitlines()) == 1001
    assert '"links"' not in done.stdout


def test_export_without_a_service(bare_host, tmp_path):
    assert "The service is not running" in bare_host.expect("export", str(tmp_path / "links"), status=1)
    assert not (tmp_path / "links").exists()


@pytest.mark.parametrize("path, text", [
    ("/dev/null", "not a regular file"), ("pipe", "not a regular file"),
    ("symlink", "not a regular file"), ("nowhere/links", "No such file"), ("place/", "directory")])
def test_export_to_invalid_path(host, tmp_path, path, text):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "symlink").symlink_to("links")
    path = path if path.startswith("/") else f"{tmp_path}/{path}"
    assert text in host.expect("export", path, status=1)


def test_export_to_a_full_disk(host):
    with open("/dev/full", "w", encoding="ascii") as full:
        terminal = Terminal(host, "export", stdout=full)
        with terminal:
            status, _, seen = terminal.finish()
    assert status == 1
    assert "No space left on device" in seen


def test_export_progress(bare_host, tmp_path):
    bare_host.start_service("links=3000", "break-at=2000")
    file = tmp_path / "links"
    with Terminal(bare_host, "export", str(file)) as terminal:
        terminal.read_until("] 2000 of about 12345678901 links")
        assert terminal.finish()[0] == 5
    assert not file.exists()


# Import

def test_import(host, write):
    file = write(lines(link(1), link(2, "old"), link(3, platform_name="☂"), link(4, "old")))
    result = "Links in the file:  4\n{}  2\nAlready present:    2\n" \
             "Conflicts:          0\nOver limit:         0\n"
    assert host.expect("import", file) == result.format("Added:            ")
    assert host.expect("import", "--dry-run", file) == result.format("To add:           ")
    first = "authenticator_id=a1 user_id=ada created_at=5 last_used_at=0"
    assert imports(host) == [f"Import 4 dry_run=no {first}", f"Import 4 dry_run=yes {first}"]
    assert json.loads(host.expect("import", "--json", "-", stdin=lines(link(1)))) == {
        "dry_run": False, "links": 1, "added": 1, "present": 0, "conflicts": 0, "exceeding": 0}


def test_import_empty(host):
    assert "Added:              0\n" in host.expect("import", "-", stdin=lines())
    assert imports(host) == []


def test_import_in_batches(host, write):
    file = write(lines(*[link(i) for i in range(2200)]))
    assert "Added:              2200\n" in host.expect("import", file)
    assert [line.split()[1] for line in imports(host)] == ["1000", "1000", "200"]


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_skipped_links(host, write, options):
    links = [link(i) for i in range(700)]
    links[3], links[501], links[502] = link(3, "taken"), link(501, "taken"), link(502, "many")
    file = write(lines(*links))
    done = host.run("import", *options, "--json", file)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        f"passlockctl: {file}:5: authenticator a3 is linked to another user",
        f"passlockctl: {file}:503: authenticator a501 is linked to another user",
        f"passlockctl: {file}:504: authenticator a502 exceeds the limit of links per user"]
    done = json.loads(done.stdout)
    assert (done["added"], done["conflicts"], done["exceeding"]) == (697, 2, 1)


NUMBER = "is not an integer from 0 to 9007199254740991"
TEXT = "is not a string of 1 to {} bytes without control characters"
GOOD = link(1)
# Invalid files: text, line and error message.
MALFORMED = {
    "empty file": ("", 1, "file is truncated"),
    "empty line first": ("\n" + lines(GOOD), 1, "byte 0: not a JSON object"),
    "no header": ("\n".join([GOOD, '{"links":1}', ""]), 1, "not a file exported by"),
    "trailer only": ('{"links":0}\n', 1, "not a file exported by"),
    "another format": (lines(GOOD).replace("passlock-links", "passlock"), 1,
                       "not a file exported by"),
    "another version": (lines(GOOD).replace('"version":1', '"version":2,"more":3'), 1,
                        "unsupported version 2, expected 1"),
    "no version": (lines(GOOD).replace('"version":1,', ""), 1, "version is not an integer"),
    "no tenancy": (lines(GOOD).replace('"tenancy_id":"tenancy-1",', ""), 1,
                   "tenancy_id is missing"),
    "two headers": ("\n".join([HEADER, lines(GOOD)]), 2, "unexpected second header"),
    "two exports": (lines(GOOD) * 2, 4, "unexpected data after the end of the export"),
    "blank line at the end": (lines(GOOD) + "\n", 4, "unexpected data after the end of the export"),
    "no trailer": ("\n".join([HEADER, GOOD, ""]), 3, "file is truncated"),
    "cut in a line": (lines(GOOD, link(2))[:-40], 3, "not a JSON object"),
    "cut in the trailer": (lines(GOOD)[:-4], 3, "not a JSON object"),
    "one less": (lines(GOOD, link(2), count=3), 4, "wrong number of links: file truncated or edited"),
    "one more": (lines(GOOD, link(2), count=1), 4, "wrong number of links: file truncated or edited"),
    "odd trailer": (lines(GOOD).replace('{"links":1}', '{"links":1,"more":1}'), 3,
                    "unknown member"),
    "empty line": (lines(GOOD, "", link(2)), 3, "byte 0: not a JSON object"),
    "not JSON": (lines(GOOD, "links"), 3, "not a JSON object"),
    "array": (lines(GOOD, "[]"), 3, "not a JSON object"),
    "number": (lines(GOOD, "17"), 3, "not a JSON object"),
    "two objects": (lines(GOOD, link(2) + link(3)), 3, "not a JSON object"),
    "no authenticator": (lines(GOOD, link(2, authenticator_id=None)), 3,
                         "authenticator_id is missing"),
    "no user": (lines(GOOD, link(2, user_id=None)), 3, "user_id is missing"),
    "no creation": (lines(GOOD, link(2, created_at=None)), 3, "created_at is missing"),
    "no use": (lines(GOOD, link(2, last_used_at=None)), 3, "last_used_at is missing"),
    "unknown member": (lines(GOOD, link(2, rp_id="x")), 3, "unknown member"),
    "member twice": (lines(GOOD, link(2)[:-1] + ',"user_id":"eve"}'), 3, "not a JSON object"),
    "null platform": (lines(GOOD, link(2)[:-1] + ',"platform_name":null}'), 3,
                      "platform_name " + TEXT.format(256)),
    "user is a number": (lines(GOOD, link(2, user_id=7)), 3, "user_id " + TEXT.format(256)),
    "empty user": (lines(GOOD, link(2, user_id="")), 3, "user_id " + TEXT.format(256)),
    "long user": (lines(GOOD, link(2, user_id="é" * 129)), 3, "user_id " + TEXT.format(256)),
    "control character": (lines(GOOD, link(2, user_id="a\x1b[2J")), 3,
                          "user_id " + TEXT.format(256)),
    "non-character": (lines(GOOD, link(2, user_id="\uffff")), 3, "user_id " + TEXT.format(256)),
    "half a surrogate": (lines(GOOD, link(2, user_id="\ud800")), 3, "not a JSON object"),
    "escaped NUL": (lines(GOOD, link(2, user_id="a\0b")), 3, "not a JSON object"),
    "NUL": (lines(GOOD, link(2) + "\0"), 3, "not a JSON object"),
    "not UTF-8": (lines(GOOD, link(2)).encode().replace(b"a2", b"a\xff"), 3, "not a JSON object"),
    "long authenticator": (lines(GOOD, link("2" * 512)), 3,
                           "authenticator_id " + TEXT.format(512)),
    "time is a text": (lines(GOOD, link(2, created_at="5")), 3, "created_at " + NUMBER),
    "time is a fraction": (lines(GOOD, link(2, created_at=5.5)), 3, "created_at " + NUMBER),
    "negative time": (lines(GOOD, link(2, last_used_at=-1)), 3, "last_used_at " + NUMBER),
    "far time": (lines(GOOD, link(2, last_used_at=2**53)), 3, "last_used_at " + NUMBER),
    "very far time": (lines(GOOD, link(2, last_used_at=2**64)), 3, "not a JSON object"),
    "long line": (lines(GOOD, link(2) + " " * 17000), 3, "line too long"),
    "nested deeply": (lines(GOOD, "[" * 16000), 3, "not a JSON object"),
    "twice": (lines(link(1), link(2), link(1)), 4, "duplicate authenticator a1, first on line 2"),
    "of two users": (lines(link(1), link(2), link(2, "bob")), 4,
                     "duplicate authenticator a2, first on line 3"),
}


@pytest.mark.parametrize("text, line, said", MALFORMED.values(), ids=MALFORMED)
def test_malformed(host, write, text, line, said):
    file = write(text)
    for options in ([], ["--dry-run"], ["--any-tenancy"]):
        error = host.expect("import", *options, file, status=2)
        assert error.startswith(f"passlockctl: {file}:{line}: ")
        assert said in error
    assert imports(host) == []


def test_malformed_last_link(host, write):
    """The whole file is validated before the first link is sent."""
    file = write(lines(*[link(i) for i in range(3000)], link(7, "bob")))
    assert f"{file}:3002: duplicate authenticator a7, first on line 9" in host.expect(
        "import", file, status=2)
    assert imports(host) == []
    with open(file, "rb") as stdin:
        text = stdin.read().decode()
    assert "standard input:3002: " in host.expect("import", "-", stdin=text, status=2)
    assert imports(host) == []


def test_missing_last_newline(host, write):
    host.expect("import", write(lines(GOOD)[:-1]))


def test_crlf_line_ends(host, write):
    host.expect("import", write(lines(GOOD).replace("\n", "\r\n")))


@pytest.mark.parametrize("path, text", [
    ("missing", "No such file"), ("", "not a regular file"), ("/dev/null", "not a regular file")])
def test_unreadable_file(host, tmp_path, path, text):
    path = path if path.startswith("/") else f"{tmp_path}/{path}"
    assert text in host.expect("import", path, status=1)


def test_no_temporary_directory(host, tmp_path):
    said = host.expect("import", "-", stdin=lines(GOOD), status=1, TMPDIR=str(tmp_path / "no"))
    assert said == "passlockctl: Failed to open standard input: No such file or directory\n"
    host.expect("import", "-", stdin=lines(GOOD), TMPDIR=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("passlockctl")] == []


def test_another_tenancy(host, write):
    file = write(lines(GOOD).replace("tenancy-1", "elsewhere"))
    said = host.expect("import", file, status=2)
    assert said == (f"passlockctl: Failed to import {file}: exported from tenancy elsewhere, not"
                    " tenancy-1; use --any-tenancy to import it nevertheless\n")
    assert imports(host) == []
    host.expect("import", "--any-tenancy", file)
    assert len(imports(host)) == 1


# A short timeout if the call times out; the first batch must succeed within it.
@pytest.mark.parametrize("word, status, text, timeout", [
    ("error:12", 5, "text of 12", 60), ("error:18", 4, "text of 18", 60),
    ("error:19", 3, "text of 19", 60), ("die-always", 1, "Timed out", 5),
    ("bad-reply", 1, "unexpected reply", 60), ("hang", 1, "Timed out", 5)])
@pytest.mark.parametrize("options, end", [
    ([], "1000 of 1200 links were imported; repeat the command to continue"),
    (["--dry-run"], "nothing was changed")])
def test_fails_halfway(host, write, word, status, text, timeout, options, end):
    links = [link(i) for i in range(1200)]
    links[1000] = link(1000, word)
    file = write(lines(*links))
    said = host.expect("import", *options, f"--timeout={timeout}", file, status=status).splitlines()
    assert said[0] == f"passlockctl: Failed to import lines 1002 to 1201 of {file}:"
    assert text in said[1]
    assert said[2:] == [f"passlockctl: Stopped, {end}"]


def test_fails_with_calls_in_flight(host, write):
    """A long import has several calls in flight. Those after the failed one are waited for, and counted."""
    links = [link(i) for i in range(8000)]
    links[5000] = link(5000, "error:12")
    file = write(lines(*links))
    assert host.expect("import", file, status=5).splitlines() == [
        f"passlockctl: Failed to import lines 5002 to 6001 of {file}:",
        "passlockctl: text of 12",
        "passlockctl: Stopped, 6000 of 8000 links were imported; repeat the command to continue"]


def test_service_restart_with_calls_in_flight(host, write):
    links = [link(i) for i in range(8000)]
    links[6000], links[7000] = link(6000, "hang-once-1"), link(7000, "hang-once-2")
    with Terminal(host, "import", write(lines(*links))) as terminal:
        wait_for_import(host, "hang-once-1")
        wait_for_import(host, "hang-once-2")
        host.stop("service")
        host.start_service("links=2")
        status, output, _ = terminal.finish()
    assert status == 0
    assert "Added:              8000\n" in output


def test_service_restart(host, write):
    file = write(lines(*[link(i) for i in range(1000)], link(1000, "hang-once")))
    with Terminal(host, "import", file) as terminal:
        wait_for_import(host, "hang-once")
        host.stop("service")
        host.start_service("links=2")
        status, output, _ = terminal.finish()
    assert status == 0
    assert "Added:              1001\n" in output


def wait_for_import(host, user):
    while f"user_id={user} ".encode() not in host.service.stdout.readline():
        pass


@pytest.mark.parametrize("options, end", [
    ([], "2000 of 2500 links were imported; repeat the command to continue"),
    (["--dry-run"], "nothing was changed")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(host, write, options, end, number):
    """An interrupted import waits for the batch in flight, to report the number of imported links."""
    links = [link(i) for i in range(2500)]
    links[1000] = link(1000, "hang-once")
    with Terminal(host, "import", *options, write(lines(*links))) as terminal:
        terminal.read_until("] 1000 of about 2500 links")
        wait_for_import(host, "hang-once")
        terminal.process.send_signal(number)
        host.stop("service")
        host.start_service("links=2")
        status, output, seen = terminal.finish()
    assert (status, output) == (-number, "")
    assert seen.endswith(f"\r\x1b[Kpasslockctl: Stopped, {end}\n")
    assert len(imports(host)) == 3
