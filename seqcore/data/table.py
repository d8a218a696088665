"""A source's values in one shape: one series, several, or independent sequences with what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import DataError

__all__ = ["FULL_SCALE", "Recordings", "Table", "code_type", "describe_table", "symbol_table"]

_BLOCK = 262_144  # rows looked at in one stroke
FULL_SCALE = 32_768  # what 1 is, as an integer of 16 bits


@dataclass(frozen=True)
class Recordings:
    """The sound that each sequence was made from: `samples[s]`, `rates[s]` of them a second.

    They are floats from -1 to 1 or, as many files have them, integers of 16 bits, of which 32,768 stand for 1.
    """

    rates: tuple[int, ...]
    samples: tuple[NDArray[np.float32] | NDArray[np.int16], ...]

    def waveform(self, s: int) -> NDArray[np.float32]:
        """One of them from -1 to 1, [n]."""
        samples = self.samples[s]
        if samples.dtype == np.float32:
            return samples  # type: ignore[return-value]
        return samples.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def seconds(self) -> float:
        """How long all of them last."""
        return sum(len(samples) / rate for samples, rate in zip(self.samples, self.rates, strict=True))

    def only(self, places: Iterable[int]) -> Recordings:
        """Those at these places."""
        chosen = list(places)
        return Recordings(tuple(self.rates[i] for i in chosen), tuple(self.samples[i] for i in chosen))


@dataclass(frozen=True)
class Table:
    """`values[N, F]`, cut into S sequences by `offsets[S + 1]`.

    `values` are numbers (float64; float32 of recordings) or, where `symbols[V]` names the different symbols, unsigned
    codes [N, 1] into it; `separator` joins symbols for reading. `times[N]` (datetime64[ns]) is None where the data have
    none. `independent` sequences are samples of one kind (1,000 ramps): parts are made of whole sequences. Otherwise
    each sequence is a series in time, and parts are stretches of time.

    What is known of each sequence: `names[S]`; `labels[S]`, its class; `groups[S]`, what must stay together in one part
    (a speaker); `paired`, a table whose s-th sequence is what the s-th becomes (a translation); `recordings`, the sound
    that it was made from. `frame` is (height, width) where a row is a picture, from 0 (dark) to 1.

    `notes` are sentences about what was done to the data (sorted, filled, dropped), for people. `row_numbers` says for
    the first gap in each column which row of the user's own file it is. DataError where the shapes don't fit.
    """

    values: NDArray[Any]
    columns: tuple[str, ...]
    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    times: NDArray[np.datetime64] | None = None
    independent: bool = False
    names: tuple[str, ...] = ()  # a name for each sequence, or none
    notes: tuple[str, ...] = ()
    row_numbers: dict[int, int] = field(default_factory=dict)
    x_title: str = "step"  # what a row is: "step", "week", the name of the date column
    symbols: NDArray[np.str_] | None = None
    separator: str = ""
    labels: NDArray[np.str_] | None = None
    groups: NDArray[Any] | None = None
    paired: Table | None = None
    recordings: Recordings | None = None
    frame: tuple[int, int] | None = None
    inserted: int = 0  # rows of gaps for times that a regular calendar would have had and the data had not

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise DataError(f"a table of {len(self.columns)} columns can't hold values of shape {self.values.shape}")
        if self.offsets.size == 0:
            object.__setattr__(self, "offsets", np.array([0, len(self.values)], dtype=np.int64))
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise DataError("a table's offsets must rise from 0 to its number of rows")
        if self.times is not None and len(self.times) != len(self.values):
            raise DataError(f"{len(self.times)} times for {len(self.values)} rows")
        if self.symbols is None and self.values.dtype.kind != "f":
            raise DataError(f"a table holds numbers or coded symbols, not {self.values.dtype}; see symbol_table")
        sequences = len(self.offsets) - 1
        for name, known in (("labels", self.labels), ("groups", self.groups), ("names", self.names or None)):
            if known is not None and len(known) != sequences:
                raise DataError(f"{len(known)} {name} for {sequences} sequences")
        if self.paired is not None and len(self.paired.lengths) != sequences:
            raise DataError(f"{len(self.paired.lengths)} sequences stand beside {sequences}")
        if self.frame is not None and self.frame[0] * self.frame[1] != len(self.columns):
            raise DataError(f"a picture of {self.frame[0]} by {self.frame[1]} has not {len(self.columns)} points")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def symbolic(self) -> bool:
        """Whether the values are symbols (text) and not numbers."""
        return self.symbols is not None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows in each sequence, [S]."""
        return np.diff(self.offsets)

    @cached_property
    def has_gaps(self) -> bool:
        """Whether any number is missing. Looked for once, and in blocks: a long table takes its time."""
        blocks = range(0, 0 if self.symbolic else len(self.values), _BLOCK)
        return any(bool(np.isnan(self.values[start : start + _BLOCK]).any()) for start in blocks)

    def words(self, low: int, high: int) -> list[str]:
        """The symbols of the rows from `low` up to `high`; of a symbolic table."""
        assert self.symbols is not None
        found: list[str] = self.symbols[self.values[low:high, 0]].tolist()
        return found


def code_type(symbols: int) -> type[np.unsignedinteger[Any]]:
    """The smallest type that can hold the codes of so many symbols."""
    return np.uint8 if symbols <= 2**8 else np.uint16 if symbols <= 2**16 else np.uint32


def symbol_table(
    sequences: Iterable[Sequence[str] | NDArray[np.str_]],
    *,
    columns: tuple[str, ...] = ("symbol",),
    separator: str = "",
    **rest: Any,
) -> Table:
    """Sequences of symbols as a table of codes [N, 1]; `rest` goes to the `Table` as it is."""
    pieces = [np.asarray(s, dtype=np.str_) for s in sequences]
    whole = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.str_)
    symbols, codes = np.unique(whole, return_inverse=True)
    return Table(
        values=codes.reshape(-1, 1).astype(code_type(len(symbols))),
        columns=columns,
        offsets=np.cumsum([0, *map(len, pieces)], dtype=np.int64),
        symbols=symbols,
        separator=separator,
        **rest,
    )


def describe_table(table: Table) -> dict[str, Any]:
    """What a table is, as plain values for people and JSON: how much, from when to when, how often, with which gaps.

    `span` and `frequency` are None without times; `missing_times` counts rows that a regular calendar would have had.
    """
    description: dict[str, Any] = {
        "rows": len(table),
        "columns": list(table.columns),
        "sequences": len(table.lengths),
        "independent": table.independent,
        "span": None,
        "frequency": None,
        "missing_times": 0,
        "gaps": {},
        "symbols": None,
        "classes": None,
        "notes": list(table.notes),
    }
    if table.symbolic:
        assert table.symbols is not None
        description["symbols"] = len(table.symbols)
    else:
        gaps = {name: int(np.isnan(table.values[:, i]).sum()) for i, name in enumerate(table.columns)}
        description["gaps"] = {name: count for name, count in gaps.items() if count}
    if table.labels is not None:
        names, counts = np.unique(table.labels, return_counts=True)
        description["classes"] = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if table.times is not None and len(table):
        from seqcore.data.calendar import find_frequency  # imports pandas: only for data with dates

        description["span"] = {"from": _moment(table.times.min()), "to": _moment(table.times.max())}
        frequency = find_frequency(table.times[: table.offsets[1]])
        if frequency:
            description |= {"frequency": frequency.name, "missing_times": frequency.missing}
    return description


def _moment(time: np.datetime64) -> str:
    """ "2024-01-31", or "2024-01-31 10:00:00" where it isn't midnight."""
    return str(time.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
