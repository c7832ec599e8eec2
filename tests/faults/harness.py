"""A small study in processes of its own, to be killed, damaged and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

STUDY = "seed=0 alpha=0.3,0.6 net.width=4 data.train_size=1000 probe.train_size=500 probe.test_size=300 "
STUDY += "head.hidden_dims=[32] head.bottleneck_dim=16 head.out_dim=64 probe.at=[0,1] distill.epochs=4 "
STUDY += "data.name=mnist5k data.like=mnist5k loader=memory checkpoint_every=0.01"
INJECT = str(Path(__file__).parent / "inject")
TIMEOUT = 900


@dataclass
class Sweep:
    """The study in a folder; what its last start said is kept."""

    out: Path
    said: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    name: str = "init_distance"
    file: str = "sweeps/init_distance.py"
    study: str = STUDY

    @property
    def store(self) -> Path:
        return self.out / "store"

    @property
    def results(self) -> bytes:
        return (self.out / self.name / "results.csv").read_bytes()

    @property
    def steps(self) -> Counter[str]:
        """How often each training step and probe was done since the file was named."""
        return Counter(Path(self.environment["RANDTEACH_STEPS"]).read_text().splitlines())

    def count_steps(self) -> None:
        self.environment["RANDTEACH_STEPS"] = str(self.out / "steps.txt")

    def fault(self, at: str, number: int = 1) -> Path:
        """Have processes of the next starts killed there, once; the file that tells it was done."""
        flag = self.out / f"fault-{at}-{number}"
        self.environment["RANDTEACH_FAULT"] = json.dumps({"at": at, "number": number, "flag": str(flag)})
        return flag

    def begin(self, *args: str, ray: bool = False) -> "subprocess.Popen[str]":
        """Start it; `ray` for workers of its own, else in the process."""
        command = [sys.executable, self.file, "--preset", "mini", "--out", str(self.out)]
        command += [*self.study.split(), *([] if ray else ["--local"]), *args]
        path = os.pathsep.join([INJECT, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **self.environment}
        self.out.mkdir(parents=True, exist_ok=True)
        with open(self.out / "said.txt", "w") as said:
            return subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, text=True, env=environment
            )

    def end(self, process: "subprocess.Popen[str]") -> int:
        code = process.wait(TIMEOUT)
        self.said = (self.out / "said.txt").read_text()
        return code

    def run(self, *args: str, ray: bool = False) -> int:
        return self.end(self.begin(*args, ray=ray))

    def command(self, *args: str) -> int:
        """The `randteach` command on this study's folder."""
        done = subprocess.run(
            [Path(sys.executable).with_name("randteach"), *args, "--out", str(self.out)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    def one_attempt_each(self) -> bool:
        """Every artifact has the files of one attempt, and nothing unfinished is left."""
        folders = list(self.store.glob("objects/*/*/*"))
        left = list(self.store.glob("work/*")) + list(self.store.glob("sessions/*"))
        return bool(folders) and all(len(os.listdir(folder)) == 1 for folder in folders) and not left


def wait_for(condition: Callable[[], object], process: "subprocess.Popen[str] | None" = None) -> None:
    """Until the condition holds; it has to before the process ends."""
    until = time.monotonic() + TIMEOUT
    while not condition():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)


def processes_of(out: Path) -> list[int]:
    """Live processes that name the study's folder, or have it in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(out).encode() in text and state != "Z" and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
