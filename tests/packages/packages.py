# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations on the packages."""

import functools
import re
import shutil
from pathlib import Path

from tests.harness import build_dir
from tests.system import host

NAMES = ("libpasslock0", "libpasslock-dev", "passlockd", "passlock-gate", "passlock-sandbox", "passlock-examples",
         "libjs-passlock", "python3-passlock", "php-passlock")
STATE = Path("/var/lib/passlockd")
LATER = "99.0"


def dpkg_command(*arguments) -> list[str]:
    """Runs dpkg without questions."""
    return ["env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *map(str, arguments)]


def dpkg(*arguments) -> str:
    return host.run(*dpkg_command(*arguments))


def installed_version(name: str) -> str | None:
    shown = host.run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name,
                     status=None).split()
    return shown[1] if shown[0] == "installed" else None


def file_version(file: Path) -> str:
    return host.run("dpkg-deb", "--field", file, "Version").strip()


@functools.cache
def files() -> tuple[Path, ...]:
    return tuple(next(build_dir().glob(f"{name}_*.deb")) for name in NAMES)


def install():
    """Installs all packages, unless this version is installed."""
    built = file_version(files()[0])
    if any(installed_version(name) != built for name in NAMES):
        dpkg("--install", *files())


@functools.cache
def later_files(directory: Path) -> dict[str, Path]:
    """Copies of the packages with a later version, for upgrades."""
    return {name: make_later(file, directory) for name, file in zip(NAMES, files())}


def make_later(file: Path, directory: Path) -> Path:
    tree = directory / "tree"
    later = directory / f"{file.stem}-later.deb"
    version = file_version(file)
    host.run("dpkg-deb", "--raw-extract", file, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {version}\n", f"Version: {LATER}\n")
                       .replace(f"(= {version})", f"(= {LATER})"))
    host.run("dpkg-deb", "--build", "-Znone", tree, later)
    shutil.rmtree(tree)
    return later


OLD_UNIT = """\
[Service]
Type=notify
BusName=dev.passlock.Passlock1
ExecStart=/usr/libexec/passlockd
User=passlock
StateDirectory=passlockd
StateDirectoryMode=0700
TimeoutStopSec=310
LoadCredentialEncrypted=passlock.default

[Install]
WantedBy=multi-user.target
Alias=dbus-dev.passlock.Passlock1.service
"""


def make_earlier(directory: Path) -> Path:
    """A package of an earlier version, in which the key holder is a child of the daemon."""
    tree, earlier = directory / "tree", directory / "passlockd-earlier.deb"
    file = files()[NAMES.index("passlockd")]
    host.run("dpkg-deb", "--raw-extract", file, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {file_version(file)}\n", "Version: 0.0.1\n"))
    for script in ("postinst", "prerm", "postrm"):
        text = (tree / "DEBIAN" / script).read_text()
        (tree / "DEBIAN" / script).write_text(re.sub(r"'?passlock-keyholder\.[a-z]+'?", "", text))
    for unit in [*tree.glob("**/systemd/system/passlock-*"), *tree.glob("**/system-generators/*")]:
        unit.unlink()
    (unit,) = tree.glob("**/systemd/system/passlockd.service")
    unit.write_text(OLD_UNIT)
    (sysusers,) = tree.glob("usr/lib/sysusers.d/*")
    sysusers.write_text("u passlock - - /var/lib/passlockd\n")
    host.run("dpkg-deb", "--build", "-Znone", tree, earlier)
    shutil.rmtree(tree)
    return earlier


def answer_purge_state(value: str):
    """Presets the answer of the purge question."""
    host.run("debconf-set-selections", stdin=f"passlockd passlockd/purge-state boolean {value}\n")
