"""What is trained side by side: a model, its data and its training, the same for every framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Case", "Weights"]

Weights = Mapping[str, NDArray[np.float32]]
"""Initial weights under torch's names: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, head.weight, head.bias."""


@dataclass(frozen=True)
class Case:
    """One recurrent layer and a linear one behind its last step; MSE loss, Adam, shuffled batches, no clipping.

    The data are the windows of a sine wave and the value after each. An epoch has `steps` steps of full batches.
    """

    architecture: str  # rnn, lstm or gru
    batch_size: int
    window: int
    hidden_size: int
    steps: int
    learning_rate: float = 0.001
    device: str = "cpu"  # of this project and the plain loop; the others train on the CPU

    @property
    def windows(self) -> int:
        """Training windows."""
        return self.steps * self.batch_size

    @property
    def series(self) -> NDArray[np.float64]:
        """The values, [windows + window]."""
        return np.sin(0.1 * np.arange(self.windows + self.window))

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inputs [windows, window, 1] and targets [windows, 1]."""
        windows = np.lib.stride_tricks.sliding_window_view(self.series, self.window + 1).astype(np.float32)
        return np.ascontiguousarray(windows[:, :-1, None]), np.ascontiguousarray(windows[:, -1:])

    @property
    def size(self) -> str:
        """The sizes in words."""
        return f"batch {self.batch_size}, {self.window} steps, hidden {self.hidden_size}"

    @property
    def title(self) -> str:
        """Architecture and sizes in words."""
        return f"{self.architecture.upper()}, {self.size}{', on a GPU' * (self.device != 'cpu')}"
