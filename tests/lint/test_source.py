# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of CONTRIBUTING.md that a program can check."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What each layer may include: itself and what is named here.
LAYERS = {
    "base": [],
    "dbus": ["base"],
    "dbus/right.h": [],
    "daemon/audit": ["daemon/metrics", "base", "dbus"],
    "daemon/backoff": ["base"],
    "daemon/memory": ["base"],
    "daemon/metrics": ["base", "dbus"],
    "daemon/model": ["base", "dbus/right.h"],
    "daemon/config": ["base", "daemon/model"],
    "daemon/store/lmdb": ["base", "dbus", "daemon/audit", "daemon/model"],
    "daemon/store/tables": ["base", "dbus", "daemon/model", "daemon/store/lmdb", "daemon/store/store.h"],
    "daemon/store/environment": ["base", "dbus", "daemon/model", "daemon/store/lmdb", "daemon/store/tables",
                                 "daemon/store/environment/store-copy.h",
                                 "daemon/store/store.h"],
    "daemon/store/changes": ["base", "dbus", "daemon/model", "daemon/store/lmdb", "daemon/store/tables",
                             "daemon/store/shared/revision-id.h", "daemon/store/store.h"],
    "daemon/store/engines": ["base", "dbus", "daemon/audit", "daemon/model", "daemon/store/lmdb", "daemon/store/tables",
                             "daemon/store/environment", "daemon/store/changes", "daemon/store/shared",
                             "daemon/store/shared/shared-log.h", "daemon/store/shared/replica.h",
                             "daemon/store/shared/revision-id.h"],
    "daemon/store/environment/store-copy.h": [],
    "daemon/store/shared/shared-log.h": ["base"],
    "daemon/store/shared/replica.h": ["base", "daemon/model", "daemon/store/lmdb", "daemon/store/shared/shared-log.h"],
    "daemon/store/shared": ["base", "dbus", "daemon/model", "daemon/store/lmdb", "daemon/store/tables",
                            "daemon/store/environment", "daemon/store/changes", "daemon/store/shared/shared-log.h",
                            "daemon/store/shared/replica.h", "daemon/store/shared/revision-id.h"],
    "daemon/store/shared/revision-id.h": ["base"],
    "daemon/store/store-shared.h": ["daemon/model", "daemon/store/shared/shared-log.h", "daemon/store/shared/replica.h",
                                    "daemon/store/store.h"],
    "daemon/etcd-log": ["base", "dbus", "daemon/etcd", "daemon/store/shared/shared-log.h",
                        "daemon/store/shared/revision-id.h"],
    "daemon/store/store.h": ["daemon/metrics", "base", "daemon/model"],
    "daemon/store": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/model", "daemon/store/lmdb", "daemon/store/tables",
                     "daemon/store/environment", "daemon/store/changes", "daemon/store/engines",
                     "daemon/store/shared/revision-id.h", "daemon/store/store.h", "daemon/store/store-shared.h"],
    "daemon/json": ["base", "dbus"],
    "daemon/id-token": ["base", "dbus", "daemon/json", "daemon/model"],
    "daemon/etcd": ["base", "dbus", "daemon/json"],
    "keyholder/protocol": ["base"],
    "keyholder/http": ["base"],
    "keyholder": ["base", "dbus", "daemon/model", "daemon/config", "daemon/memory", "keyholder/protocol",
                  "keyholder/http"],
    "daemon/api": ["daemon/metrics", "base", "dbus", "daemon/json", "daemon/model"],
    "daemon/holder": ["base", "daemon/model", "daemon/api", "daemon/etcd", "keyholder/protocol"],
    "daemon/core": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/backoff", "daemon/model", "daemon/store/store.h",
                    "daemon/api", "daemon/id-token"],
    "daemon/bus/dispatch": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/model", "daemon/core"],
    "daemon/bus/interfaces": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/model", "daemon/core", "daemon/bus/dispatch"],
    "daemon/bus": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/model", "daemon/core", "daemon/bus/dispatch",
                   "daemon/bus/interfaces"],
    "daemon": ["daemon/metrics", "base", "dbus", "daemon/audit", "daemon/backoff", "daemon/config", "daemon/memory", "daemon/model",
               "daemon/store/environment/store-copy.h", "daemon/store/store.h", "daemon/store/store-shared.h",
               "daemon/store/shared/shared-log.h", "daemon/store/shared/replica.h",
               "daemon/store/shared/revision-id.h", "daemon/etcd-log",
               "daemon/api", "daemon/core", "daemon/holder", "daemon/bus", "daemon/bus/dispatch"],
    "systemd": ["base", "daemon/model", "daemon/config"],
    "client/libpasslock/passlock.h": [],
    "client/libpasslock/types": ["base", "client/libpasslock/passlock.h"],
    "client/libpasslock/transport": ["base", "dbus", "client/libpasslock/passlock.h", "client/libpasslock/types"],
    "client/libpasslock/methods": ["base", "dbus", "client/libpasslock/passlock.h", "client/libpasslock/types",
                                   "client/libpasslock/transport"],
    "client/passlockctl/invocation.h": ["base"],
    "client/passlockctl/terminal": ["base", "client/passlockctl/invocation.h"],
    "client/passlockctl/links-file": ["base", "client/passlockctl/terminal"],
    "client/passlockctl/host": ["base", "dbus", "dbus/right.h"],
    "client/passlockctl/doctor": ["base", "client/passlockctl/invocation.h", "client/passlockctl/terminal",
                                  "client/passlockctl/host"],
    "client/passlockctl/set-key": ["base", "dbus", "client/passlockctl/invocation.h", "client/passlockctl/terminal",
                                   "client/passlockctl/host", "client/passlockctl/doctor"],
    "client/passlockctl/verbs": ["base", "dbus", "client/passlockctl/invocation.h", "client/passlockctl/terminal",
                                 "client/passlockctl/host", "client/passlockctl/links-file",
                                 "client/passlockctl/doctor", "client/passlockctl/set-key"],
    "client/passlockctl/command-line": ["base", "dbus", "client/passlockctl/invocation.h",
                                        "client/passlockctl/host", "client/passlockctl/verbs"],
    "client/passlockctl": ["base", "client/passlockctl/invocation.h", "client/passlockctl/terminal",
                           "client/passlockctl/host", "client/passlockctl/doctor",
                           "client/passlockctl/command-line"],
    "gate": ["base", "dbus", "dbus/right.h", "client/libpasslock/passlock.h", "client/libpasslock/methods",
             "client/libpasslock/transport", "client/libpasslock/types"],
    "sandbox": ["sandbox/http", "sandbox/tenancy"],
    "sandbox/http": ["sandbox/endpoints", "sandbox/tenancy", "sandbox/macro.h"],
    "sandbox/endpoints": ["sandbox/tenancy", "sandbox/webauthn", "sandbox/macro.h", "sandbox/script.h"],
    "sandbox/tenancy": ["sandbox/webauthn", "sandbox/macro.h"],
    "sandbox/webauthn": ["sandbox/macro.h"],
    "sandbox/macro.h": [],
    "sandbox/script.h": [],
    "examples/webapp": [],
}

# Libraries that only one layer knows: the header, and the files that may include it.
CONFINED = {
    r"systemd/sd-bus(-.*)?\.h": r"(daemon/bus|client|gate)/|tests/",
    r"systemd/sd-journal\.h": r"daemon/audit/|client/passlockctl/host/journal|tests/",
    r"curl/.*": r"keyholder/http/|client/passlockctl/host/libcurl|tests/",
    r"jansson\.h": r"daemon/(json|id-token|etcd)/|daemon/api/api-json|sandbox/|examples/|client/|gate/|tests/",
    r"cjose/.*": r"daemon/id-token/|sandbox/|tests/",
    r"lmdb\.h": r"daemon/store/|tests/",
    r"microhttpd\.h": r"gate/|sandbox/|examples/|tests/",
    r"fido\.h|fido/.*|cbor\.h": r"sandbox/|tests/",
}

# Other versions format differently; continuous integration runs on Debian 12, which has this one.
FORMATTER = "clang-format-14"


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard", *patterns],
                            cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]


def includes(path, quoted):
    pattern = r'^\s*#\s*include\s+' + (r'"([^"]+)"' if quoted else r'<([^>]+)>')
    return re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE)


def layer_of(path):
    return next((layer for layer in sorted(LAYERS, key=len, reverse=True)
                 if path.is_relative_to(layer)), None)


C_FILES = tracked("*.c", "*.h")


def test_there_are_sources():
    assert len(C_FILES) > 50


def test_no_include_points_upward():
    wrong = []
    for path in C_FILES:
        layer = layer_of(path)
        if layer is None:
            continue
        for name in includes(path, quoted=True):
            target = layer_of(Path(name))
            if target not in (None, layer, *LAYERS[layer]):
                wrong.append(f"{path}: {name}")
    assert not wrong


def test_includes_are_written_from_the_top():
    wrong = [f"{path}: {name}" for path in C_FILES for name in includes(path, quoted=True)
             if not (ROOT / name).exists() and name != "build-config.h"]
    assert not wrong


@pytest.mark.parametrize("header", CONFINED)
def test_library_is_known_to_its_layer_only(header):
    wrong = [str(path) for path in C_FILES for name in includes(path, quoted=False)
             if re.fullmatch(header, name) and not re.match(CONFINED[header], str(path))]
    assert not wrong


def test_every_source_names_its_licence():
    sources = tracked("*.c", "*.h", "*.py", "*.js", "*.mjs", "*.css", "meson.build",
                      "*/meson.build", "scripts/*", "completions/*", ".ci/run")
    wrong = [str(path) for path in sources
             if "SPDX-License-Identifier: LGPL-2.1-or-later" not in
             (ROOT / path).read_text()[:400] and path.suffix != ".ini"]
    assert not wrong


@pytest.mark.skipif(not shutil.which(FORMATTER), reason=f"{FORMATTER} is not installed (Debian 12 has it)")
def test_c_is_formatted():
    done = subprocess.run([FORMATTER, "--dry-run", "--Werror", *map(str, C_FILES)],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completions_are_of_their_shell(shell):
    completions = tracked(f"completions/{shell}/*")
    assert completions
    for path in completions:
        subprocess.run([shell, "-n", str(path)], cwd=ROOT, check=True)


@pytest.mark.parametrize("name,exposure_max", [
    ("passlockd", 2), ("passlock-gate@", 3), ("passlock-metrics", 4), ("passlock-keyholder", 10)])
def test_unit_is_exposed_little(tmp_path, name, exposure_max):
    """`systemd-analyze security` rates the units at most 0.2, 0.3, 0.4 and 1.0 of 10."""
    unit = tmp_path / f"{name}.service"
    unit.write_text(next((ROOT / "systemd").glob(f"{name}.service*")).read_text()
                    .replace("@libexecdir@", "/usr/libexec").replace("@bindir@", "/usr/bin"))
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={exposure_max}", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_daemon_has_neither_network_nor_keys():
    """Settings that the exposure does not count, or not alone."""
    lines = (ROOT / "systemd/passlockd.service.in").read_text().splitlines()
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(lines)
    assert not [line for line in lines if "Credential" in line]


def test_scripts_are_shell():
    scripts = [path for path in tracked("scripts/*", ".ci/run")
               if (ROOT / path).read_text().startswith("#!/bin/bash")]
    assert scripts
    for path in scripts:
        assert (ROOT / path).stat().st_mode & 0o111, f"{path} is not executable"
        subprocess.run(["bash", "-n", str(path)], cwd=ROOT, check=True)


def test_nothing_is_left_undone():
    marks = re.compile("TO" + "DO|FIX" + "ME|X" + "XX")
    wrong = [str(path) for path in tracked("*.c", "*.h", "*.py", "*.js", "*.mjs", "*.md")
             if path != Path(__file__).relative_to(ROOT) and marks.search((ROOT / path).read_text())]
    # mkstemp() and mkdtemp() templates are no marks
    wrong = [name for name in wrong
             if marks.search(re.sub("XXX" "XXX", "", (ROOT / name).read_text()))]
    assert not wrong


def test_code_map_of_readme():
    """Each folder of the code map exists, and each layer is in it."""
    rows = re.findall(r"^\| (`.*?/`) \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    folders = {name.rstrip("/") for row, _ in rows for name in re.findall(r"`(\S+/)`", row)}
    inner = {f"{folder.rstrip('/')}/{name.rstrip('/')}" for row, text in rows
             for folder in re.findall(r"`(\S+/)`", row) for name in re.findall(r"`([\w-]+/)`", text)}
    assert [name for name in folders | inner if not (ROOT / name).is_dir()] == []
    layers = {layer for layer in LAYERS if (ROOT / layer).is_dir()}
    assert layers - folders - inner == {"examples/webapp"}
