"""Set up what decides bits (threads, memory format, deterministic kernels), and give it a digest."""

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from randteach import identity

# One format for every network and device, measured and then fixed: a choice at run time would move
# bits. Convolutions in channels_last were 0.95 to 1.7 times as fast as NCHW at widths 8 to 64.
MEMORY_FORMAT = torch.channels_last

# Passes that only embed run at this batch, whatever the training's: part of the meaning of a number.
EMBED_BATCH = 256

# glibc gives a large tensor's pages back as soon as it is freed, and clearing new ones for the next
# took a fifth of a step's time on a CPU. These keep them: mallopt's M_MMAP_THRESHOLD, M_TRIM_THRESHOLD.
KEPT_PAGES = {-3: 1 << 30, -1: (1 << 31) - 1}

PART = "+"  # between the digests of a training that went on elsewhere


@dataclass(frozen=True)
class Numerics:
    """Equal records promise equal bits."""

    torch: str
    device: str
    cpu: str
    threads: int

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits, the table's `numerics` column."""
        return identity.digest(identity.dumps(self), 8)


def joined(before: str, now: str) -> str:
    """Join the digests of the parts of a training that went on elsewhere: each once, in order."""
    known = [part for part in before.split(PART) if part]
    return PART.join(known if now in known else [*known, now])


def parts(found: Iterable[str]) -> set[str]:
    """All digests that are named."""
    return {part for digest in found for part in digest.split(PART) if part}


def set_up(cpus: int, gpus: float, precision: str = "fp32") -> tuple[torch.device, Numerics]:
    """Make this process compute as its slot and its precision say; before a job's first operation.

    Returns the device and what decides bits there. A slot with a GPU where torch sees none, and TF32 on a
    CPU, raise RuntimeError.
    """
    if precision == "tf32" and not gpus:
        raise RuntimeError("tf32 is a precision of GPUs, and the job was given none")
    torch.set_num_threads(cpus)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for option, size in KEPT_PAGES.items():
            mallopt(option, size)
    if not gpus:
        cpu = f"{_cpu()} bf16 {bf16_units()}" if precision == "bf16" else _cpu()
        return torch.device("cpu"), Numerics(torch.__version__, "cpu", cpu, cpus)
    if not torch.cuda.is_available():
        raise RuntimeError("the job was given a GPU, but torch sees none here")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    name = torch.cuda.get_device_name()
    return torch.device("cuda"), Numerics(torch.__version__, name, _cpu(), cpus)


def _cpu() -> str:
    return torch.backends.cpu.get_cpu_capability()


def bf16_units() -> str:
    """What this machine's CPU multiplies bfloat16 numbers with; empty where it has nothing for them."""
    found = {
        "AMX": torch.cpu._is_amx_tile_supported(),
        "AVX512_BF16": torch.cpu._is_avx512_bf16_supported(),
    }
    return " ".join(name for name, there in found.items() if there)
