# SPDX-License-Identifier: LGPL-2.1-or-later
"""Facts that debian/ repeats agree with their source."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def test_version():
    ours = re.search(r"^\s+version : '([^']+)'", read("meson.build"), re.M)[1]
    assert read("debian/changelog").startswith(f"passlockd ({ours}) ")
    assert json.loads(read("browser/package.json"))["version"] == ours
    assert json.loads(read("clients/node/package.json"))["version"] == ours
    assert f'\nversion = "{ours}"\n' in read("clients/python/pyproject.toml")


def test_symbols():
    """Each symbol of the library has the version that it came with."""
    exported = re.findall(r"^\s+(passlock_\w+);", read("client/libpasslock/libpasslock.sym"), re.M)
    packaged = re.findall(r"^ (passlock_\w+)@LIBPASSLOCK_0 \d", read("debian/libpasslock0.symbols"),
                          re.M)
    assert exported
    assert sorted(packaged) == sorted(exported)


def test_build_dependencies_are_installed():
    """scripts/install-dependencies installs all Build-Depends."""
    field = re.search(r"^Build-Depends:\n((?: .*\n)+)", read("debian/control"), re.M)[1]
    needed = {"debhelper" if name == "debhelper-compat" else name
              for name in re.findall(r"^ ([\w.+-]+)", field, re.M)}
    lists = dict(re.findall(r"^(\w+)=\((.*?)\)", read("scripts/install-dependencies"), re.M | re.S))
    assert needed - {*lists["build"].split(), *lists["deb"].split()} == set()


def test_question_is_translatable():
    """The template for translators has the texts of the debconf question."""
    template = read("debian/passlockd.templates").partition("_Description: ")[2]
    texts = [" ".join(text.split()) for text in re.split(r"\n \.\n|(?<=\?)\n", template)]
    messages = ["".join(re.findall(r'"(.*)"', message)) for message in
                re.findall(r"^msgid (.*?)^msgstr", read("debian/po/templates.pot"), re.M | re.S)]
    assert messages[1:] == texts


def test_scripts():
    scripts = [path for directory in ("debian", "debian/tests")
               for path in sorted((ROOT / directory).iterdir())
               if path.is_file() and path.read_text().startswith("#!") and path.name != "rules"]
    assert len(scripts) >= 5
    for path in scripts:
        shell = path.read_text().split("\n")[0].removeprefix("#!")
        subprocess.run([shell, "-n", path], check=True)
        assert "SPDX-License-Identifier: LGPL-2.1-or-later" in path.read_text(), path
        if path.parent.name == "tests":
            assert path.stat().st_mode & 0o111, f"{path} is not executable"
