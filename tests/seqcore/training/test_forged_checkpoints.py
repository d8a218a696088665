"""Checkpoints with impossible values under a valid checksum: one line of error, and nothing allocated for them."""

from __future__ import annotations

import copy
import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.sources import SOURCES as SOURCES_OF_DATA
from seqcore.errors import CorruptError, SeqcoreError
from seqcore.events import CheckpointReady, Started
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.training.checkpoint import pack, unpack
from seqcore.training.fit import fit

SMALL = {"model": {"hidden_size": 4}, "training": {"epochs": 1, "device": "cpu"}}
SOURCES: dict[str, dict[str, Any]] = {
    "regression": {"source": "bouncing-ball", "options": {"samples": 60}, "window": 10},
    "language-modeling": {"source": "alphabet", "task": "language-modeling"},
    "classification": {"source": "turning-shapes", "options": {"samples": 24}, "task": "classification"},
    "translation": {"source": "everyday-phrases", "options": {"pairs": 100}, "task": "translation"},
}
DEEP = json.loads("[" * 400 + "]" * 400)
REPLACEMENTS: tuple[Any, ...] = (None, "x", [], {}, -1, 2**70, float("inf"), True, [-1, "x"], DEEP)


@lru_cache
def checkpoint(task: str) -> bytes:
    """A small trained model of a task."""
    experiment = Experiment.make({**SMALL, "data": SOURCES[task]})
    return next(event.content for event in list(fit(experiment))[::-1] if isinstance(event, CheckpointReady))


def groups(content: bytes) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors of a checkpoint by kind."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in unpack(content).tensors.items():
        kind, _, rest = name.partition(".")
        found.setdefault(kind, {})[rest] = tensor
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value; of a list, that of the first element."""
    if path:
        yield path
    keys = list(value) if isinstance(value, dict) else [0] if isinstance(value, list) and value else []
    for key in keys:
        yield from places(value[key], (*path, key))


def changed(meta: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
    """A copy of `meta` after `change(container, key)`."""
    forged = copy.deepcopy(meta)
    container: Any = forged
    for key in path[:-1]:
        container = container[key]
    change(container, path[-1])
    return forged


def use(content: bytes) -> None:
    """Load a model and use it; an error must be one of ours, with one line."""
    lines: tuple[str, ...] = ()
    try:
        predictor = Predictor.from_checkpoint(content)
        predictor.predict(predictor.example())
    except SeqcoreError as error:
        lines = error.lines
    assert all("\n" not in line and len(line) < 600 for line in lines), lines


def score(content: bytes, experiment: Experiment) -> None:
    """The same for the model and its baselines on a split."""
    lines: tuple[str, ...] = ()
    try:
        table = SOURCES_OF_DATA[experiment.data.source].load()(**experiment.data.options).table()
        Predictor.from_checkpoint(content).evaluate(table, split="val")
    except SeqcoreError as error:
        lines = error.lines
    assert all("\n" not in line and len(line) < 600 for line in lines), lines


def is_refused(codec: Any, values: Any, arrays: Any) -> bool:
    """Whether a codec refuses these values, with one line."""
    try:
        codec.from_dict(values, arrays)
    except CorruptError as error:
        return "\n" not in error.lines[0]
    return False


@pytest.mark.parametrize("task", SOURCES)
def test_a_checkpoint_with_a_changed_value_is_refused_with_one_line_or_can_be_used(task: str) -> None:
    content = checkpoint(task)
    meta, tensors = unpack(content).meta, groups(content)

    def delete(container: Any, key: Any) -> None:
        del container[key]

    def put(value: Any) -> Callable[[Any, Any], None]:
        return lambda container, key: container.__setitem__(key, value)

    codec, arrays = type(Predictor.from_checkpoint(content)._codec), unpack(content).arrays("codec")
    for path in places({"codec": meta["codec"]}):
        for change in (delete, *map(put, REPLACEMENTS)):
            forged = changed({"codec": meta["codec"]}, path, change)
            values = forged.get("codec")
            if not (isinstance(values, dict) and is_refused(codec, values, arrays)):
                use(pack({**meta, "codec": None, **forged}, tensors))
    kept = {"progress": meta["progress"], "experiment": meta["experiment"]}
    for number, path in enumerate(place for place in places(kept) if len(place) < 3):
        for change in (delete, put(REPLACEMENTS[number % len(REPLACEMENTS)])):
            use(pack({**meta, **changed(kept, path, change)}, tensors))


@pytest.mark.parametrize("task", SOURCES)
def test_a_checkpoint_with_a_changed_tensor_is_refused_with_one_line_or_can_be_used(task: str) -> None:
    content = checkpoint(task)
    meta, tensors = unpack(content).meta, groups(content)
    experiment = Experiment.make(meta["experiment"])
    for kind in ("codec", "best"):
        items = list(tensors.get(kind, {}).items())
        for name, tensor in items if kind == "codec" else (items[0], items[-1]):  # all weights are read alike
            number = torch.zeros_like(tensor)
            forged = [
                *(None, tensor.reshape(-1)[:0], torch.cat([tensor.reshape(-1)] * 2), tensor[None]),
                *(number - 1, number + 100, tensor.to(torch.bfloat16), tensor.to(torch.complex64), tensor > 0),
                number.double() + float("nan"),
            ]
            for one in forged:
                others = {key: value for key, value in tensors[kind].items() if key != name}
                content = pack(meta, {**tensors, kind: others if one is None else {**others, name: one}})
                use(content)
                if name.startswith("fitted."):
                    score(content, experiment)


@pytest.mark.parametrize("task", SOURCES)
def test_a_forged_checkpoint_can_not_be_resumed_either(task: str) -> None:
    content = checkpoint(task)
    meta, tensors = unpack(content).meta, groups(content)
    experiment = Experiment.make(meta["experiment"])
    optimizer = {name: torch.zeros(3, 5) for name in tensors["optimizer"]}
    forgeries = [
        ({**meta, "progress": {**meta["progress"], "step": -1}}, tensors),
        ({**meta, "progress": {}, "codec": []}, tensors),
        ({**meta, "optimizer": {"x": 1}}, tensors),
        ({**meta, "recurrent_state": {"x": 1}}, tensors),
        (meta, {**tensors, "random": {}}),
        (meta, {**tensors, "optimizer": optimizer}),
        (meta, {**tensors, "optimizer": {"99.step": torch.zeros(())}}),
    ]
    for forged, others in forgeries:
        with pytest.raises(CorruptError) as caught:  # before the first step
            next(event for event in fit(experiment, resume=pack(forged, others)) if isinstance(event, Started))
        assert len(caught.value.lines) == 1


def sealed(header: bytes, body: bytes = b"", size: int | None = None) -> bytes:
    """A checkpoint with this header of safetensors, and a valid checksum."""
    content = struct.pack("<Q", len(header) if size is None else size) + header + body
    return b"SEQLAB1\n" + hashlib.sha256(content).digest() + content


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


GOOD = {"__metadata__": {"meta": json.dumps({"format": 1})}}


@pytest.mark.parametrize(
    "content",
    [
        sealed(b""),
        sealed(b"{}", size=2**62),
        sealed(b"[" * 100_000),
        sealed(b"\xff\xfe"),
        sealed(json.dumps({"__metadata__": []}).encode()),
        sealed(json.dumps({"__metadata__": {"meta": "[" * 100_000}}).encode()),
        sealed(json.dumps({"__metadata__": {"meta": "[]"}}).encode()),
        sealed(json.dumps({"__metadata__": {"meta": '{"format": 1e400}'}}).encode()),
        sealed(json.dumps({"__metadata__": {"meta": '{"format": ' + "9" * 5000 + "}"}}).encode()),
        sealed(json.dumps({**GOOD, "a": entry([10**11], 0, 4 * 10**11)}).encode(), b"1234"),
        sealed(json.dumps({**GOOD, "a": entry([1], 0, 4), "b": entry([1], 2, 6)}).encode(), b"123456"),
        sealed(json.dumps({**GOOD, "a": entry([3], 0, 4)}).encode(), b"1234"),
        sealed(json.dumps({**GOOD, "a": entry([1], 0, 4, "F7")}).encode(), b"1234"),
        sealed(json.dumps({**GOOD, "a": entry([-1], 0, 4)}).encode(), b"1234"),
        sealed(json.dumps({**GOOD, "a": 5}).encode(), b"1234"),
    ],
    ids=range(15),
)
def test_a_forged_header_is_refused_with_one_line(content: bytes) -> None:
    with pytest.raises(CorruptError) as caught:
        unpack(content)
    assert len(caught.value.lines) == 1
    assert "\n" not in caught.value.lines[0]


def test_a_forged_size_is_refused_before_a_model_of_that_size_is_built() -> None:
    content = checkpoint("regression")
    meta = unpack(content).meta
    large = {**meta["experiment"], "model": {**meta["experiment"]["model"], "hidden_size": 4096, "num_layers": 4}}
    with pytest.raises(CorruptError, match="don't fit its model"):
        Predictor.from_checkpoint(pack({**meta, "experiment": large}, groups(content)))


def test_a_genuine_checkpoint_is_read_as_it_was_written() -> None:
    for task in SOURCES:
        predictor = Predictor.from_checkpoint(checkpoint(task))
        codec = predictor._codec
        again = type(codec).from_dict(json.loads(json.dumps(codec.to_dict())), codec.arrays())
        assert json.dumps(again.to_dict()) == json.dumps(codec.to_dict())
        for name, values in codec.arrays().items():
            assert np.array_equal(again.arrays()[name], values), name
