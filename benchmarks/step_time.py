"""Time per training step of `seqcore.fit` and of a plain PyTorch loop on the same windows.

    python benchmarks/step_time.py [--pairs 21] [--steps 600]

Both train an RNN with 50 units with Adam on windows of 50 steps, batch size 32, on one thread, alternately in one
process. The time of `fit` includes batching, recording of loss and gradient norm, and events; previews and evaluation
are excluded, because the plain loop has none. Required: a median ratio of at most 1.0. Exit code 1 otherwise.
On a busy machine the ratio of CPU time is more informative; it is printed too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seqcore.events import Steps
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import fit

WINDOW, HIDDEN, BATCH, RATE = 50, 50, 32, 0.001
REQUIRED = 1.0


class Plain(nn.Module):
    """The model of the tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(x)  # [B, T, D]
        return self.head(y[:, -1])


def clocks() -> np.ndarray:
    """Wall time and CPU time of this thread, in seconds."""
    return np.array([time.perf_counter(), time.thread_time()])


def plain(series: np.ndarray, clip: float) -> np.ndarray:
    """Seconds per step of the plain loop."""
    windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW + 1)
    x = torch.tensor(windows[:, :WINDOW, None].copy(), dtype=torch.float32)
    y = torch.tensor(windows[:, WINDOW:].copy(), dtype=torch.float32)
    torch.manual_seed(0)
    model = Plain()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    criterion = nn.MSELoss()
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    losses = []
    begin = clocks()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return (clocks() - begin) / len(losses)


def ours(series: np.ndarray, clip: float) -> np.ndarray:
    """Seconds per step of `fit`."""
    experiment = Experiment.make(
        {
            "data": {"window": WINDOW, "scaling": "none", "validation_fraction": 0.0, "test_fraction": 0.0},
            "model": {"architecture": "rnn", "hidden_size": HIDDEN},
            "training": {"learning_rate": RATE, "batch_size": BATCH, "epochs": 1, "clip_norm": clip, "device": "cpu"},
        }
    )
    spent, steps, before = np.zeros(2), 0, clocks()
    for event in fit(experiment, data=series[:, None]):
        now = clocks()
        if isinstance(event, Steps):
            spent, steps = spent + now - before, steps + len(event.loss)
        before = now
    return spent / steps


def measure(pairs: int, steps: int, clip: float) -> float:
    """The median ratio of the times of `fit` and the plain loop, over pairs in alternating order."""
    series = np.sin(np.arange(steps * BATCH + WINDOW) * 0.1)
    mine, theirs = [], []
    for i in range(pairs + 1):
        if i % 2:
            a, b = ours(series, clip), plain(series, clip)
        else:
            b, a = plain(series, clip), ours(series, clip)
        if i:  # the first pair is a warm-up
            mine.append(a)
            theirs.append(b)
    ratios = np.array(mine) / np.array(theirs)
    wall, computing = np.median(ratios, axis=0)
    print(
        f"clip norm {clip:g}: fit {1e3 * np.median(mine, axis=0)[0]:.3f} ms, "
        f"plain {1e3 * np.median(theirs, axis=0)[0]:.3f} ms, ratio {wall:.3f} (median of {pairs} pairs, "
        f"{ratios[:, 0].min():.3f} to {ratios[:, 0].max():.3f}); CPU time ratio {computing:.3f}",
        flush=True,
    )
    return float(wall)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=21)
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args()
    torch.set_num_threads(1)
    measured = measure(args.pairs, args.steps, clip=0.0)
    measure(args.pairs, args.steps, clip=1.0)
    verdict = "ok" if measured <= REQUIRED else "FAILED"
    print(f"required: at most {REQUIRED:.2f} without clipping, as in the tutorials: {verdict}")
    return measured > REQUIRED


if __name__ == "__main__":
    sys.exit(main())
