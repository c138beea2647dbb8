# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recipes of doc/containers.md that tests/system does not run are consistent with those that it does."""

import configparser
import re

import pytest
import yaml

from tests.harness import document

CHAPTER = "containers.md"
DIRECTORY = "/run/passlock-gate/shop"
IMAGE = "registry.example/shop:1"
UID = 2001
SOCKET = f"{DIRECTORY}/socket"
VARIABLE = f"PASSLOCK_GATE={SOCKET}"


def settings(title: str, number: int = 0) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str
    parser.read_string(document.blocks(CHAPTER, title, "ini")[number])
    return parser


def manifest(title: str) -> dict:
    (block,) = document.blocks(CHAPTER, title, "yaml")
    return yaml.safe_load(block)


def test_user_has_the_uid_and_the_gate():
    useradd, *_, enable = [line for line in document.commands(CHAPTER, "The app's gate") if line.startswith("#")]
    assert f"--uid {UID} " in useradd and useradd.split()[-1] == "shop"
    assert enable.split()[-1] == "passlock-gate@shop.socket"


def test_quadlet():
    quadlet = settings("podman")
    unit = quadlet["Container"]
    assert unit["Image"] == IMAGE
    assert unit["Volume"] == f"{DIRECTORY}:{DIRECTORY}:ro"
    assert unit["Environment"] == VARIABLE
    uid, gid = unit["User"].split(":")
    assert unit["UserNS"] == f"keep-id:uid={uid},gid={gid}"
    # Units of the system are unknown to the systemd of a user.
    assert "passlock-gate@" not in str({name: dict(quadlet[name]) for name in quadlet})


def test_podman_run():
    (run,) = [line for line in document.commands(CHAPTER, "podman") if line.startswith("$ podman")]
    assert run.replace("\\\n", "").split()[-3:] == [f"--env={VARIABLE}", f"--volume={DIRECTORY}:{DIRECTORY}:ro", IMAGE]


def test_compose():
    shop = manifest("compose")["services"]["shop"]
    assert (shop["image"], shop["user"]) == (IMAGE, f"{UID}:{UID}")
    assert shop["environment"] == {"PASSLOCK_GATE": SOCKET}
    assert shop["volumes"] == [{"type": "bind", "source": DIRECTORY, "target": DIRECTORY, "read_only": True,
                                "bind": {"create_host_path": False}}]


def test_kubernetes():
    spec = manifest("Kubernetes")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    (volume,) = pod["volumes"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert {key: pod["securityContext"][key] for key in ("runAsUser", "runAsGroup")} == {"runAsUser": UID, "runAsGroup": UID}
    assert container["image"] == IMAGE
    assert container["env"] == [{"name": "PASSLOCK_GATE", "value": SOCKET}]
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": DIRECTORY, "readOnly": True}]
    assert volume["hostPath"] == {"path": DIRECTORY, "type": "Directory"}


def test_flatpak():
    described = manifest("flatpak")
    (command,) = document.commands(CHAPTER, "flatpak")
    assert command.split()[-2:] == [*described["finish-args"], described["id"]]
    assert described["finish-args"] == [f"--filesystem={DIRECTORY}:ro"]


def test_nspawn():
    first = settings("systemd-nspawn")["Exec"]["PrivateUsers"]
    assert settings("systemd-nspawn")["Files"]["BindReadOnly"] == DIRECTORY
    assert settings("systemd-nspawn", 1)["Socket"]["ExecStartPost"] == f"chown {first}:{first} {SOCKET}"
    assert settings("systemd-nspawn", 2)["Files"]["BindReadOnly"] == f"{DIRECTORY}:{DIRECTORY}:idmap"
    for number in (0, 2):
        assert settings("systemd-nspawn", number)["Exec"]["Environment"] == VARIABLE


@pytest.mark.parametrize("title", ["podman", "compose", "Kubernetes", "systemd-nspawn", "flatpak"])
def test_recipes_mount_the_directory_only(title):
    text = document.section(CHAPTER, title)
    mounts = {path for path in re.findall(r"/run/[\w/@.-]+", text) if not path.startswith(f"{DIRECTORY}/")}
    assert mounts == {DIRECTORY}
    assert "/run/dbus" not in text
