"""Explicit random streams: every source of randomness but the sample order is one of these."""

import hashlib
import json

import torch


def stream(role: str, *numbers: int) -> torch.Generator:
    """A CPU generator seeded from the SHA-256 of (role, numbers): the same on every machine."""
    text = json.dumps([role, *map(int, numbers)], separators=(",", ":"))
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return torch.Generator().manual_seed(seed)
