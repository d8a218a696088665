"""Direct predictions for rows of any length, and recursive forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.anchors import Anchors, anchors
from seqcore.data.numeric_dataset import NumericDataset, is_recursive
from seqcore.evaluation.interruption import check_interrupted
from seqcore.experiment.config import DataConfig
from seqcore.models.architecture import evaluation_mode
from seqcore.models.replicated import Folded, Replicated, replica_count

__all__ = ["Rollout", "recursive_forecast"]

_NUMBERS_AT_ONCE = 400_000


@dataclass(frozen=True)
class Rollout:
    """A model with its window geometry; all values are scaled.

    `inputs` and `targets` index the C columns of a row; `before` is the number of rows before a window that its scaling
    refers to; `period[n]` is the seasonal period of each sequence in rows.
    """

    model: nn.Module
    config: DataConfig
    kind: str
    inputs: list[int]
    targets: list[int]
    before: int
    period: Tensor

    @property
    def at_once(self) -> int:
        """Steps predicted at once."""
        return 1 if is_recursive(self.config) else self.config.horizon

    def predict(self, rows: Tensor, dates: Tensor | None) -> Tensor:
        """Rows [n, before + T, C], dates [n, T, E] of the rows `lead` later -> predictions [n, S, H, K]."""
        inputs, anchored = self.inputs_of(rows, dates)
        outputs, _ = self.model(inputs)
        outputs = outputs.reshape(len(rows), -1, self.at_once, len(self.targets))
        return anchored.absolute_targets(outputs, self.targets)

    def inputs_of(self, rows: Tensor, dates: Tensor | None) -> tuple[Tensor, Anchors]:
        """What the model reads for these rows and dates, [n, T, F + E], and the anchors of its predictions."""
        n, length, columns = rows.shape
        first = torch.arange(n, device=rows.device) * length + self.before
        anchored = anchors(
            rows.reshape(n * length, columns),
            self.kind,
            first,
            torch.full_like(first, length - self.before),
            ahead=self.config.lead + torch.arange(self.at_once, device=rows.device),
            every_step=self.config.predict != "last",
            period=self.period,
        )
        inputs = anchored.relative_inputs(rows[:, self.before :])[:, :, self.inputs]
        return inputs if dates is None else torch.cat([inputs, dates], dim=2), anchored

    def continue_from(self, rows: Tensor, dates: Tensor | None, steps: int) -> Tensor:
        """Recursive forecast after `rows[n, L, C]`, [n, steps, K].

        `dates[n, L + steps + lead + H, E]` are the calendar features of the rows and of the steps after them.
        """
        n, filled, columns = rows.shape
        lead, at_once = self.config.lead, self.at_once
        future = torch.full((n, steps + at_once, columns), torch.nan, device=rows.device)
        series = torch.cat([rows, future], dim=1)
        for done in range(0, steps, at_once):
            check_interrupted()
            end = filled + done + 1 - lead  # known or predicted rows at the forecast origin
            low = max(0, end - self.config.window - self.before)
            calendar = None if dates is None else dates[:, low + self.before + lead : end + lead]
            prediction = self.predict(series[:, low:end], calendar)[:, -1]  # [n, H, K]
            series[:, filled + done : filled + done + at_once, self.targets] = prediction
        return series[:, filled : filled + steps][..., self.targets]


def recursive_forecast(
    model: nn.Module, data: NumericDataset, part: str, indices: NDArray[np.int64], *, steps: int | None = None
) -> NDArray[np.float64]:
    """Recursive forecasts from the end of each window, [n, 1, steps (default: the horizon), K] in original units.

    Of replicas [R, n, 1, steps, K]: each continues from its own predictions.
    """
    steps, count = steps or data.horizon, replica_count(model)
    if isinstance(model, Replicated):
        model, indices = Folded(model), np.repeat(indices, count)
    first, lengths, sequence = data.windows[part].locate(indices)
    series = data.series_of(sequence)
    before = int(data.scalers.period.max())
    scaled = np.zeros((len(indices), 1, steps, len(data.targets)))
    with evaluation_mode(model):
        for length in np.unique(lengths).tolist():
            reach = before + length
            size = count * max(1, _NUMBERS_AT_ONCE // (reach + steps) // 8 // count)
            alike = np.flatnonzero(lengths == length)
            for some in np.split(alike, range(size, len(alike), size)):
                start = torch.from_numpy(first[some] - before).to(data.device)[:, None]
                onward = torch.arange(reach + steps + data.lead, device=data.device)
                # with several periods, the rows before a window may begin before its series; those are not used
                rows = (start + onward).clamp(0, len(data.scaled) - 1)
                period = torch.from_numpy(data.scalers.period[series[some]]).to(data.device)
                rollout = Rollout(model, data.config, data.scalers.kind, data.inputs, data.targets, before, period)
                dates = None if data.calendar is None else data.calendar[rows]
                ahead = rollout.continue_from(data.scaled[rows[:, :reach]], dates, steps)
                scaled[some, 0] = ahead.cpu().numpy()
    found = data.scalers.inverse(scaled, data.targets, series)
    return found if count == 1 else found.reshape(-1, count, *found.shape[1:]).swapaxes(0, 1)
