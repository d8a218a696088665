"""Checkpoints as bytes: safetensors for tensors, JSON for the rest, a checksum over both.

Nothing in it is ever executed: no pickle. Layout: 8 bytes of magic, 32 bytes of SHA-256 over what follows, then a
safetensors file whose metadata holds the JSON. Snapshots are kept in parts, of which several share one: `joined` gives
another magic, then for each part its length in 8 bytes and a checkpoint of the above layout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from seqcore.data.stored_codec import decoding
from seqcore.errors import CorruptError

__all__ = ["Checkpoint", "Copied", "copied", "is_intact", "joined", "load_weights", "loaded_model", "pack", "unpack"]

_MAGIC = b"SEQLAB1\n"
_MAGIC_OF_PARTS = b"SEQLABP\n"
_MOST_PARTS = 4
_FORMAT = 1
_MOST_BYTES = 8 * 2**30
_MOST_HEADER = 64 * 2**20
_TYPES = {  # as safetensors names them
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.complex64: "C64",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


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


class Copied(NamedTuple):
    """Copies of all that a checkpoint holds, which another thread can `pack` while training goes on."""

    meta: Mapping[str, Any]
    entries: tuple[tuple[str, torch.dtype, tuple[int, ...], int], ...]  # name, type, shape, bytes
    data: bytes

    def pack(self) -> bytes:
        """Bytes that `unpack` reads."""
        meta = json.dumps({"meta": json.dumps({"format": _FORMAT, **self.meta})}, separators=(",", ":"))
        text = f'{{"__metadata__":{meta}{_entries(self.entries)}}}'.encode()
        text += b" " * (-len(text) % 8)
        length = len(text).to_bytes(8, "little")
        checksum = hashlib.sha256(length + text)
        checksum.update(self.data)
        return b"".join([_MAGIC, checksum.digest(), length, text, self.data])


def copied(meta: Mapping[str, Any], groups: Mapping[str, Mapping[str, Tensor]]) -> Copied:
    """Plain values `meta`, which must not change later, and copies of tensors on the CPU.

    safetensors' own `save` takes several times as long for many small tensors, and snapshots are made often. Two names
    may share one tensor.
    """
    parts: list[Any] = []
    entries = []
    for prefix, group in groups.items():
        for name, tensor in group.items():
            plain = tensor.contiguous().view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor  # as numpy
            values = np.ascontiguousarray(plain.numpy(force=True))
            parts.append(values)
            entries.append((f"{prefix}.{name}", tensor.dtype, tuple(tensor.shape), values.nbytes))
    return Copied(meta, tuple(entries), b"".join(parts))


def pack(meta: Mapping[str, Any], groups: Mapping[str, Mapping[str, Tensor]]) -> bytes:
    """Bytes that `unpack` reads."""
    return copied(meta, groups).pack()


@lru_cache(4)  # all snapshots of a run have the same
def _entries(entries: tuple[tuple[str, torch.dtype, tuple[int, ...], int], ...]) -> str:
    """The part of a header that describes tensors which lie one after the other."""
    texts, end = [""], 0
    for name, dtype, shape, size in entries:
        begin, end = end, end + size
        place = {"dtype": _TYPES[dtype], "shape": shape, "data_offsets": (begin, end)}
        texts.append(f"{json.dumps(name)}:{json.dumps(place, separators=(',', ':'))}")
    return ",".join(texts)


def joined(*parts: bytes) -> bytes:
    """A checkpoint in parts that `pack` made, as bytes that `unpack` reads. What several have is that of the last."""
    return b"".join([_MAGIC_OF_PARTS, *(piece for part in parts for piece in (len(part).to_bytes(8, "little"), part))])


def unpack(content: bytes) -> Checkpoint:
    """The inverse of `pack` and of `joined`. CorruptError where the bytes are damaged or not a checkpoint."""
    if len(content) > _MOST_BYTES:
        raise CorruptError(f"the checkpoint has {len(content)} bytes, more than {_MOST_BYTES}")
    meta: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    for part in _parts(content):
        own = _unpacked(part)
        meta |= own.meta
        tensors |= own.tensors
    return Checkpoint(meta, tensors)


def is_intact(content: bytes) -> bool:
    """Whether these are the bytes of a checkpoint with a checksum that fits. Nothing is read of it."""
    return content.startswith(_MAGIC) and hashlib.sha256(memoryview(content)[40:]).digest() == content[8:40]


def _parts(content: bytes) -> Iterator[bytes]:
    if not content.startswith(_MAGIC_OF_PARTS):
        yield content
        return
    at = len(_MAGIC_OF_PARTS)
    for _ in range(_MOST_PARTS):
        length = int.from_bytes(content[at : at + 8], "little")
        if not 40 <= length <= len(content) - at - 8:
            break
        yield content[at + 8 : at + 8 + length]
        at += 8 + length
        if at == len(content):
            return
    raise CorruptError("the checkpoint is damaged: its parts don't fit; use another one, or train again")


def _unpacked(content: bytes) -> Checkpoint:
    if not content.startswith(_MAGIC):
        raise CorruptError("this is not a checkpoint of Sequence Lab")
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
