"""The frozen teacher, its features computed once where they are a function of the sample."""

import numpy as np
import torch

from loaders import Split
from randteach import identity, nets
from randteach.records import DistillSpec
from randteach.stages.embed import drawn_encoder, embed

Cache = dict[str, torch.Tensor]
CACHED = 2  # feature tables kept by a worker, (samples, bottleneck) floats each: 51 MB for 50,000


class Teacher:
    """A random draw of encoder and head that answers with outputs for a batch."""

    def __init__(
        self,
        spec: DistillSpec,
        data: Split,
        indices: np.ndarray,
        device: torch.device,
        cache: Cache,
    ) -> None:
        self.draw, size = spec.teacher, data.shape[-1]
        dim = nets.embedding_dim(self.draw.net, size)
        head = nets.draw_head(spec.head, dim, self.draw.role, self.draw.seed)
        self.encoder = drawn_encoder(self.draw, size, device, (data, indices))
        self.head = head.requires_grad_(False).to(device)
        self.prototypes_KF = self.head.prototypes()
        # Neither augmentation nor the batch around it changes what the teacher makes of a sample.
        self.features_NF = None
        # At alpha 0 the two are one function, whose last bits a table made in other batches may miss.
        if spec.augment == "none" and self.draw.norm != "batch" and spec.alpha != 0:
            about = (spec.teacher, spec.head, spec.samples)
            self.features_NF = self._lookup(cache, identity.dumps(about), data, indices, device)

    @torch.no_grad()
    def logits(self, index_B: torch.Tensor, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Outputs teacher_BK of the samples `index_B`, whose inputs are `x_BCHW`."""
        if self.features_NF is not None:
            features = self.features_NF[index_B.to(self.features_NF.device, non_blocking=True)]
        else:
            features = self.head.features(self.encoder(x_BCHW))
        return nets.outputs(features, self.prototypes_KF)

    def _lookup(
        self, cache: Cache, name: str, data: Split, indices: np.ndarray, device: torch.device
    ) -> torch.Tensor:
        """The feature table, a row a sample of the split; rows outside `indices` stay zero."""
        if name not in cache:
            found = embed(lambda x: self.head.features(self.encoder(x)), data, indices, device)
            table = found.new_zeros(data.count, found.shape[1])
            table[torch.from_numpy(indices).to(device)] = found
            while len(cache) >= CACHED:
                del cache[next(iter(cache))]
            cache[name] = table
        return cache[name]
