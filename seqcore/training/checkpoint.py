"""Checkpoints as bytes: safetensors for tensors, JSON for the rest, a checksum over both.

Nothing in it is ever executed: no pickle. Layout: 8 bytes of magic, 32 bytes of SHA-256 over what follows, then a
safetensors file whose metadata holds the JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from seqcore.data.stored_codec import decoding
from seqcore.errors import CorruptError

__all__ = ["Checkpoint", "load_weights", "loaded_model", "pack", "unpack"]

_MAGIC = b"SEQLAB1\n"
_FORMAT = 1
_MOST_BYTES = 8 * 2**30
_MOST_HEADER = 64 * 2**20


@dataclass(frozen=True)
class Checkpoint:
    """`meta` (plain values) and `tensors` by dotted names: "model.", "best.", "optimizer.", "random.", "codec." ..."""

    meta: dict[str, Any]
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of one kind, without the prefix."""
        return {k.removeprefix(prefix + "."): v for k, v in self.tensors.items() if k.startswith(prefix + ".")}

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """The same as numpy arrays. CorruptError for a type that numpy doesn't know."""
        with decoding("the checkpoint"):
            return {name: tensor.numpy() for name, tensor in self.group(prefix).items()}

    def part(self, name: str) -> dict[str, Any]:
        """An object of `meta`. CorruptError if it is missing."""
        found = self.meta.get(name)
        if not isinstance(found, dict):
            raise CorruptError(f"the checkpoint is damaged: {name} is missing")
        return found


def pack(meta: Mapping[str, Any], groups: Mapping[str, Mapping[str, Tensor]]) -> bytes:
    """Bytes that `unpack` reads. Tensors are copied to the CPU; two names may share one tensor."""
    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous().clone()
        for prefix, group in groups.items()
        for name, tensor in group.items()
    }
    body = save_tensors(tensors, metadata={"meta": json.dumps({"format": _FORMAT, **meta})})
    return b"".join([_MAGIC, hashlib.sha256(body).digest(), body])


def unpack(content: bytes) -> Checkpoint:
    """The inverse of `pack`. CorruptError where the bytes are damaged or not a checkpoint."""
    if not content.startswith(_MAGIC):
        raise CorruptError("this is not a checkpoint of Sequence Lab")
    if len(content) > _MOST_BYTES:
        raise CorruptError(f"the checkpoint has {len(content)} bytes, more than {_MOST_BYTES}")
    checksum, body = content[8:40], content[40:]
    if hashlib.sha256(body).digest() != checksum:
        raise CorruptError("the checkpoint is damaged: its checksum doesn't fit; use another one, or train again")
    try:
        with decoding("the checkpoint"):
            header = int.from_bytes(body[:8], "little")
            if header > min(_MOST_HEADER, len(body)):
                raise ValueError("its header is too long")
            meta = json.loads(json.loads(body[8 : 8 + header])["__metadata__"]["meta"])
            if not isinstance(meta, dict):
                raise ValueError("its metadata are not an object")
            tensors = load_tensors(body)
    except SafetensorError as error:
        raise CorruptError(f"the checkpoint is damaged: {error}") from None
    if meta.get("format") != _FORMAT:
        raise CorruptError(f"the checkpoint has format {meta.get('format')!r}; this program reads format {_FORMAT}")
    return Checkpoint(meta, tensors)


def loaded_model(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> nn.Module:
    """A model with its weights. CorruptError where names or shapes do not fit, before memory is allocated for them."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in build().state_dict().items()}
    for name in [*shapes, *weights]:
        if name not in shapes or name not in weights or weights[name].shape != shapes[name]:
            raise CorruptError(f"the checkpoint's weights don't fit its model: {name[:100]}")
    model = build()
    load_weights(model, weights)
    return model


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights into a model. CorruptError where names or shapes do not fit."""
    try:
        module.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        raise CorruptError(f"the checkpoint's weights don't fit its model: {str(error).splitlines()[0]}") from None
