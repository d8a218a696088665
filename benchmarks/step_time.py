"""Time for a training step: `seqcore.fit` beside the plain PyTorch loop of the tutorials, on the same windows.

    python benchmarks/step_time.py [--pairs 21] [--steps 600]

Both train an RNN of 50 units with Adam on windows of 50 steps, 32 at a time, on one thread, in one process, by turns.
`fit`'s time is that of its steps with all that belongs to them: gathering windows, recording every loss and gradient
norm, handing them out. Pictures and scores, which the plain loop doesn't make, are left out. Asked: a median ratio of
at most 1.0. Exit code 1 if missed.
On a machine that does other things too, the ratio of processor time tells more; it is printed beside it.
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
ASKED = 1.0


class Plain(nn.Module):
    """The network as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(x)  # [B, T, D]
        return self.head(y[:, -1])


def clocks() -> np.ndarray:
    """Seconds on the wall, and seconds that this thread has computed."""
    return np.array([time.perf_counter(), time.thread_time()])


def plain(series: np.ndarray, clip: float) -> np.ndarray:
    """Seconds for a step of the plain loop."""
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
    """Seconds for a step of `fit`."""
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
    """The median ratio of `fit`'s time to the plain loop's, over pairs that begin with each by turns."""
    series = np.sin(np.arange(steps * BATCH + WINDOW) * 0.1)
    mine, theirs = [], []
    for i in range(pairs + 1):
        if i % 2:
            a, b = ours(series, clip), plain(series, clip)
        else:
            b, a = plain(series, clip), ours(series, clip)
        if i:  # the first pair warms both up
            mine.append(a)
            theirs.append(b)
    ratios = np.array(mine) / np.array(theirs)
    wall, computing = np.median(ratios, axis=0)
    print(
        f"clip norm {clip:g}: fit {1e3 * np.median(mine, axis=0)[0]:.3f} ms, "
        f"plain {1e3 * np.median(theirs, axis=0)[0]:.3f} ms, ratio {wall:.3f} (median of {pairs} pairs, "
        f"{ratios[:, 0].min():.3f} to {ratios[:, 0].max():.3f}); of processor time {computing:.3f}",
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
    verdict = "held" if measured <= ASKED else "MISSED"
    print(f"asked: at most {ASKED:.2f} without clipping, as the tutorials' loop has none: {verdict}")
    return measured > ASKED


if __name__ == "__main__":
    sys.exit(main())
