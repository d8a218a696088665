"""Time of the recurrent layers of `seqcore` and of `torch.nn` on the same weights and inputs, one thread.

    python benchmarks/layer_time.py [--pairs 15] [--kinds rnn,gru,lstm] [--sizes 6x3x32,32x50x50] [--own]

Both compute in turn in one process, [batch, steps, features] with one feature: a training pass (forward and backward, a
gradient of the last output), and inference without gradients. Printed are medians of the CPU time of a pass, and median
and range of the ratios of pairs, below 1 where `seqcore` is faster. Without `--own` the layers choose between own
kernels and torch's as they do in training, where a ratio of 1 means torch's were chosen; with it, own kernels always.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seqcore.models import recurrent_layers
from seqcore.models.recurrent_layers import GRULayers, LSTMLayers, RNNLayers

KINDS = {"rnn": (RNNLayers, nn.RNN), "gru": (GRULayers, nn.GRU), "lstm": (LSTMLayers, nn.LSTM)}
SIZES = ((6, 3, 32), (32, 3, 32), (32, 50, 50), (32, 50, 128), (32, 50, 256))  # batch, steps, hidden
_SECONDS = 0.03  # of one measurement


class Ratio(NamedTuple):
    """Microseconds of a pass, and seqcore's time divided by torch's: median, least and greatest of the pairs."""

    seqcore: float
    torch: float
    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        times = f"{self.seqcore:8,.0f} / {self.torch:8,.0f} us"
        return f"{times} = {self.median:.2f} ({self.least:.2f} to {self.greatest:.2f})"


def compare(ours: Callable[[], None], theirs: Callable[[], None], pairs: int) -> Ratio:
    """CPU times of both in turn, after a warm-up."""
    _seconds(ours, 3), _seconds(theirs, 3)
    count = max(1, int(_SECONDS / _seconds(theirs, 3)))
    times = np.array([(_seconds(ours, count), _seconds(theirs, count)) for _ in range(pairs)])
    ratios = times[:, 0] / times[:, 1]
    own, other = np.median(times, axis=0) * 1e6
    return Ratio(own, other, float(np.median(ratios)), ratios.min(), ratios.max())


def measure(kind: str, size: tuple[int, int, int], pairs: int) -> dict[str, Ratio]:
    """ "training" and "inference" of one kind of layer at one size (batch, steps, hidden)."""
    batch, steps, hidden = size
    own, other = KINDS[kind]
    torch.manual_seed(0)
    theirs = other(1, hidden, batch_first=True)
    ours = own(1, hidden, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    x, gradient = torch.randn(batch, steps, 1), torch.randn(batch, hidden)

    def training(net: nn.Module) -> Callable[[], None]:
        weights = list(net.parameters())

        def one_pass() -> None:
            torch.autograd.grad(net(x)[0][:, -1], weights, gradient)

        return one_pass

    def inference(net: nn.Module) -> Callable[[], None]:
        def one_pass() -> None:
            with torch.inference_mode():
                net(x)

        return one_pass

    return {
        "training": compare(training(ours), training(theirs), pairs),
        "inference": compare(inference(ours), inference(theirs), pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--sizes", default=",".join("x".join(map(str, size)) for size in SIZES))
    parser.add_argument("--own", action="store_true", help="own kernels everywhere")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.own:
        recurrent_layers.own_kernels = lambda *_, **__: True
    print("batch x steps x hidden: seqcore / torch.nn = ratio (range of the pairs), CPU time of a pass on one thread")
    for size in args.sizes.split(","):
        batch, steps, hidden = map(int, size.split("x"))
        for kind in args.kinds.split(","):
            for what, ratio in measure(kind, (batch, steps, hidden), args.pairs).items():
                print(f"{size:>12} {kind:5} {what:10} {ratio}", flush=True)


def _seconds(one_pass: Callable[[], None], count: int) -> float:
    began = time.thread_time()
    for _ in range(count):
        one_pass()
    return (time.thread_time() - began) / count


if __name__ == "__main__":
    main()
