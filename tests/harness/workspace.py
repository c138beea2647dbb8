# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory for one set of programs: sockets, state, logs."""

import atexit
import shutil
import tempfile
from pathlib import Path


class Workspace:
    """A directory that all users can search, because programs of other users connect to the bus in it."""

    def __init__(self, keep: bool = False, path: Path | None = None):
        self.path = path or Path(tempfile.mkdtemp(prefix="passlock-"))
        self.path.mkdir(exist_ok=True)
        self.path.chmod(0o755)
        self.keep = keep
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def private_dir(self, name: str) -> Path:
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def part(self, name: str) -> "Workspace":
        """A workspace within this one."""
        return Workspace(self.keep, self / name)

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def close(self):
        atexit.unregister(self.close)
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)
