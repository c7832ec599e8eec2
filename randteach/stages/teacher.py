"""The frozen teacher; its features are computed once if they are a function of the sample alone."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import nn

from loaders import Split
from loaders.augment import AUGMENTATIONS
from randteach import identity, nets
from randteach.config.schema import Head as HeadConfig
from randteach.environment.numerics import EMBED_BATCH
from randteach.nets.precision import autocast
from randteach.specs import DistillSpec, Draw, Network, Snapshot
from randteach.stages.embed import drawn_encoder, inputs, to_device
from randteach.stages.recorder import Tensors, part

Cache = dict[str, torch.Tensor]
TABLE = 1 << 31  # bytes of a feature table; without one features are computed in each step
CACHED = 2  # feature tables kept by a worker, (samples, bottleneck) floats each: 51 MB for 50,000


class Frozen:
    """A network and its head that only answer; neither has gradients."""

    def __init__(self, encoder: nn.Module, head: nets.Head, precision: str = "fp32") -> None:
        self.encoder, self.head, self.precision = encoder, head, precision
        self.prototypes_KF = head.prototypes()

    @torch.no_grad()
    def features(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """The bottleneck's features_BF, all that the last layer sees."""
        with autocast(self.precision, x_BCHW.device):
            return self.head.features(self.encoder(x_BCHW))


def frozen(
    reference: Network,
    head: HeadConfig,
    size: int,
    device: torch.device,
    calibration: Callable[[], Iterable[torch.Tensor]] | None = None,
    weights: Tensors | None = None,
) -> Frozen:
    """A draw in the mode that its `norm` says, or a snapshot's `weights` in evaluation mode."""
    if isinstance(reference, Draw):
        dim = nets.embedding_dim(reference.net, size)
        drawn = nets.draw_head(head, dim, reference.role, reference.seed)
        encoder = drawn_encoder(reference, size, device, calibration)
        return Frozen(encoder, drawn.requires_grad_(False).to(device))
    assert weights is not None, "a snapshot's weights come from the store"
    trained = nets.build(reference.net, reference.channels, size)
    own = nets.Head(head, nets.embedding_dim(reference.net, size))
    trained.load_state_dict(part("encoder", weights))
    own.load_state_dict(part("head", weights))
    encoder = to_device(trained.requires_grad_(False), device).eval()
    return Frozen(encoder, own.requires_grad_(False).to(device))


class Teacher(Frozen):
    """A frozen network that answers with outputs for a batch."""

    def __init__(
        self,
        spec: DistillSpec,
        data: Split,
        indices: np.ndarray,
        device: torch.device,
        cache: Cache,
        weights: Tensors | None = None,
    ) -> None:
        batches = partial(inputs, data, indices, device)
        one = frozen(spec.teacher, spec.head, data.shape[-1], device, batches, weights)
        super().__init__(one.encoder, one.head, spec.precision)
        # Neither augmentation nor the batch around it changes what the teacher makes of a sample.
        self.features_NF = None
        fixed = isinstance(spec.teacher, Snapshot) or spec.teacher.norm != "batch"
        room = data.count * self.head.width * torch.finfo(torch.float32).bits // 8 <= TABLE
        # At alpha 0 the two are one function, whose last bits a table made in other batches may miss.
        if not AUGMENTATIONS[spec.augment].apply and fixed and room and spec.alpha != 0:
            about = (spec.teacher, spec.head, spec.samples, spec.precision)
            self.features_NF = self._lookup(cache, identity.dumps(about), data, indices, device)

    @torch.no_grad()
    def logits(self, index_B: torch.Tensor, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Outputs teacher_BK of the samples `index_B`, whose inputs are `x_BCHW`."""
        table = self.features_NF
        features = self.features(x_BCHW) if table is None else table[index_B]
        return self.head.logits(features, self.prototypes_KF)

    def _lookup(
        self, cache: Cache, name: str, data: Split, indices: np.ndarray, device: torch.device
    ) -> torch.Tensor:
        """The feature table, a row a sample of the split; rows outside `indices` stay zero."""
        if name not in cache:
            while len(cache) >= CACHED:
                del cache[next(iter(cache))]
            table = torch.zeros(data.count, self.head.width, device=device)
            rows = torch.from_numpy(indices).to(device).split(EMBED_BATCH)
            for row, x_BCHW in zip(rows, inputs(data, indices, device), strict=True):
                table[row] = self.features(x_BCHW)
            cache[name] = table
        return cache[name]
