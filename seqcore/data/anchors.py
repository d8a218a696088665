"""Relative scaling: the anchor that each window's inputs and targets are measured from, never a later value."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqcore.experiment.constraints import ANCHORED

__all__ = ["Anchors", "anchors"]


class Anchors(NamedTuple):
    """What is subtracted from inputs, [n, 1 or T, C], and from targets, [n, 1 or S, 1 or H, C]; nothing where None."""

    inputs: Tensor | None = None
    targets: Tensor | None = None

    def relative_inputs(self, scaled: Tensor) -> Tensor:
        """Scaled inputs [n, T, C], measured from their anchor."""
        return scaled if self.inputs is None else scaled - self.inputs

    def relative_targets(self, scaled: Tensor) -> Tensor:
        """Scaled targets [n, S, H, C], measured from their anchor."""
        return scaled if self.targets is None else scaled - self.targets

    def absolute_targets(self, relative: Tensor, columns: list[int]) -> Tensor:
        """The inverse of `relative_targets` for predictions [n, S, H, K] of these columns."""
        return relative if self.targets is None else relative + self.targets[..., columns]


def anchors(
    scaled: Tensor, kind: str, first: Tensor, lengths: Tensor, *, ahead: Tensor, every_step: bool, period: Tensor
) -> Anchors:
    """The anchors of n windows of `scaled[N, C]` for a kind of scaling; none for a kind that has none.

    `first[n]` are the windows' first rows, `lengths[n]` their rows, `ahead[H]` the steps from the last known row to
    each target, `period[n]` the rows of a season.

    "last-value" and "log-last-value": the window's last value; its first where every step predicts. "window-mean": the
    mean of the window; at each step of what came up to it where every step predicts. "seasonal": inputs are
    measured from the value one period before them, targets from the last known value a whole number of periods before
    them, so a window needs a period of rows before its first one.
    """
    if kind not in ANCHORED:
        return Anchors()
    if kind in ("last-value", "log-last-value"):
        row = first if every_step else first + lengths - 1
        anchor = scaled[row][:, None]
        return Anchors(anchor, anchor[:, :, None])
    steps = torch.arange(int(lengths.max()), device=scaled.device)
    rows = first[:, None] + torch.minimum(steps, lengths[:, None] - 1)  # [n, T]
    if kind == "window-mean":
        seen = scaled[rows]
        if every_step:
            mean = seen.cumsum(1) / (steps + 1)[:, None]
        else:
            inside = (steps < lengths[:, None])[..., None]
            mean = (seen * inside).sum(1, keepdim=True) / lengths[:, None, None]
        return Anchors(mean, mean[:, :, None])
    origin = rows if every_step else rows[:, -1:]  # [n, S]
    season = period[:, None]
    back = -(-ahead // season) * season - ahead  # [n, H]
    return Anchors(scaled[rows - season], scaled[origin[:, :, None] - back[:, None]])
