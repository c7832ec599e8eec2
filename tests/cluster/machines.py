"""Machines made of this one: each with processes, a network address, a /tmp and a home of its own.

A machine is an sshd in namespaces of its own (process, network, mount and host name), on a bridge that
only machines are on; what is started in it dies with it. `ray stop`, which ends every Ray process that
it can see, sees only the machine's own. The laptop is a network namespace without an sshd.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NET = "10.77.0"
WAIT = 30  # seconds for an sshd
SSHD_CONFIG = """\
ListenAddress {ip}
HostKey {home}/host_key
AuthorizedKeysFile {home}/.ssh/authorized_keys
PidFile none
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
"""


def sh(*command: str | Path, **options: object) -> str:
    """Run a command; what it prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def lacking() -> str:
    """What this machine lacks for making others of it; nothing where it can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    missing = [name for name in ("ip", "unshare", "nsenter", "ssh", "rsync") if not shutil.which(name)]
    missing += [] if Path("/usr/sbin/sshd").exists() else ["sshd"]
    if missing:
        return f"not installed: {', '.join(missing)} (`make test-cluster` installs them)"
    tried = subprocess.run(["unshare", "-m", "-p", "-n", "-u", "-f", "true"], capture_output=True, text=True)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


@dataclass
class Machine:
    """A machine with an address; `process` is its sshd, in namespaces of its own."""

    name: str
    ip: str
    home: Path
    namespace: str
    process: "subprocess.Popen[bytes] | None" = None

    def ports(self) -> list[tuple[str, int]]:
        """(address, port) of every socket that listens there."""
        lines = sh("ip", "netns", "exec", self.namespace, "ss", "-Hltn").splitlines()
        ends = [line.split()[3].rpartition(":") for line in lines]
        return sorted({(host.strip("[]"), int(port)) for host, _, port in ends})

    def kill(self) -> None:
        """Cut its power."""
        if self.process:
            self.process.kill()
            self.process.wait()


@dataclass
class Network:
    """Machines that see each other, and a laptop that sees them."""

    base: Path
    stack: ExitStack
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def shared(self) -> Path:
        """A folder that all machines see, as if by NFS."""
        return self.base / "shared"

    @property
    def key(self) -> Path:
        """The private key that opens all of them."""
        return self.base / "laptop" / "id_ed25519"

    def add(self, name: str, number: int, *, sshd: bool = True) -> Machine:
        """A further machine."""
        machine = Machine(name, f"{NET}.{number}", self.base / name, f"rt{os.getpid()}-{name}")
        machine.home.mkdir()
        self._connect(machine, number)
        if sshd:
            self._start(machine)
        self.machines[name] = machine
        return machine

    def run(
        self, *command: str, cwd: Path, env: Mapping[str, str] | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """A command on the laptop, as if typed in `cwd`; its output, standard error included."""
        done = subprocess.run(
            self.typed(*command),
            cwd=cwd,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
        return done

    def typed(self, *command: str) -> list[str]:
        """What runs a command on the laptop."""
        return ["ip", "netns", "exec", self.machines["laptop"].namespace, *command]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The laptop's: its own home, the environment's programs, nothing of this process's Ray."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TUNE_", "PYTEST"))}
        tools = str(Path(sys.executable).parent)
        mine = {"HOME": str(self.base / "laptop"), "RAY_TMPDIR": str(self.base / "laptop" / "tmp")}
        mine |= {"PATH": f"{tools}:{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0", "TERM": "dumb"}
        return {**kept, **mine, **(more or {})}

    def _connect(self, machine: Machine, number: int) -> None:
        hub, space = f"rt{os.getpid()}-hub", machine.namespace
        inside, outside = f"v{os.getpid()}i", f"v{os.getpid()}n{number}"
        sh("ip", "netns", "add", space)
        self.stack.callback(sh, "ip", "netns", "delete", space)
        sh("ip", "-n", hub, "link", "add", outside, "type", "veth", "peer", "name", inside)
        sh("ip", "-n", hub, "link", "set", inside, "netns", space)
        sh("ip", "-n", hub, "link", "set", outside, "master", "hub", "up")
        for link in ("lo", inside):
            sh("ip", "-n", space, "link", "set", link, "up")
        sh("ip", "-n", space, "address", "add", f"{machine.ip}/24", "dev", inside)
        # Nothing is behind it, but by their default route machines tell which address is theirs.
        sh("ip", "-n", space, "route", "add", "default", "via", f"{NET}.254")

    def _start(self, machine: Machine) -> None:
        home, tmp = machine.home, self.base / f"{machine.name}-tmp"
        tmp.mkdir(mode=0o1777)
        (home / ".ssh").mkdir(mode=0o700)
        shutil.copy(self.key.with_suffix(".pub"), home / ".ssh" / "authorized_keys")
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "host_key")
        (home / "sshd_config").write_text(SSHD_CONFIG.format(ip=machine.ip, home=home))
        root = pwd.getpwuid(0).pw_dir
        users = Path("/etc/passwd").read_text().replace(f":{root}:", f":{home}:", 1)
        (home / "passwd").write_text(users)
        # What a user of the machine has set up: a Python, and packages without a network.
        python = Path(sys.executable).resolve().parent
        cache = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
        settings = {"PATH": f"{python}:$PATH", "UV_CACHE_DIR": str(cache), "UV_OFFLINE": "1"}
        settings |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.base / "wheels")}
        lines = [f'export {name}="{value}"' for name, value in settings.items()]
        (home / ".bashrc").write_text("\n".join(lines) + "\n")
        inside = (
            f"mount --bind {home}/passwd /etc/passwd && mount --bind {tmp} /tmp && hostname {machine.name} "
            f"&& mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e -f {home}/sshd_config"
        )
        command = ["ip", "netns", "exec", machine.namespace, "unshare", "--mount", "--pid", "--uts", "--fork"]
        command += ["--kill-child=KILL", "--mount-proc", "bash", "-c", inside]
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        with open(home / "sshd.log", "wb") as log:
            machine.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=kept
            )
        self.stack.callback(machine.kill)
        until = time.monotonic() + WAIT
        while (machine.ip, 22) not in machine.ports():
            assert machine.process.poll() is None and time.monotonic() < until, (
                home / "sshd.log"
            ).read_text()
            time.sleep(0.1)


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """A laptop and machines of these names, for as long as the context lasts."""
    with ExitStack() as stack:
        # Not in /tmp: machines have one of their own.
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="randteach-", dir="/var/tmp")))
        made = Network(base, stack)
        hub = f"rt{os.getpid()}-hub"
        sh("ip", "netns", "add", hub)
        stack.callback(sh, "ip", "netns", "delete", hub)
        sh("ip", "-n", hub, "link", "add", "hub", "type", "bridge")
        sh("ip", "-n", hub, "link", "set", "hub", "up")
        made.shared.mkdir()
        wheels = ["--dest", base / "wheels", "--constraint", "constraints.txt", "uv"]
        sh(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *wheels)
        made.add("laptop", 1, sshd=False)
        (base / "laptop" / "tmp").mkdir()
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made.key)
        for number, name in enumerate(names, start=2):
            made.add(name, number)
        yield made
