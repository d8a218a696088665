"""Initial weights of Keras's recurrent layers from those of torch's.

torch's LSTM and RNN have two biases, Keras's one: their sum. Both are trained in torch, so that the sum moves twice as
far in a step of Adam. Keras's GRU with `reset_after` (the default) has the two biases and the equations of torch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.frameworks.case import Weights

__all__ = ["keras_weights"]


def keras_weights(architecture: str, weights: Weights) -> list[Any]:
    """Kernel [F, gates * D], recurrent kernel [D, gates * D] and bias from torch's [gates * D, F] and so on.

    The order of an LSTM's gates is the same; a GRU's are reset, update, new in torch, and update, reset, new in Keras.
    """
    found = [weights[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if architecture == "gru":
        size = found[1].shape[1]
        found = [np.concatenate([part[size : 2 * size], part[:size], part[2 * size :]]) for part in found]
    kernel, recurrent, bias_x, bias_h = found
    bias = np.stack([bias_x, bias_h]) if architecture == "gru" else bias_x + bias_h
    return [kernel.T, recurrent.T, bias]
