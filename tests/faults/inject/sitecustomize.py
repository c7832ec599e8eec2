"""Faults for real: loaded by each Python process that has this folder on its PYTHONPATH.

RANDTEACH_FAULT   {"at": where, "number": which time, "flag": file}: SIGKILL there, once in all
RANDTEACH_STEPS   a file that gets a line for each training step and each probe
RANDTEACH_CLOCK   seconds by which this process's clock is wrong
"""

import importlib.abc
import importlib.machinery
import json
import os
import signal
import time

FAULT = json.loads(os.environ.get("RANDTEACH_FAULT", "{}"))
STEPS = os.environ.get("RANDTEACH_STEPS", "")
CLOCK = float(os.environ.get("RANDTEACH_CLOCK", "0"))
_seen: dict[str, int] = {}


def kill(where: str) -> None:
    """End this process here if the fault says so, the first to come here alone."""
    if FAULT.get("at") != where:
        return
    _seen[where] = _seen.get(where, 0) + 1
    if _seen[where] < FAULT.get("number", 1):
        return
    try:
        os.close(os.open(FAULT["flag"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def note(line: str) -> None:
    if STEPS:
        with open(STEPS, "a") as file:
            file.write(line + "\n")


def disk(module) -> None:
    write, create, link = module.write, module.create, os.link

    def half_written(path, content):
        parts, name = path.parts, path.name
        where = "state" if "work" in parts and name.endswith(".safetensors") else ""
        where = "files" if "objects" in parts else where
        where = "commit" if "done" in parts else where
        if FAULT.get("at") == where != "":
            path.write_bytes(content[: len(content) // 2])
            kill(where)
            path.unlink()
        write(path, content)

    def created(path, content, **options):
        if "done" in path.parts:
            kill("flushed")
        create(path, content, **options)
        if "done" in path.parts:
            kill("committed")

    def linked(source, target, **options):
        link(source, target, **options)
        if "done" in str(target).split("/"):
            kill("linked")

    module.write, module.create, module.os.link = half_written, created, linked


def distill(module) -> None:
    loss, step = module.distillation_loss, module.Student.update

    def between_forward_and_backward(*args, **options):
        kill("step")
        return loss(*args, **options)

    def counted(self, *tensors):
        step(self, *tensors)
        spec, (epoch, number) = self.spec, divmod(self.step, len(self.reader))
        note(f"step {spec.alpha} {spec.teacher.seed} {epoch} {number}")

    module.distillation_loss, module.Student.update = between_forward_and_backward, counted


def probe(module) -> None:
    real = module.probe

    def counted(spec, *args, **options):
        note(f"probe {spec}")
        real(spec, *args, **options)

    module.probe = counted


PATCHES = {
    "randteach.environment.disk": disk,
    "randteach.stages.distill": distill,
    "randteach.stages.probe": probe,
}


class Patching(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            PATCHES[name](module)

        spec.loader.exec_module = exec_module
        return spec


if FAULT or STEPS:
    import sys

    sys.meta_path.insert(0, Patching())
if CLOCK:
    _time = time.time
    time.time = lambda: _time() + CLOCK
