"""infra/onprem.yaml on machines of the test's own, used as docs/cluster.md says."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.machines import Machine, Network
from tests.faults.harness import wait_for

SENT = (
    "randteach",
    "loaders",
    "sweeps",
    "examples",
    "infra",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
)
STUDY = "--preset mini seed=0 alpha=0.3,0.6 net.width=4 data.train_size=1000 probe.train_size=500 "
STUDY += "probe.test_size=300 head.hidden_dims=[32] head.bottleneck_dim=16 head.out_dim=64 probe.at=[0,1] "
STUDY += "distill.epochs=4"


@dataclass
class Onprem:
    """A cluster of two machines; `times` takes what each step took."""

    network: Network
    times: list[tuple[str, float]]

    def __post_init__(self) -> None:
        self.checkout = self.network.base / "checkout"  # the laptop's
        self.checkout.mkdir()
        for name in SENT:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy
            copy(name, self.checkout / name)
        config = yaml.safe_load((self.checkout / "infra/onprem.yaml").read_text())
        config["cluster_name"] = f"test{os.getpid()}"
        config["provider"] |= {"head_ip": self.head.ip, "worker_ips": [self.worker.ip]}
        config["auth"] = {"ssh_user": "root", "ssh_private_key": str(self.network.key)}
        # Made of this machine, they share its cores, and would each start as many workers as it has.
        share = f"ray start --num-cpus={max(1, (os.cpu_count() or 2) // 2)}"
        for name in ("head_start_ray_commands", "worker_start_ray_commands"):
            config[name] = [command.replace("ray start", share) for command in config[name]]
        text = yaml.safe_dump(config).replace("/shared/randteach", str(self.network.shared))
        self.file = self.network.base / "onprem.yaml"
        self.file.write_text(text)

    @property
    def head(self) -> Machine:
        return self.network.machines["head"]

    @property
    def worker(self) -> Machine:
        return self.network.machines["worker"]

    @property
    def environment(self) -> dict[str, str]:
        """What is set in the laptop's shell."""
        return {"RAY_AUTH_MODE": "token", "PYTHONPATH": str(self.checkout)}

    @property
    def laptop(self) -> str:
        """The laptop's network namespace."""
        return self.network.machines["laptop"].namespace

    @property
    def results(self) -> Path:
        """What sweeps leave beside the artifacts of the shared store."""
        return self.network.shared / "reports"

    def type(self, *command: str, check: bool = True, step: str = "") -> str:
        """Type a command at the laptop, in the repository's root; what it prints."""
        with self.timed(step):
            return self.network.run(*command, cwd=self.checkout, env=self.environment, check=check).stdout

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        if step:
            self.times.append((step, time.monotonic() - began))

    def up(self, note: str = "from nothing") -> None:
        """Both machines are nodes; `note` says of what the times are."""
        self.type("randteach", "token", step=f"make token, {note}")
        self.type("ray", "up", "--yes", str(self.file), step=f"ray up: set-up of the head, {note}")
        with self.timed(f"until the worker, set up by the head, is there, {note}"):
            wait_for(lambda: re.search(r"^ 2 local.cluster.node", self.exec("ray status"), re.MULTILINE))

    def down(self) -> None:
        self.type("ray", "down", "--yes", str(self.file), step="ray down")

    def exec(self, command: str, check: bool = True) -> str:
        """`ray exec`: a command on the head."""
        return self.type("ray", "exec", str(self.file), command, check=check)

    def submit(
        self,
        *args: str,
        options: tuple[str, ...] = (),
        check: bool = True,
        step: str = "",
        sweep: str = "sweeps/init_distance.py",
    ) -> str:
        """`ray submit` of a sweep, by default the main one."""
        typed = ("ray", "submit", *options, str(self.file), sweep, *args)
        return self.type(*typed, check=check, step=step)

    def begin(self, *typed: str) -> "subprocess.Popen[str]":
        """Type a command and leave it running."""
        with open(self.network.base / "begun.txt", "w") as said:
            return subprocess.Popen(
                self.network.typed(*typed),
                cwd=self.checkout,
                env=self.network.environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def waits_for(self, condition: Callable[[], object]) -> None:
        """Until something has come about."""
        wait_for(condition)
