"""NumericDataset: windows of scaled numbers, relative to an anchor for relative scaling."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.anchors import Anchors, anchors
from seqcore.data.columns import choose_columns, row_name
from seqcore.data.dataset import Batch, Dataset, Windows
from seqcore.data.numeric_codec import NumericCodec, tails_of
from seqcore.data.series_scaling import fit_scalers, known_scalers
from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

__all__ = ["NumericCodec", "NumericDataset", "is_recursive"]

_CHECKED = 1_000_000  # rows checked at a time


def is_recursive(config: DataConfig) -> bool:
    """Whether a one-step model is applied to its own predictions up to the horizon."""
    return config.multi_step == "recursive" and config.horizon > 1


class NumericDataset(Dataset):
    """Windows of a numeric table. Without a `codec` scalers are fitted on the training split; with one they are used.

    Each series has its own scale; independent sequences share one. A series unknown to the codec is scaled by its first
    quarter (at least a window), and only later values are predicted.
    """

    codec: NumericCodec

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: NumericCodec | None = None
    ) -> None:
        if codec is not None:
            kept = {"inputs": codec.input_names, "target": codec.target_names, "scaling": codec.scalers.kind}
            config = config.model_copy(update={**kept, "calendar": codec.calendar})
        chosen = choose_columns(table, config)
        self.inputs, self.targets = chosen.inputs, chosen.targets
        self.values: NDArray[np.float64] = chosen.table.values
        self.filled = chosen.filled  # [N, K]
        _check(chosen.table, config, self.inputs, self.targets)
        self.recursive = is_recursive(config)
        if codec is None:
            bounds = split_bounds(chosen.table, config.validation_fraction, config.test_fraction)["train"]
            self.fit = fit_scalers(chosen.table, config, bounds, target=self.targets[0])
        else:
            self.fit = known_scalers(chosen.table, config, codec)
        self.scalers = self.fit.scalers
        super().__init__(chosen.table, config, device)
        self.codec = codec or self._make_codec()
        self.scaled = torch.from_numpy(self._transformed()).to(device)
        self.calendar = self._calendar()
        self._same_columns = self.inputs == self.targets == list(range(self.values.shape[1]))
        self._relative = self.scalers.of(0).relative
        self._steps = torch.arange(config.window, device=device)
        self._step_ahead = (
            torch.arange(1 if self.recursive else self.horizon, device=device) + self.lead
        )  # [H] in training
        places = self._steps if self.every_step else self._steps[-1:]
        self._ahead = (places[:, None] + self._step_ahead).flatten()  # [S * H] from a window's first row
        self._periods = torch.from_numpy(self.scalers.period).to(device)

    @cached_property
    def target_values(self) -> NDArray[np.float64]:
        """The target values by row, [N, K], in original units; a view if the columns are adjacent."""
        low, high = min(self.targets), max(self.targets) + 1
        if self.targets == list(range(low, high)):
            return self.values[:, low:high]
        return self.values[:, self.targets]

    @property
    def numeric_inputs(self) -> int:
        """How many of the inputs, the first ones, are scaled numbers: all but the calendar features."""
        return len(self.inputs)

    @property
    def at_each_step(self) -> bool:
        """Whether predictions are scored at each step; recursive ones begin at the end of the window."""
        return self.every_step and not self.recursive

    def series_of(self, sequence: NDArray[np.int64]) -> NDArray[np.int64]:
        """The scaler index of each sequence: its own, or 0 if it is shared."""
        return sequence if self.fit.by_series else np.zeros_like(sequence)

    def batch(self, split: str, indices: NDArray[np.int64]) -> Batch:
        """Scaled inputs [B, T, F] and targets [B, 1 or T, H * K]; H is 1 for recursive models."""
        first, lengths, sequence = self.windows[split].locate(indices)
        starts = torch.from_numpy(first).to(self.device)[:, None]
        if self.windows[split].uniform:  # the training path: two gathers
            rows, ahead, short = starts + self._steps, starts + self._ahead, None
        else:
            ends = torch.from_numpy(lengths).to(self.device)[:, None] - 1
            rows = starts + torch.minimum(self._steps[: int(lengths.max())], ends)
            places = rows if self.every_step else starts + ends
            ahead = (places[:, :, None] + self._step_ahead).flatten(1)
            short = torch.from_numpy(lengths)
        inputs, targets = self.scaled[rows], self.scaled[ahead]  # [B, T, C], [B, S * H, C]
        if self._relative:
            anchored = self._anchors(first, lengths, sequence, steps=len(self._step_ahead))
            by_step = targets.reshape(len(indices), -1, len(self._step_ahead), targets.shape[-1])
            inputs, targets = anchored.relative_inputs(inputs), anchored.relative_targets(by_step).flatten(1, 2)
        if not self._same_columns:
            inputs, targets = inputs[:, :, self.inputs], targets[:, :, self.targets]
        if self.calendar is not None:
            inputs = torch.cat([inputs, self.calendar[rows + self.lead]], dim=2)
        steps = rows.shape[1] if self.every_step else 1
        return Batch(inputs, targets.reshape(len(indices), steps, -1), short)

    def origin_rows(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The last known row of each scored prediction, [n, 1 or T]."""
        first, lengths, _ = self.windows[split].locate(indices)
        if not self.at_each_step:
            return (first + lengths - 1)[:, None]
        return first[:, None] + np.arange(int(lengths.max()))

    def truth(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Targets in original units, [n, 1 or T, H, K]; NaN beyond the end of short windows and for filled values."""
        truth = self.training_targets(split, indices)
        if self.filled is not None:
            first, lengths, _ = self.windows[split].locate(indices)
            truth[self.filled[self._target_rows(first, lengths)]] = np.nan
        return truth

    def training_targets(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Targets including filled values, as used for training."""
        first, lengths, _ = self.windows[split].locate(indices)
        truth = self.values[self._target_rows(first, lengths)][..., self.targets]
        beyond = np.arange(truth.shape[1]) >= lengths[:, None]
        if self.at_each_step and beyond.any():
            truth[beyond] = np.nan
        return truth

    def original(self, split: str, indices: NDArray[np.int64], outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Model outputs [n, S, H * K] in original units, [n, S, H, K]; H is 1 for recursive models."""
        scaled = outputs.reshape(*outputs.shape[:2], -1, len(self.targets)).astype(np.float64)
        first, lengths, sequence = self.windows[split].locate(indices)
        anchored = self._anchors(first, lengths, sequence, steps=scaled.shape[2])
        scaled = anchored.absolute_targets(torch.from_numpy(scaled), self.targets).numpy()
        return self.scalers.inverse(scaled, self.targets, self.series_of(sequence))

    def scaled_windows(self, split: str, indices: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scaled inputs without calendar features, [n, T, F], and all scaled targets, [n, S, H * K]."""
        first, lengths, sequence = self.windows[split].locate(indices)
        inputs = self.batch(split, indices).inputs[:, :, : len(self.inputs)]
        targets = self.scaled[torch.from_numpy(self._target_rows(first, lengths)).to(self.device)]
        kept = self._anchors(first, lengths, sequence, steps=self.horizon).relative_targets(targets)
        kept = kept[..., self.targets].flatten(2)
        return inputs.cpu().numpy().astype(np.float64), kept.cpu().numpy().astype(np.float64)

    def dates(self, split: str, indices: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Calendar features of the first target of each prediction, [n, S, E]."""
        if self.calendar is None:
            return None
        first, lengths, _ = self.windows[split].locate(indices)
        rows = np.minimum(self.origin_rows(split, indices), (first + lengths - 1)[:, None]) + self.lead
        return self.calendar[torch.from_numpy(rows).to(self.device)].cpu().numpy().astype(np.float64)

    def _anchors(
        self, first: NDArray[np.int64], lengths: NDArray[np.int64], sequence: NDArray[np.int64], *, steps: int
    ) -> Anchors:
        """See `seqcore.data.anchors`; for `steps` targets per prediction."""
        series = self.series_of(sequence)
        *places, own = (torch.from_numpy(np.array(a)).to(self.device) for a in (first, lengths, series))
        ahead = self.lead + torch.arange(steps, device=self.device)
        kind = self.scalers.kind
        return anchors(self.scaled, kind, *places, ahead=ahead, every_step=self.every_step, period=self._periods[own])

    def _target_rows(self, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """[n, 1 or T, H]"""
        ahead = self.lead + np.arange(self.horizon)
        if not self.at_each_step:
            return (first + lengths - 1)[:, None, None] + ahead
        steps = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)
        return first[:, None, None] + steps[:, :, None] + ahead

    def _windows(self, split: str) -> Windows:
        """The windows of a split that have enough earlier rows for anchors and scales."""
        windows = super()._windows(split)
        offsets, period = self.table.offsets, self.scalers.period[self.series_of(windows.sequence)]
        earliest = offsets[windows.sequence] + period
        learned = self.fit.learned_until[windows.sequence]
        earliest = np.maximum(
            earliest, learned - windows.length + (windows.length if self.every_step else 1) - self.lead
        )
        late = np.maximum(earliest - windows.first, 0)
        if not late.any():
            return windows
        gone = np.minimum(-(-late // windows.stride), windows.count)
        kept = gone < windows.count
        return Windows(
            (windows.first + gone * windows.stride)[kept],
            (windows.count - gone)[kept],
            windows.length[kept],
            windows.sequence[kept],
            windows.stride,
        )

    def _transformed(self) -> NDArray[np.float32]:
        if not self.fit.by_series:
            return self.scalers.of(0).transform(self.values)
        scaled = np.empty(self.values.shape, dtype=np.float32)
        for s, (start, end) in enumerate(zip(self.table.offsets[:-1], self.table.offsets[1:], strict=True)):
            scaled[start:end] = self.scalers.of(s).transform(self.values[start:end])
        return scaled

    def _calendar(self) -> Tensor | None:
        """Calendar features of each row, [N, E]. Each input step gets those of its target."""
        if not self.config.calendar or self.table.times is None:
            return None
        from seqcore.data.calendar import calendar_features  # imports pandas: only for data with dates

        return torch.from_numpy(calendar_features(self.table.times, self.config.calendar)).to(self.device)

    def _make_codec(self) -> NumericCodec:
        series = self.fit.names if self.fit.by_series else ()
        need = self.config.window + int(self.scalers.period.max()) + self.lead
        return NumericCodec(
            columns=self.table.columns,
            inputs=self.inputs,
            targets=self.targets,
            scalers=self.scalers,
            tails=tails_of(self.values, self.table.offsets, self.table.times, series=len(series) or 1, need=need),
            series=series,
            calendar=self.config.calendar,
            x_title=self.table.x_title,
            frame=self.table.frame if self.targets == list(range(len(self.table.columns))) else None,
            series_title=self.table.report.series_title,
            decimal_comma=self.table.report.decimal_comma,
        )


def _check(table: Table, config: DataConfig, inputs: list[int], targets: list[int]) -> None:
    """DataError if dates or positive values are needed and missing, or if recursion is impossible."""
    if config.calendar and table.times is None:
        raise DataError("data.calendar: these data have no dates; choose a date column, or leave data.calendar empty")
    if config.scaling == "log-last-value":
        for start in range(0, len(table), _CHECKED):
            bad = np.argwhere(~(table.values[start : start + _CHECKED] > 0.0))
            if len(bad):
                row, column = start + int(bad[0][0]), int(bad[0][1])
                raise DataError(
                    f"{table.columns[column]}: {row_name(table, row)} is {table.values[row, column]:g}, and "
                    "log-last-value scaling needs values above 0; set data.scaling to last-value"
                )
    if is_recursive(config) and (reason := why_not_recursive(table.columns, config, inputs, targets)):
        raise DataError(f"data.multi_step: {reason}")


def why_not_recursive(
    columns: tuple[str, ...], config: DataConfig, inputs: list[int], targets: list[int]
) -> str | None:
    """Why a recursive forecast is impossible; None if it is possible."""
    unknown = [columns[i] for i in inputs if i not in targets]
    if unknown:
        return (
            f"a recursive forecast needs future values of {unknown[0]!r}, which is an input but not a target; "
            "use direct, or add it to data.target"
        )
    if config.lead != 1:
        return f"a recursive forecast needs data.lead 1, but it is {config.lead}; set it to 1"
    return None
