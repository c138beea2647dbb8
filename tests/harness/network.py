# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts of a network of their own, which can be cut off: a network namespace each, on one bridge."""

import subprocess

from .process import Process
from .workspace import Workspace

NETWORK = "10.55.0"


class Namespace(Process):
    """A network namespace, which lasts as long as its process."""

    name = "namespace"

    def command(self):
        return ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep infinity"]

    def wait_ready(self):
        self.read_line()

    @property
    def prefix(self) -> tuple[str, ...]:
        """Of a command line: runs the command inside."""
        return "nsenter", f"--net=/proc/{self.pid}/ns/net", "--"

    def run(self, command: str, check: bool = True):
        subprocess.run([*self.prefix, *command.split()], check=check)


class Host(Namespace):
    """A host with an address."""

    def __init__(self, work: Workspace, network: "Network", number: int):
        super().__init__(work.log(f"network-{number}"))
        self.network = network
        self.number = number
        self.address = f"{NETWORK}.{number}"

    def connect(self):
        self.start()
        self.network.bridge.run(f"ip link add host{self.number} type veth peer name eth0 netns {self.pid}")
        self.network.bridge.run(f"ip link set host{self.number} master bridge up")
        self.run(f"ip address add {self.address}/24 dev eth0")
        self.run("ip link set eth0 up")

    def cut(self):
        """Drops all packets from and to the host, without an error to anybody."""
        self.network.bridge.run(f"ip link set host{self.number} down")

    def join(self):
        self.network.bridge.run(f"ip link set host{self.number} up")

    def drop(self, other: "Host"):
        """Drops packets to one other host, so that no connection between the two goes on."""
        self.run(f"ip route add blackhole {other.address}")

    def stop_dropping(self, other: "Host"):
        self.run(f"ip route del blackhole {other.address}")


class Network:
    """A bridge and the hosts on it, which can only reach each other."""

    def __init__(self, work: Workspace):
        self.work = work
        self.bridge = Namespace(work.log("network"))
        self.hosts: list[Host] = []

    def start(self):
        self.bridge.start()
        self.bridge.run("ip link add bridge type bridge")
        self.bridge.run(f"ip address add {NETWORK}.1/24 dev bridge")
        self.bridge.run("ip link set bridge up")

    def add(self) -> Host:
        host = Host(self.work, self, len(self.hosts) + 2)
        host.connect()
        self.hosts.append(host)
        return host

    def stop(self):
        for namespace in (*self.hosts, self.bridge):
            namespace.kill9()
