"""Anchors of relative scaling: the values subtracted from windows and targets, never from the future."""

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
    """The anchors of n windows of `scaled[N, C]`; none for kinds of scaling without anchors.

    `first[n]` are the first rows of the windows, `lengths[n]` their lengths, `ahead[H]` the steps from the last known
    row to each target, `period[n]` the seasonal period.

    "last-value", "log-last-value": the last value of the window, or the first if every step predicts. "window-mean":
    the mean of the window, or the running mean if every step predicts. "seasonal": for inputs the value one period
    earlier, for targets the last known value a whole number of periods earlier; windows need one period before them.
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
