"""Windows of symbols: coded once, gathered by index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.config import DataConfig
from seqcore.data.dataset import Batch, Dataset
from seqcore.data.table import Table
from seqcore.data.vocabulary import Vocabulary
from seqcore.errors import DataError

__all__ = ["NOT_SCORED", "SymbolicCodec", "SymbolicDataset"]

NOT_SCORED = -100  # a target that torch's cross-entropy leaves out


@dataclass(frozen=True)
class SymbolicCodec:
    """All that a trained model needs to speak the user's symbols: vocabulary, the end of the data, baselines."""

    vocabulary: Vocabulary
    tail: tuple[str, ...] = ()
    fitted: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def input_kind(self) -> str:
        """What a person gives to the model."""
        return "symbols"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the arrays that `arrays` gives."""
        return {
            "symbols": list(self.vocabulary.symbols),
            "separator": self.vocabulary.separator,
            "tail": list(self.tail),
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What is kept as arrays beside `to_dict`."""
        return {f"fitted.{name}": value for name, value in self.fitted.items()}

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> SymbolicCodec:
        """The inverse of `to_dict` and `arrays`."""
        return cls(
            vocabulary=Vocabulary(tuple(d["symbols"]), d["separator"]),
            tail=tuple(d["tail"]),
            fitted={k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")},
        )


class SymbolicDataset(Dataset):
    """Windows of symbols; what comes next is one symbol further on. The vocabulary is the training part's."""

    def __init__(
        self, table: Table, config: DataConfig, device: torch.device, codec: SymbolicCodec | None = None
    ) -> None:
        if not table.symbolic:
            raise DataError("data.task: these data are numbers, and symbols needs text; set data.task to regression")
        super().__init__(table, config, device)
        if codec is None:
            known = np.unique(np.concatenate([np.unique(table.values[a:b, 0]) for _, a, b in self.bounds["train"]]))
            assert table.symbols is not None
            symbols = table.symbols[known]
            separator = table.separator or (" " if any(len(s) > 1 for s in symbols.tolist()) else "")
            codec = SymbolicCodec(Vocabulary.fit(symbols, separator))
            codec = replace(codec, tail=tuple(table.words(max(0, len(table) - config.window), len(table))))
        self.codec = codec
        self.codes = codec.vocabulary.encode_table(table)
        self.coded = torch.from_numpy(self.codes).to(device)

    @property
    def lead(self) -> int:
        """A symbol's target is the next one."""
        return 1

    @property
    def horizon(self) -> int:
        """One symbol at a time."""
        return 1

    @property
    def warm_up(self) -> int:
        """Steps at a window's start whose predictions don't count."""
        return self.config.warm_up if self.every_step else 0

    def batch(self, part: str, indices: NDArray[np.int64]) -> Batch:
        """Codes [B, T] and target codes [B, 1 or T]."""
        first, lengths, _ = self.windows[part].locate(indices)
        longest = int(lengths.max())
        rows = first[:, None] + np.arange(longest)
        short = bool((lengths < longest).any())
        if short:
            np.minimum(rows, (first + lengths - 1)[:, None], out=rows)
        inputs = self.coded[torch.from_numpy(rows).to(self.device)]
        targets = self.coded[torch.from_numpy(self._targets(rows, first, lengths)).to(self.device)]
        targets[:, : self.warm_up] = NOT_SCORED
        return Batch(inputs, targets, torch.from_numpy(lengths) if short else None)

    def truth(
        self, part: str, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """(last known codes[n, S], target codes[n, S], whether a step counts[n, S])."""
        first, lengths, _ = self.windows[part].locate(indices)
        rows = np.minimum(first[:, None] + np.arange(int(lengths.max())), (first + lengths - 1)[:, None])
        targets = self._targets(rows, first, lengths)
        counts = np.arange(targets.shape[1]) < lengths[:, None] if self.every_step else np.ones(targets.shape, bool)
        counts[:, : self.warm_up] = False
        return self.codes[targets - 1], self.codes[targets], counts

    def context(self, part: str, index: int) -> tuple[tuple[str, ...], str]:
        """One window as the user wrote it, and what came next."""
        first, lengths, _ = self.windows[part].locate(np.array([index]))
        end = int(first[0] + lengths[0])
        symbols = self.table.words(int(first[0]), end + 1)
        return tuple(symbols[:-1]), symbols[-1]

    def _targets(
        self, rows: NDArray[np.int64], first: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        return rows + 1 if self.every_step else (first + lengths)[:, None]
