"""What a job needs that does not change its numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from loaders import DataCache
from randteach.engine.events import Event
from randteach.environment.code import Start
from randteach.stages.evaluate import Inputs
from randteach.store.store import Store


@dataclass(frozen=True)
class Context:
    """Places, reader and callbacks of a process; `features` and `held` are its caches between jobs."""

    store: Store
    root: Path  # of raw data
    cache: Path  # of FFCV files and copies
    loader: str
    emit: Callable[[Event], None] = lambda event: None
    features: dict[str, torch.Tensor] = field(default_factory=dict)
    held: dict[str, Inputs] = field(default_factory=dict)
    session: str = ""
    study: str = ""
    checkpoint_every: float = 0.0
    stop: Callable[[], bool] = lambda: False
    data_cache: DataCache | None = None  # where data sets are that this machine may lack
    start: Start | None = None  # which makes the job

    def __post_init__(self) -> None:
        """Refuse relative paths: a worker's current folder is another one."""
        if not (self.root.is_absolute() and self.cache.is_absolute()):
            raise ValueError(f"root {self.root}, cache {self.cache}: a job's folders have absolute paths")
