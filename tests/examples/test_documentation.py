# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs in doc/apps.md work as printed; names in doc/apps.md and doc/admin.md exist."""

import os
import re
import shlex
import subprocess

import pytest

from conftest import ROOT
from harness.build import binary, build_dir

APPS = (ROOT / "doc/apps.md").read_text()
ADMIN = (ROOT / "doc/admin.md").read_text()
QUICKSTART = (ROOT / "doc/quickstart.md").read_text()
SECURITY = (ROOT / "doc/security.md").read_text()
NAMES = {"c": "app.c", "python": "app.py", "php": "app.php", "bash": "app.sh"}


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", APPS, re.MULTILINE | re.DOTALL)
    return found


def build(source, program):
    options = ["-fsanitize=address,undefined"] if b"__asan_init" in binary("passlockctl").read_bytes() else []
    library = build_dir() / "client/libpasslock"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", *options, f"-I{ROOT / 'client/libpasslock'}", source, "-o", program,
                    f"-L{library}", f"-Wl,-rpath,{library}", "-lpasslock"], check=True)


def command(work, language):
    source = work / NAMES[language]
    source.write_text(block(language))
    if language == "c":
        build(source, work / "app")
        return [work / "app"]
    interpreter = {"python": "/usr/bin/python3", "php": "php", "bash": "bash"}[language]
    return [interpreter, source]


@pytest.mark.parametrize("language", NAMES)
def test_programs(host, tmp_path, language):
    """Each program takes a user id, prints a token, reads a code, and prints the authenticator id."""
    for client in ("python/passlock.py", "php/passlock.php"):
        (tmp_path / client.rpartition("/")[2]).symlink_to(ROOT / "examples" / client)
    app = command(tmp_path, language)
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": host.bus.address, "PYTHONDONTWRITEBYTECODE": "1",
                   "PATH": f"{binary('passlockctl').parent}:{os.environ['PATH']}"}

    def run(user, code_of):
        with subprocess.Popen([*map(str, app), user], cwd=tmp_path, env=environment, text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            code = code_of(child.stdout.readline().strip())
            out, error = child.communicate(code + "\n", timeout=60)
            return child.returncode, out.strip(), error

    user = f"reader-of-{language}"
    status, authenticator, error = run(user, host.page().register)
    assert (status, error) == (0, "")
    assert host.links()[authenticator] == user
    before = host.links()
    status, out, error = run("somebody", lambda _: "no-such-code")
    assert status != 0 and out == "" and error
    assert host.links() == before


def test_every_error_has_advice():
    errors = set(re.findall(r'ERROR_(?:OURS|STANDARD)\("(\w+)"\)', (ROOT / "dbus/error.h").read_text()))
    errors.add("Unavailable")  # of passlock-gate
    table = APPS.partition("## Errors and remedies")[2].partition("\n## ")[0]
    advised = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert advised == errors


def test_every_right_is_explained():
    rights = re.search(r"\.It Cm Allow=\nA list of\n(.*?)\.It", (ROOT / "doc/man/passlockd.conf.5").read_text(), re.DOTALL)[1]
    rights = {name for name in re.findall(r"[\w.]+", rights) if name[:1].isupper()}
    table = ADMIN.partition("| right |")[2].partition("\n\n")[0]
    assert {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
            for name in re.findall(r"`([\w.]+)`", row)} == rights


def test_tests_that_are_named_exist():
    tests = re.findall(r"`(?:tests/\w+/)?(test[-_][\w-]+\.(?:py|c))`", SECURITY)
    assert len(tests) > 10
    for name in tests:
        assert list((ROOT / "tests").glob(f"*/{name}")), name


@pytest.mark.parametrize("text", [APPS, ADMIN, QUICKSTART, SECURITY], ids=["apps", "admin", "quickstart", "security"])
def test_links_lead_somewhere(text):
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
        assert (ROOT / "doc" / target).exists(), target


def commands(text):
    """The passlockctl commands in console blocks."""
    for shown in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^[#$] (passlockctl .*)$", shown, re.MULTILINE):
            yield shlex.split(line.partition(" >")[0])[1:]


DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "doc").glob("*.md"), *(ROOT / "doc/man").glob("*.[1-8]"),
                    *(ROOT / "examples").glob("*/README.md")])
# What writes links, or a key, to a file of the shell's making, or of another program's.
WRITES_SECRETS = re.compile(r"passlockctl[^|\n]* export\b[^|\n]*>|systemd-creds[^\n]* encrypt\b|openssl rand[^|\n]*>"
                            r"|> *\S*\bkey\b")


def recipes(text):
    """Groups of commands: code blocks, code spans, and consecutive lines of manual pages."""
    text = text.replace("\\-", "-").replace("\\e\n", "\n").replace("\\\n", "\n")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [block for language, block in blocks if language in ("", "console", "bash")]
    found += re.findall(r"^\.Bd .*?\n(.*?)^\.Ed$", text, re.MULTILINE | re.DOTALL)
    found += re.findall(r"(?:^\.Dl .*\n)+", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    return found


def test_recipes_write_for_their_owner_only():
    """Recipes that write links or keys set the umask: shells create files that everybody can read."""
    n_found = 0
    for document in DOCUMENTS:
        for recipe in recipes(document.read_text()):
            for match in WRITES_SECRETS.finditer(recipe):
                n_found += 1
                assert "umask 077" in recipe[:match.start()], f"{document.relative_to(ROOT)}: {recipe}"
    assert n_found >= 5


def test_commands_of_passlockctl_exist():
    """Commands and options exist in --help."""
    text = subprocess.run([binary("passlockctl"), "--help"], capture_output=True, text=True, check=True).stdout
    verbs, options = set(re.findall(r"^  ([a-z-]+)", text, re.MULTILINE)), set(re.findall(r"--[a-z-]+", text))
    shown = [*commands(ADMIN), *commands(QUICKSTART)]
    assert len(shown) > 5
    for line in shown:
        verb = [word for word in line if not word.startswith("-")][:1]
        assert verb[0] in verbs, line
        assert {word.partition("=")[0] for word in line if word.startswith("--")} <= options, line
