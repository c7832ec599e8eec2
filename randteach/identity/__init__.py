"""Canonical form and key: what makes two results the same result."""

from randteach.identity.canonical import (
    KEY_DIGITS,
    LATEST,
    NEVER,
    canonical,
    digest,
    dumps,
    encode,
    key,
    layout,
    revision,
)

__all__ = [
    "KEY_DIGITS",
    "LATEST",
    "NEVER",
    "canonical",
    "digest",
    "dumps",
    "encode",
    "key",
    "layout",
    "revision",
]
