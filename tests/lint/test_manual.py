# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manual pages: those written by hand, and those generated from the header and the XML."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACES = sorted((ROOT / "dbus").glob("*.xml"))
WRITTEN = sorted(path for path in (ROOT / "doc/man").iterdir() if re.fullmatch(r"\.\d", path.suffix))


def run(*command):
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def manual(tmp_path_factory):
    """A directory with man3, man5 and man7 in it, as they are installed."""
    directory = tmp_path_factory.mktemp("man")
    made = (sys.executable, "-B")
    run(*made, "doc/man/from-header.py", "client/libpasslock/passlock.h", directory / "man3")
    run(*made, "doc/man/from-xml.py", directory / "man5", "doc/man/dev.passlock.Passlock1.5.in",
        "dbus/error.h", *INTERFACES)
    run(*made, "doc/man/gate-api.py", directory / "man7", "dbus/error.h", "gate/http-error.h", *INTERFACES)
    run(*made, "doc/man/from-metrics.py", directory / "man7/passlock-metrics.7", "doc/man/passlock-metrics.7.in",
        "daemon/metrics/metric.h")
    return directory


def alias_of(page):
    """The target of an alias page, or None."""
    found = re.fullmatch(r"\.so man\d/(\S+)\n", page.read_text())
    return page.parent / found[1] if found else None


def pages(manual):
    return [page for page in sorted(manual.glob("man?/*")) if not alias_of(page)]


def described(page, macro):
    return re.findall(rf"^\.{macro} (\S+)", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda path: path.stem)
def test_keys_have_a_meaning(interface):
    """A row without a description would not be parsed as a row."""
    assert not re.findall(r"^ +[a-z_]+ +(?:[stubas]|as)$", interface.read_text(), re.MULTILINE)


def test_pages_are_well_formed(manual):
    assert WRITTEN
    run("mandoc", "-Tlint", "-Wwarning", *WRITTEN, *pages(manual))


@pytest.mark.parametrize("page", [page for page in WRITTEN if page.name != "passlock-sandbox.1"], ids=lambda page: page.name)
def test_written_pages_fit_80_columns(page):
    """As man(1) shows them, without warnings of groff. The table of passlock-sandbox(1) is wider, and so are the
    prototypes in generated pages."""
    done = subprocess.run(["groff", "-ww", "-Wbreak", "-mandoc", "-Tutf8", "-P-c", "-rLL=80n", page], capture_output=True, text=True,
                          check=True)
    assert done.stderr == ""
    shown = re.sub(r".\x08", "", done.stdout).expandtabs()
    assert max(map(len, shown.splitlines()[1:-1])) <= 80, "beside header and footer"


def test_every_function_has_its_page(manual):
    exported = re.findall(r"^\s+(passlock_\w+);", (ROOT / "client/libpasslock/libpasslock.sym").read_text(), re.MULTILINE)
    assert len(exported) > 100
    for name in exported:
        page = manual / "man3" / f"{name}.3"
        page = alias_of(page) or page
        assert name in described(page, "Nm"), f"apropos does not find {name}"
        assert name in described(page, "Fo"), f"{name} is not in its SYNOPSIS"


def test_every_page_of_section_3_says_something(manual):
    """Each page has a description, and each call lists its errors."""
    for page in (manual / "man3").iterdir():
        if alias_of(page):
            continue
        text = page.read_text()
        assert re.search(r"^\.Sh DESCRIPTION\n.{10}", text, re.MULTILINE), page.name
        if "_async" in text:
            assert ".Sh RETURN VALUES" in text and ".Sh ERRORS" in text, page.name
        listed = text.partition(".Ss Functions")[2]
        for name in described(page, "Fo") if listed else []:
            assert name in listed or re.search(r"_(un)?ref$", name), f"{name} is not described"


def test_every_row_of_a_table_is_on_a_page(manual):
    """Each option, dictionary key and errno is on a page."""
    header = (ROOT / "client/libpasslock/passlock.h").read_text()
    xml = "".join(path.read_text() for path in INTERFACES)
    options = re.findall(r"^ \* {6}(\w+) {2,}(?:string|bool|uint32|strv|uint32_array) ", header, re.MULTILINE)
    keys = re.findall(r"^ +(\w+) +(?:a[su]|[bstu])  ", xml, re.MULTILINE)
    errnos = re.findall(r"^ \* {6}-(E\w+) ", header, re.MULTILINE)
    assert len(options) > 20 and len(keys) > 50 and len(errnos) > 5
    for section, rows in ("man3", options), ("man5", keys):
        assert sorted(rows) == sorted(name for page in pages(manual) if page.parent.name == section
                                      for name in described(page, "It Va"))
    listed = (manual / "man3/passlock_strerror.3").read_text()
    assert set(errnos) <= set(re.findall(r"^\.It Dv \\-(E\w+)", listed, re.MULTILINE))


def test_every_error_is_on_the_page_of_errors(manual):
    numbers = re.findall(r"^ +(PASSLOCK_ERROR_\w+) = ", (ROOT / "client/libpasslock/passlock.h").read_text(), re.MULTILINE)
    page = alias_of(manual / "man3/passlock_error.3").read_text()
    overview = (manual / "man5/dev.passlock.Passlock1.5").read_text()
    assert numbers
    for name in numbers:
        assert re.search(rf"^\.It Dv {name}\n\w", page, re.MULTILINE), name
        on_the_bus = name.removeprefix("PASSLOCK_ERROR_").title().replace("_", "")
        assert re.search(rf"^\.It Er \S+\.{on_the_bus}\n\w", overview, re.MULTILINE), on_the_bus


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.stem.rpartition(".")[2])
def test_every_member_is_on_the_page_of_its_interface(manual, path):
    interface = ElementTree.parse(path).find("interface")
    text = (manual / "man5" / f"{path.stem}.5").read_text()
    sections = dict(re.findall(r"^\.Ss (\w+)\n((?:(?!\.S[hs] ).*\n)*)", text, re.MULTILINE))
    members = [each for each in interface if each.tag in ("method", "signal", "property")]
    assert set(sections) == {each.get("name") for each in members}
    for each in members:
        for arg in each.findall("arg"):
            assert f"{arg.get('type')} {arg.get('name')}" in sections[each.get("name")].split("\n")[0]
        assert re.search(r"^[A-Z\"]", sections[each.get("name")], re.MULTILINE), each.get("name")


def test_pages_refer_to_pages_that_exist(manual):
    ours = {page.name for page in [*WRITTEN, *manual.glob("man?/*")]}
    for page in [*WRITTEN, *pages(manual)]:
        for name, number in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.MULTILINE):
            assert f"{name}.{number}" in ours or not re.search("passlock", name, re.IGNORECASE), (
                f"{page.name}: {name}({number})")


def test_what_has_no_comment_is_refused(tmp_path):
    header = (ROOT / "client/libpasslock/passlock.h").read_text()
    (tmp_path / "passlock.h").write_text(header.replace("/* Counts the links of the tenancy. */\n", ""))
    done = subprocess.run([sys.executable, "-B", "doc/man/from-header.py", tmp_path / "passlock.h", tmp_path / "man3"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "passlock_links_count has no comment" in done.stderr
