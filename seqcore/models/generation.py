"""Text generation: one symbol after the other, each drawn from the predicted distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqcore.models.architecture import evaluation_mode

__all__ = ["generate", "log_sum"]


def generate(
    model: nn.Module,
    prompt: Sequence[int],
    steps: int,
    *,
    temperature: float,
    top_k: int = 0,
    seed: int,
    window: int | None = None,
) -> list[int]:
    """`steps` token codes that follow a prompt of codes, on the model's device.

    The state is carried, so that a symbol costs the same however long the text has become. With a `window`, for a model
    that predicts after a window only, each symbol follows the last `window` ones. Code 0, the unknown symbol, is never
    generated.
    """
    random = np.random.default_rng(seed)
    device = next(model.parameters()).device
    text = list(prompt)
    inputs, state = list(prompt), None
    with evaluation_mode(model):
        for _ in range(steps):
            if window is not None:
                inputs, state = text[-window:], None
            outputs, state = model(torch.tensor([inputs], device=device), state)
            logits = outputs[0, -1].cpu().double().numpy()
            text.append(1 + _draw(logits[1:], temperature, top_k, random))
            inputs = text[-1:]
    return text[len(prompt) :]


def _draw(logits: NDArray[np.float64], temperature: float, top_k: int, random: np.random.Generator) -> int:
    """An index of logits [V], drawn from their softmax at a temperature; the largest at 0. Of the `top_k` largest."""
    if temperature < 1e-6:
        return int(logits.argmax())
    if 0 < top_k < len(logits):
        kept = np.argpartition(-logits, top_k - 1)[:top_k]
        return int(kept[_draw(logits[kept], temperature, 0, random)])
    scaled = logits / temperature
    probabilities = np.exp(scaled - log_sum(scaled))
    return int(random.choice(len(logits), p=probabilities / probabilities.sum()))


def log_sum(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """log(sum(exp(logits))) over the last axis: [..., V] -> [..., 1]."""
    top = logits.max(axis=-1, keepdims=True)
    total: NDArray[np.floating] = top + np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))
    return total
