# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is generated from the XML for passlock-gate: a method that is added to the XML is in all of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACES = ("Manager", "Tenancy", "Links", "Vault", "Mailbox")
NEW = """
    <!-- Rename: renames a user. Idempotent.
         @user_id: the old id.
         @options: all optional:
           new_id   s   the new id
           force    b   even if there is one
                        of that name (default: false)
           limit    t   at most so many
         @links: the user's links.
         Errors: NotFound. -->
    <method name="Rename">
      <arg name="user_id" type="s" direction="in"/>
      <arg name="options" type="a{sv}" direction="in"/>
      <arg name="links" type="aa{sv}" direction="out"/>
      <arg name="renamed" type="t" direction="out"/>
    </method>
  </interface>"""


def run(*command, status: int = 0) -> str:
    done = subprocess.run([sys.executable, "-B", *map(str, command)], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    """Copies of the XML."""
    for name in INTERFACES:
        shutil.copy(ROOT / f"dbus/dev.passlock.Passlock1.{name}.xml", tmp_path)
    return {name: tmp_path / f"dev.passlock.Passlock1.{name}.xml" for name in INTERFACES}


def change(path: Path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def generate(files, tmp_path, status: int = 0) -> tuple[str, dict]:
    source, description = tmp_path / "methods.c", tmp_path / "openapi.json"
    said = run(ROOT / "gate/generate.py", source, description, "1", ROOT / "dbus/error.h",
               ROOT / "gate/http-error.h", *files.values(), status=status)
    return (source.read_text(), json.loads(description.read_text())) if status == 0 else (said, {})


def manual(files, tmp_path) -> str:
    run(ROOT / "doc/man/gate-api.py", tmp_path / "man7", ROOT / "dbus/error.h", ROOT / "gate/http-error.h",
        *files.values())
    page = tmp_path / "man7/passlock-gate-api.7"
    linted = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
    assert linted.stdout == ""
    return page.read_text()


def test_new_method(files, tmp_path):
    change(files["Links"], "\n  </interface>", NEW)
    source, description = generate(files, tmp_path)
    assert '"Links.Rename"' in source
    assert '{"new_id", "s"}, {"force", "b"}, {"limit", "t"}, {}}, true}' in source
    operation = description["paths"]["/v1/Links.Rename"]["post"]
    assert operation["summary"] == "renames a user."
    assert "NotFound" not in operation["description"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"user_id", "new_id", "force", "limit"}
    assert body["required"] == ["user_id"]
    assert body["properties"]["force"] == {
        "type": "boolean", "description": "even if there is one of that name (default: false)"}
    reply = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert reply["properties"]["links"]["items"] == {"$ref": "#/components/schemas/link"}
    assert reply["properties"]["renamed"]["type"] == "integer"
    assert "POST /v1/Links.Rename" in manual(files, tmp_path)


def test_errors_are_listed(files, tmp_path):
    _, description = generate(files, tmp_path)
    page = manual(files, tmp_path)
    names = description["components"]["schemas"]["error"]["properties"]["error"]["enum"]
    assert {"LinkConflict", "InvalidArgs", "BodyTooLarge", "Unavailable"} <= set(names)
    assert len(names) == len(set(names)) > 25
    assert [name for name in names if f" Er {name}\n" not in page] == []
    assert {"409", "429", "503", "507"} <= set(description["components"]["responses"])


def test_option_with_the_name_of_an_argument(files, tmp_path):
    change(files["Links"], "\n  </interface>", NEW.replace("new_id   s", "user_id  s"))
    assert "Links.Rename has an option with the name of an argument" in generate(files, tmp_path, 1)[0]


def test_argument_that_does_not_exist(files, tmp_path):
    change(files["Links"], "\n  </interface>", NEW.replace("@links", "@link"))
    assert "Rename has no argument link" in generate(files, tmp_path, 1)[0]


def test_type_without_a_schema(files, tmp_path):
    change(files["Links"], "\n  </interface>", NEW.replace('"t" direction="out"', '"h" direction="out"'))
    assert "No schema for the D-Bus type h" in generate(files, tmp_path, 1)[0]
