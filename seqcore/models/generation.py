"""Text that goes on from a beginning: one symbol after the other, each drawn by its probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqcore.models.recurrent import State

__all__ = ["log_sum", "write"]


@torch.inference_mode()
def write(
    model: nn.Module,
    prompt: Sequence[int],
    steps: int,
    *,
    temperature: float,
    top_k: int = 0,
    seed: int,
    window: int | None = None,
) -> list[int]:
    """`steps` codes that follow a prompt of codes, on the model's device.

    The state goes along, so that a symbol costs the same however long the text has become. With a `window`, for a model
    that was not trained to go on from every step, each symbol is the answer to the last `window` ones. Code 0, the
    unknown symbol, is never written.
    """
    random = np.random.default_rng(seed)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    written = list(prompt)
    coming, state = list(prompt), None
    for _ in range(steps):
        if window is not None:
            coming, state = written[-window:], None
        scores, state = _next(model, coming, state, device)
        written.append(1 + _draw(scores[1:], temperature, top_k, random))
        coming = written[-1:]
    model.train(training)
    return written[len(prompt) :]


def _next(
    model: nn.Module, codes: Sequence[int], state: State, device: torch.device
) -> tuple[NDArray[np.float64], State]:
    outputs, state = model(torch.tensor([codes], device=device), state)
    return outputs[0, -1].cpu().double().numpy(), state


def _draw(scores: NDArray[np.float64], temperature: float, top_k: int, random: np.random.Generator) -> int:
    """One place of [V] scores, by their probabilities at a temperature; the highest at 0. Of the `top_k` highest."""
    if temperature < 1e-6:
        return int(scores.argmax())
    if 0 < top_k < len(scores):
        kept = np.argpartition(-scores, top_k - 1)[:top_k]
        return int(kept[_draw(scores[kept], temperature, 0, random)])
    heated = scores / temperature
    probabilities = np.exp(heated - log_sum(heated))
    return int(random.choice(len(scores), p=probabilities / probabilities.sum()))


def log_sum(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """ln of the sum of e to the scores [..., V] -> [..., 1]."""
    top = scores.max(axis=-1, keepdims=True)
    total: NDArray[np.floating] = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))
    return total
