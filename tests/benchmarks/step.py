"""The training step at the paper's full shapes, against a straightforward step in plain PyTorch."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from timing import elsewhere, interleaved, rate, ratio
from torch.utils.flop_counter import FlopCounterMode

from loaders import Batch, Split, open_split
from loaders.order import balanced
from randteach import nets
from randteach.config.schema import Config, Data, Distill, Net
from randteach.environment import numerics
from randteach.jobs.build import distill_job
from randteach.jobs.resolve import resolve
from randteach.specs import DistillSpec, Samples
from randteach.stages.distill import Student
from randteach.stages.teacher import Teacher

ARCHS = ("vgg11", "resnet18")
SAMPLES = 1024
ROUNDS = 5
MATRIX, PRODUCTS = 2048, 10  # rows of the square matrices whose products give the machine's peak


def _linear_flops(x_BF: torch.Size, weight_KF: torch.Size, *_: object, **__: object) -> int:
    return 2 * x_BF[0] * x_BF[1] * weight_KF[0]


COUNTED = {torch.ops.mkldnn._linear_pointwise: _linear_flops}  # the counter knows mm and convolutions


def spec_of(arch: str, precision: str = "fp32") -> DistillSpec:
    """The paper's student: width 64, 3 x 32 x 32, batch 256, 65,536 outputs; fewer samples."""
    point = Config(alpha=1e-10, net=Net(arch), distill=Distill(epochs=1, precision=precision))
    point.data = Data(name="fashion_mnist", size=32, channels=3, train_size=SAMPLES)
    spec = distill_job(resolve(point)).spec
    assert isinstance(spec, DistillSpec)
    return spec


def samples_of(spec: DistillSpec) -> tuple[Split, np.ndarray]:
    """Fashion-MNIST grown to 3 x 32 x 32, in memory."""
    about: Samples = spec.samples
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = open_split(about.name, "train", size=32, channels=3, loader="memory", root=place, cache=place)
    assert data.labels is not None
    return data, balanced(data.labels, about.count)


class Ours:
    """The step of `randteach.stages.distill`."""

    def __init__(self, arch: str, precision: str = "fp32") -> None:
        spec = spec_of(arch, precision)
        self.data, self.indices = samples_of(spec)
        device, _ = numerics.set_up(torch.get_num_threads(), 0)
        teacher = Teacher(spec, self.data, self.indices, device, {})
        self.student = Student(spec, teacher, self.data, self.indices, device)

    def step(self, batch: Batch) -> None:
        """One training step."""
        self.student.update(*self.student._prepare(batch, 0, 0))


class Plain:
    """What one writes first: NCHW, the teacher run each step, full soft targets, default AdamW."""

    def __init__(self, arch: str) -> None:
        spec = spec_of(arch)
        self.data, self.indices = samples_of(spec)

        def network(role: str) -> torch.nn.Module:
            net = spec.teacher.net
            encoder = nets.draw_encoder(net, 3, 32, role, 0)
            return torch.nn.Sequential(encoder, nets.draw_head(spec.head, 512, role, 0))

        self.teacher, self.student = network("teacher").eval(), network("student").train()
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=1e-3, weight_decay=0)
        self.mean, self.std = (torch.tensor(v)[:, None, None] for v in (self.data.mean, self.data.std))

    def step(self, batch: Batch) -> None:
        """One training step."""
        x_BCHW = (batch.images_BCHW.float() / 255 - self.mean) / self.std
        with torch.no_grad():
            target_BK = self.teacher(x_BCHW).softmax(-1)
        loss = F.cross_entropy(self.student(x_BCHW), target_BK)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def _on_one_batch(make: Callable[[], Ours | Plain]) -> Callable[[], None]:
    side = make()
    return partial(side.step, next(iter(side.data.reader(256, indices=side.indices).epoch(0))))


def _peak() -> None:
    one = torch.ones(MATRIX, MATRIX)
    for _ in range(PRODUCTS):
        torch.mm(one, one)


def run() -> None:
    """Images a second of each, their ratios, and the share of the peak that our step reaches."""
    print(f"Training step, batch 256, 3 x 32 x 32, width 64, 65,536 outputs, fp32; {ROUNDS} rounds")
    for arch in ARCHS:
        plainly, our_way = (partial(_on_one_batch, partial(kind, arch)) for kind in (Plain, Ours))
        rounded = partial(_on_one_batch, partial(Ours, arch, "bf16"))
        once = our_way()
        with FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
            once()
        with elsewhere(plainly) as plain, elsewhere(our_way) as ours, elsewhere(rounded) as bf16:
            seconds = interleaved({"plain": plain, "ours": ours, "bf16": bf16, "peak": _peak}, ROUNDS)
        peak = rate(PRODUCTS * 2 * MATRIX**3, seconds["peak"])
        reached = rate(counter.get_total_flops(), seconds["ours"])
        print(
            f"  {arch:9} plain {rate(256, seconds['plain']):6.1f} images/s, ours "
            f"{rate(256, seconds['ours']):6.1f} images/s: {ratio(seconds['plain'], seconds['ours'])}; "
            f"{reached / 1e9:.0f} of {peak / 1e9:.0f} Gflop/s of matmul, {reached / peak:.0%}"
        )
        print(
            f"  {'':9} in bf16 {rate(256, seconds['bf16']):6.1f} images/s: "
            f"{ratio(seconds['ours'], seconds['bf16'])} ours in fp32"
        )


def memory(arch: str) -> None:
    """Peak memory of this process after some steps at the paper's shapes."""
    ours = Ours(arch)
    for batch in ours.data.reader(256, indices=ours.indices).epoch(0):
        ours.step(batch)
    ours.student.result(whole=True)
    # Not getrusage, which starts at what the parent process took.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].removesuffix("kB")) * 1024
    print(f"  {arch:9} {peak / 1e9:.2f} GB, with 60,000 images of 3 x 32 x 32 in memory")
