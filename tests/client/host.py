# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus with a fake daemon, and passlockctl."""

import codecs
import contextlib
import os
import pty
import select
import signal
import subprocess
import textwrap

from tests.harness.build import binary, build_dir

PASSLOCKCTL = binary("passlockctl")
FAKE_SERVICE = build_dir() / "tests" / "client" / "fake-service"

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN'
 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>
<policy context='default'><allow own='*'/><allow send_destination='*'/>
<allow eavesdrop='true'/>{}</policy>{}</busconfig>
"""


class Host:
    """A bus, optionally with a fake daemon, and passlockctl."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {
            **os.environ,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={directory}/bus",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        self.bus = self.service = None

    def start_bus(self, policy="", more=""):
        config = self.directory / "bus.conf"
        config.write_text(BUS_CONFIG.format(self.directory, policy, more))
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

    def start_bus_that_activates(self, command=None):
        """Starts a bus with D-Bus activation by this command; without a command, activation hangs."""
        if not command:
            command = self.directory / "hangs"
            command.write_text(f"#!/bin/sh\necho $$ >>'{self.directory}/hanging'\nexec sleep 1000\n")
            command.chmod(0o755)
        services = self.directory / "services"
        services.mkdir()
        (services / "passlock.service").write_text(
            f"[D-BUS Service]\nName=dev.passlock.Passlock1\nExec={command}\n")
        self.start_bus(more=f"<servicedir>{services}</servicedir>")

    def stop(self, name):
        process = getattr(self, name)
        if name == "bus":
            self._end_activated()
        if process:
            process.kill()
            process.wait()
            process.stdout.close()
            setattr(self, name, None)

    def _end_activated(self):
        hanging = self.directory / "hanging"
        for pid in hanging.read_text().split() if hanging.exists() else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        hanging.unlink(missing_ok=True)

    def fake_programs(self, **scripts):
        """Puts shell scripts with these names first in $PATH."""
        directory = self.directory / "programs"
        directory.mkdir(exist_ok=True)
        for name, script in scripts.items():
            program = directory / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{script}")
            program.chmod(0o755)
        self.environment["PATH"] = f"{directory}:{os.environ['PATH']}"

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
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []


class Terminal:
    """passlockctl on a terminal; standard output is a pipe by default. `command` replaces the
    command line."""

    def __init__(self, host, *arguments, stdout=subprocess.PIPE, command=(PASSLOCKCTL,),
                 **environment):
        self.main, self.terminal = pty.openpty()
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.seen = ""
        self.process = subprocess.Popen(
            [*command, *arguments], stdin=self.terminal, stderr=self.terminal,
            stdout=stdout or self.terminal, text=True, start_new_session=True,
            env={**host.environment, **environment})

    def read_until(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.main], [], [], 60)
            assert ready, self.seen
            self.read()
        return self.seen

    def read(self):
        """Reads available output, which may end within a UTF-8 character."""
        self.seen += self.decoder.decode(os.read(self.main, 4096))

    def write(self, text):
        os.write(self.main, text.encode())

    def finish(self):
        """Returns exit status, standard output, and terminal output."""
        output, _ = self.process.communicate(timeout=60)
        while select.select([self.main], [], [], 0)[0]:
            self.read()
        return self.process.returncode, output, self.seen.replace("\r\n", "\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        os.close(self.main)
        os.close(self.terminal)


def golden(text):
    return textwrap.dedent(text).lstrip("\n")
