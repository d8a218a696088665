"""Where relative scaling measures a window from. No step is measured from anything later than itself."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["anchors"]


def anchors(
    scaled: Tensor, kind: str, first: Tensor, lengths: Tensor, *, ahead: Tensor, every_step: bool, period: Tensor
) -> tuple[Tensor, Tensor]:
    """What is subtracted from n windows of `scaled[N, C]` and from their targets.

    `first[n]` are the windows' first rows, `lengths[n]` their rows, `ahead[H]` the steps from the last known row to
    each target, `period[n]` the rows of a season. -> (for inputs [n, 1 or T, C], for targets [n, 1 or S, 1 or H, C]).

    "last-value" and "log-last-value": the window's last value; its first where every step predicts. "window-mean": the
    mean of the window; at each step of what came up to it where every step predicts. "seasonal": inputs are
    measured from the value one period before them, targets from the last known value a whole number of periods before
    them, so a window needs a period of rows before its first one.
    """
    if kind in ("last-value", "log-last-value"):
        row = first if every_step else first + lengths - 1
        anchor = scaled[row][:, None]
        return anchor, anchor[:, :, None]
    steps = torch.arange(int(lengths.max()), device=scaled.device)
    rows = first[:, None] + torch.minimum(steps, lengths[:, None] - 1)  # [n, T]
    if kind == "window-mean":
        seen = scaled[rows]
        if every_step:
            mean = seen.cumsum(1) / (steps + 1)[:, None]
        else:
            inside = (steps < lengths[:, None])[..., None]
            mean = (seen * inside).sum(1, keepdim=True) / lengths[:, None, None]
        return mean, mean[:, :, None]
    origin = rows if every_step else rows[:, -1:]  # [n, S]
    season = period[:, None]
    back = -(-ahead // season) * season - ahead  # [n, H]
    return scaled[rows - season], scaled[origin[:, :, None] - back[:, None]]
