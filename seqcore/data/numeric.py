"""Windows of numbers: scaled once, gathered by index, measured from an anchor where scaling is relative."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.config import DataConfig
from seqcore.data.columns import choose_columns
from seqcore.data.dataset import Batch, Dataset
from seqcore.data.scaling import Scaler, fit_scaler
from seqcore.data.table import Table

__all__ = ["NumericCodec", "NumericDataset"]

TAIL = 1000  # rows of the end of the data that a forecast may need, at the least a window


@dataclass(frozen=True)
class NumericCodec:
    """All that a trained model needs to speak the user's units: columns, scaler, the end of the data, baselines.

    `tail[n, C]` are the last rows of the first series in original units, `tail_times[n]` their times. `fitted` is
    what baselines learned from the training part.
    """

    columns: tuple[str, ...]
    inputs: list[int]
    targets: list[int]
    scaler: Scaler
    tail: NDArray[np.float64]
    tail_times: NDArray[np.datetime64] | None = None
    tail_start: int = 0
    x_title: str = "step"
    fitted: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def input_kind(self) -> str:
        """What a person gives to the model."""
        return "numbers"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The K columns that are predicted."""
        return tuple(self.columns[i] for i in self.targets)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The F columns that the model sees."""
        return tuple(self.columns[i] for i in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the arrays that `arrays` gives."""
        times = None if self.tail_times is None else self.tail_times.astype("datetime64[ns]").astype(np.int64).tolist()
        return {
            "columns": list(self.columns),
            "inputs": self.inputs,
            "targets": self.targets,
            "scaler": self.scaler.to_dict(),
            "tail_times": times,
            "tail_start": self.tail_start,
            "x_title": self.x_title,
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What is kept as arrays beside `to_dict`."""
        return {"tail": self.tail, **{f"fitted.{name}": value for name, value in self.fitted.items()}}

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> NumericCodec:
        """The inverse of `to_dict` and `arrays`."""
        times = None if d["tail_times"] is None else np.array(d["tail_times"], dtype=np.int64).astype("datetime64[ns]")
        return cls(
            columns=tuple(d["columns"]),
            inputs=list(d["inputs"]),
            targets=list(d["targets"]),
            scaler=Scaler.from_dict(d["scaler"]),
            tail=arrays["tail"].reshape(-1, len(d["columns"])),
            tail_times=times,
            tail_start=d["tail_start"],
            x_title=d["x_title"],
            fitted={k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")},
        )


class NumericDataset(Dataset):
    """Windows of a numeric table. Without a `codec` the scaler is fitted on the training part; with one it is used."""

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: NumericCodec | None = None
    ) -> None:
        if codec is not None:
            config = config.model_copy(update={"inputs": codec.input_names, "target": codec.target_names})
        chosen = choose_columns(table, config)
        super().__init__(chosen.table, config, device)
        self.inputs, self.targets = chosen.inputs, chosen.targets
        self.values: NDArray[np.float64] = self.table.values
        self.codec = codec or self._make_codec()
        self.scaled = torch.from_numpy(self.codec.scaler.transform(self.values)).to(device)
        self.baseline_facts: dict[str, NDArray[np.float64]] = {}
        self._same_columns = self.inputs == self.targets == list(range(self.values.shape[1]))
        self._steps = torch.arange(config.window, device=device)
        places = np.arange(config.window) if self.every_step else np.array([config.window - 1])
        ahead = places[:, None] + self.lead + np.arange(self.horizon)  # [S, H] from a window's first row
        self._ahead = torch.from_numpy(ahead.ravel()).to(device)

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """The targets' values by row, [N, K], in original units: a view where the columns lie side by side."""
        low, high = min(self.targets), max(self.targets) + 1
        if self.targets == list(range(low, high)):
            return self.values[:, low:high]
        return self.values[:, self.targets]

    def batch(self, part: str, indices: NDArray[np.int64]) -> Batch:
        """Scaled inputs [B, T, F] and targets [B, 1 or T, H * K]."""
        first, lengths, _ = self.windows[part].locate(indices)
        starts = torch.from_numpy(first).to(self.device)[:, None]
        if self.windows[part].uniform:  # every step of training comes here: two gathers and nothing else
            rows, ahead, short = starts + self._steps, starts + self._ahead, None
        else:
            ends = torch.from_numpy(lengths).to(self.device)[:, None] - 1
            rows = starts + torch.minimum(self._steps[: int(lengths.max())], ends)
            ahead = torch.from_numpy(self._target_rows(first, lengths)).to(self.device).flatten(1)
            short = torch.from_numpy(lengths)
        inputs, targets = self.scaled[rows], self.scaled[ahead]  # [B, T, C], [B, S * H, C]
        if self.codec.scaler.relative:
            anchor = self.scaled[torch.from_numpy(self.anchor_rows(first, lengths)).to(self.device)][:, None]
            inputs, targets = inputs - anchor, targets - anchor
        if not self._same_columns:
            inputs, targets = inputs[:, :, self.inputs], targets[:, :, self.targets]
        places = rows.shape[1] if self.every_step else 1
        return Batch(inputs, targets.reshape(len(indices), places, -1), short)

    def anchor_rows(self, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row that relative scaling measures from: a window's last, or its first where every step predicts."""
        return first if self.every_step else first + lengths - 1

    def origin_rows(self, part: str, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The last row known at each prediction, [n, 1 or T]."""
        first, lengths, _ = self.windows[part].locate(indices)
        if not self.every_step:
            return (first + lengths - 1)[:, None]
        return first[:, None] + np.arange(int(lengths.max()))

    def truth(self, part: str, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Targets in original units, [n, 1 or T, H, K]. Steps beyond a short window's end are NaN."""
        first, lengths, _ = self.windows[part].locate(indices)
        truth = self.values[self._target_rows(first, lengths)][..., self.targets]
        beyond = np.arange(truth.shape[1]) >= lengths[:, None]
        if self.every_step and beyond.any():
            truth[beyond] = np.nan
        return truth

    def original(self, part: str, indices: NDArray[np.int64], outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The model's outputs [n, S, H * K] in original units, [n, S, H, K]."""
        scaled = outputs.reshape(*outputs.shape[:2], self.horizon, len(self.targets)).astype(np.float64)
        if self.codec.scaler.relative:
            first, lengths, _ = self.windows[part].locate(indices)
            anchor = self.scaled[torch.from_numpy(self.anchor_rows(first, lengths)).to(self.device)]
            scaled = scaled + anchor[:, self.targets].cpu().numpy().astype(np.float64)[:, None, None]
        return self.codec.scaler.inverse(scaled, self.targets)

    def _target_rows(self, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """[n, 1 or T, H]"""
        ahead = self.lead + np.arange(self.horizon)
        if not self.every_step:
            return (first + lengths - 1)[:, None, None] + ahead
        steps = np.minimum(np.arange(int(lengths.max())), lengths[:, None] - 1)
        return first[:, None, None] + steps[:, :, None] + ahead

    def _make_codec(self) -> NumericCodec:
        stretches = [self.values[low:high] for _, low, high in self.bounds["train"]]
        keep = max(TAIL, self.config.window)
        end = int(self.table.offsets[1])
        start = max(int(self.table.offsets[0]), end - keep)
        times = self.table.times
        return NumericCodec(
            columns=self.table.columns,
            inputs=self.inputs,
            targets=self.targets,
            scaler=fit_scaler(self.config.scaling, stretches),
            tail=self.values[start:end].copy(),
            tail_times=None if times is None else times[start:end],
            tail_start=start,
            x_title=self.table.x_title,
        )
