"""Recurrent state: a tree of tensors with the batch axis first, and the operations on it that hold for every layout.

Only an architecture knows what its state means. Everything else selects, resets, detaches and stores it with these
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["State", "carry_over", "detach", "join_leaves", "leaves", "map_state", "reset", "select"]

State = Any  # None (the initial state), one tensor [B, ...], or a tuple of states


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """The same tree with `function` applied to every tensor."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(map_state(function, part) for part in state)
    return function(state)


def leaves(state: State) -> Iterator[Tensor]:
    """The tensors of a state, in a fixed order."""
    if isinstance(state, tuple):
        for part in state:
            yield from leaves(part)
    elif state is not None:
        yield state


def join_leaves(tensors: Iterator[Tensor], like: State) -> State:
    """The inverse of `leaves`: tensors in that order in the tree of `like`. StopIteration where there are too few."""
    return map_state(lambda _: next(tensors), like)


def select(state: State, rows: Tensor) -> State:
    """Rows of a state by index, possibly repeated."""
    return map_state(lambda part: part[rows], state)


def reset(state: State, mask: Tensor, initial: State) -> State:
    """The rows where `mask[B]` holds become those of `initial`; the others stay."""
    if isinstance(state, tuple):
        return tuple(reset(part, mask, start) for part, start in zip(state, initial, strict=True))
    return torch.where(mask.view(-1, *[1] * (state.dim() - 1)), initial, state)


def detach(state: State) -> State:
    """The same state cut from its graph, so that gradients end here (truncated back-propagation through time)."""
    return map_state(Tensor.detach, state)


def carry_over(model: Any, state: State, continues: NDArray[np.bool_] | None) -> State:
    """The state that a batch starts from after the one before it, cut from its graph.

    `continues[B]` says which rows go on from the same row of the batch before, which may have had more rows; the others
    start from `model.initial_state`. None where all do.
    """
    if state is None or continues is None or not continues.any():
        return None
    state = detach(state)
    first = next(leaves(state))
    if len(first) != len(continues):
        state = map_state(lambda part: part[: len(continues)], state)
    if continues.all():
        return state
    return reset(state, torch.from_numpy(~continues).to(first.device), model.initial_state(len(continues)))
