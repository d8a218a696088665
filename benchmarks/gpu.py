"""Small models on a GPU relative to a plain loop on cuDNN, where there is a GPU."""

from __future__ import annotations

import torch

from benchmarks.measurement import Row
from benchmarks.options import Options

__all__ = ["measure"]


def measure(options: Options) -> None:
    """The rows, or the reason why there are none."""
    if not torch.cuda.is_available():
        reason = "no GPU on this machine"
        options.add(Row("small models, captured / plain cuDNN loop", requirement="gpu", limit=0.4, skipped=reason))
        return
