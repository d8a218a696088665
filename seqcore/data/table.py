"""Table: the values of a source as one series, several series, or independent sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.data.import_report import NO_REPORT, ImportReport
from seqcore.data.step_units import IMAGE, ROW, SOUND_FRAME, StepUnit, unit_of_symbols
from seqcore.errors import DataError
from seqcore.results.formatting import format_duration

__all__ = ["FULL_SCALE", "Recordings", "Table", "code_type", "describe_table", "equal_sequences", "symbol_table"]

_BLOCK = 262_144  # rows checked at a time
FULL_SCALE = 32_768  # 1.0 as a 16-bit integer


@dataclass(frozen=True)
class Recordings:
    """The waveform of each sequence: `samples[s]` at a sampling rate of `rates[s]` Hz.

    Samples are floats from -1 to 1, or 16-bit integers where the file holds such (`FULL_SCALE` is 1.0).
    """

    rates: tuple[int, ...]
    samples: tuple[NDArray[np.float32] | NDArray[np.int16], ...]

    def waveform(self, s: int) -> NDArray[np.float32]:
        """The samples of one sequence from -1 to 1, [n]."""
        samples = self.samples[s]
        if samples.dtype == np.float32:
            return samples  # type: ignore[return-value]
        return samples.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def seconds(self) -> float:
        """The total duration."""
        return sum(len(samples) / rate for samples, rate in zip(self.samples, self.rates, strict=True))

    def select(self, sequences: Iterable[int]) -> Recordings:
        """The recordings of these sequences."""
        chosen = list(sequences)
        return Recordings(tuple(self.rates[i] for i in chosen), tuple(self.samples[i] for i in chosen))


class Size(NamedTuple):
    """The amount of data: what is counted, how much, and details."""

    title: str
    amount: str
    detail: str


@dataclass(frozen=True)
class Table:
    """`values[N, F]`, divided into S sequences by `offsets[S + 1]`.

    `values` are numbers (float64; float32 for recordings) or, if `symbols[V]` is given, unsigned codes [N, 1] into it;
    `separator` joins symbols into text. `times[N]` (datetime64[ns]) is None for data without dates. If `independent`,
    the sequences are samples and each belongs to one split as a whole; otherwise each sequence is a time series, which
    is split in time.

    Per sequence: `names[S]`; `labels[S]`, its class; `groups[S]`, which are never divided between splits (a speaker);
    `paired`, a table with the target of each sequence (its translation); `recordings`, the waveforms. `frame` is
    (height, width) if a row is an image with values from 0 (dark) to 1.

    `notes` say in sentences what was done to the data (sorted, filled, dropped). `row_numbers` maps the first missing
    value of each column to its row in the user's file. Raises DataError if the shapes don't agree.
    """

    values: NDArray[Any]
    columns: tuple[str, ...]
    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    times: NDArray[np.datetime64] | None = None
    independent: bool = False
    names: tuple[str, ...] = ()  # one for each sequence, or empty
    notes: tuple[str, ...] = ()
    row_numbers: dict[int, int] = field(default_factory=dict)
    x_title: str = "step"  # axis title of the rows: "step", "week", the name of the date column
    symbols: NDArray[np.str_] | None = None
    separator: str = ""
    labels: NDArray[np.str_] | None = None
    groups: NDArray[Any] | None = None
    paired: Table | None = None
    recordings: Recordings | None = None
    frame: tuple[int, int] | None = None
    inserted: int = 0  # rows of missing values inserted for missing time steps
    report: ImportReport = NO_REPORT  # how the user's file was read

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise DataError(f"a table of {len(self.columns)} columns can't hold values of shape {self.values.shape}")
        if self.offsets.size == 0:
            object.__setattr__(self, "offsets", np.array([0, len(self.values)], dtype=np.int64))
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise DataError("the offsets of a table must increase from 0 to its number of rows")
        if self.times is not None and len(self.times) != len(self.values):
            raise DataError(f"{len(self.times)} times for {len(self.values)} rows")
        if self.symbols is None and self.values.dtype.kind != "f":
            raise DataError(f"a table holds floats or coded symbols, not {self.values.dtype}; see symbol_table")
        sequences = len(self.offsets) - 1
        for name, known in (("labels", self.labels), ("groups", self.groups), ("names", self.names or None)):
            if known is not None and len(known) != sequences:
                raise DataError(f"{len(known)} {name} for {sequences} sequences")
        if self.paired is not None and len(self.paired.lengths) != sequences:
            raise DataError(f"{len(self.paired.lengths)} paired sequences for {sequences} sequences")
        if self.frame is not None and self.frame[0] * self.frame[1] != len(self.columns):
            raise DataError(f"a frame of {self.frame[0]} by {self.frame[1]} does not have {len(self.columns)} pixels")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def symbolic(self) -> bool:
        """Whether the values are symbols (text), not numbers."""
        return self.symbols is not None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows in each sequence, [S]."""
        return np.diff(self.offsets)

    @cached_property
    def has_missing(self) -> bool:
        """Whether any number is missing. Cached, and checked in blocks to limit memory."""
        blocks = range(0, 0 if self.symbolic else len(self.values), _BLOCK)
        return any(bool(np.isnan(self.values[start : start + _BLOCK]).any()) for start in blocks)

    @property
    def numeric_columns(self) -> tuple[str, ...]:
        """The columns of numbers; empty if the values are symbols."""
        return () if self.symbolic else self.columns

    @property
    def tabular(self) -> bool:
        """Whether each column is a variable of its own: neither symbols nor the pixels of frames."""
        return not self.symbolic and self.frame is None

    @property
    def kind(self) -> str:
        """The kind of data in words: "one series", "labeled texts", "pairs of sentences", ..."""
        if self.paired is not None:
            return "pairs of sentences"
        many = len(self.lengths) > 1
        if self.recordings is not None:
            one, several = "recordings", "recordings"
        elif self.frame is not None:
            one, several = "a video", "videos"
        elif self.symbolic:
            one, several = "a text", "texts"
        else:
            one, several = "one series", "sequences" if self.labels is not None else "many series"
            if self.independent and many and self.labels is None:
                return "independent sequences"
        return f"labeled {several}" if self.labels is not None else several if many else one

    @property
    def unit(self) -> StepUnit:
        """What a row is called."""
        if self.symbolic:
            return unit_of_symbols(self.separator)
        if self.recordings is not None:
            return SOUND_FRAME
        return ROW if self.frame is None else IMAGE

    @property
    def sequence_unit(self) -> StepUnit:
        """What a sequence is called."""
        name = (
            "sentence" if self.paired is not None
            else "video" if self.frame is not None
            else "recording" if self.recordings is not None
            else "sequence" if self.independent or self.symbolic
            else "series"
        )  # fmt: skip
        return StepUnit(name, name if name == "series" else f"{name}s")

    @property
    def size(self) -> Size:
        """How much data there is, in its own unit: rows, words, pairs, frames, or the duration of recordings."""
        sequences = len(self.lengths)
        if self.paired is not None:
            return Size("Pairs", f"{sequences:,}", f"{len(self):,} words to {len(self.paired):,}")
        if self.recordings is not None:
            seconds, rates = self.recordings.seconds, sorted(set(self.recordings.rates))
            duration = format_duration(seconds)
            rate = " to ".join(f"{rate:,}" for rate in dict.fromkeys((rates[0], rates[-1])))
            return Size("Audio", duration, f"{rate} Hz, {len(self):,} frames of {len(self.columns)} mel bands")
        if self.frame is not None:
            return Size("Frames", f"{len(self):,}", f"{self.frame[0]} by {self.frame[1]} pixels")
        if self.symbolic:
            return Size(self.unit.many.capitalize(), f"{len(self):,}", self.kind)
        columns = len(self.columns)
        names = ", ".join(self.columns[:3]) + (", …" if columns > 3 else "")
        return Size("Rows", f"{len(self):,}", f"{columns:,} columns: {names}" if columns > 1 else names)

    @property
    def summary(self) -> str:
        """The size in one line: "1,461 rows of 4 columns", "72,000 frames in 6,000 videos"."""
        if self.paired is not None:
            return f"{len(self.lengths):,} pairs of sentences"
        columns = len(self.columns) if self.unit is ROW else 1
        of = f" of {columns:,} columns" if columns > 1 else ""
        sequences = f" in {self.sequence_unit.counted(len(self.lengths))}" if len(self.lengths) > 1 else ""
        return f"{self.size.amount} {self.size.title.lower()}{of}{sequences}"

    def select_columns(self, names: tuple[str, ...]) -> Table:
        """The table with only these columns, in this order."""
        if names == self.columns:
            return self
        values = self.values[:, [self.columns.index(name) for name in names]]
        return replace(self, values=values, columns=names, frame=None)

    def keep_rows(self, keep: NDArray[np.bool_]) -> Table:
        """The table with only some rows, [N]."""
        before = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)  # rows kept before each row
        return replace(
            self,
            values=self.values[keep],
            offsets=before[self.offsets],
            times=None if self.times is None else self.times[keep],
            row_numbers={int(before[row]): number for row, number in self.row_numbers.items() if keep[row]},
        )

    def select(self, sequences: NDArray[np.int64]) -> Table:
        """The table with only some sequences, given in ascending order."""
        mask = np.zeros(len(self.lengths), dtype=bool)
        mask[sequences] = True
        table = self.keep_rows(np.repeat(mask, self.lengths))
        return replace(
            table,
            offsets=np.append(table.offsets[:-1][mask], table.offsets[-1]),
            names=tuple(self.names[s] for s in sequences) if self.names else (),
            labels=None if self.labels is None else self.labels[mask],
            groups=None if self.groups is None else np.asarray(self.groups)[mask],
            paired=None if self.paired is None else self.paired.select(sequences),
            recordings=None if self.recordings is None else self.recordings.select(sequences.tolist()),
        )

    def words(self, low: int, high: int) -> list[str]:
        """The symbols of the rows `low` to `high` - 1, in a table of symbols."""
        assert self.symbols is not None
        found: list[str] = self.symbols[self.values[low:high, 0]].tolist()
        return found

    def sentence(self, s: int) -> list[str]:
        """The symbols of one sequence."""
        return self.words(int(self.offsets[s]), int(self.offsets[s + 1]))


def code_type(symbols: int) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned type for the codes of `symbols` symbols."""
    return np.uint8 if symbols <= 2**8 else np.uint16 if symbols <= 2**16 else np.uint32


def symbol_table(
    sequences: Iterable[Sequence[str] | NDArray[np.str_]],
    *,
    columns: tuple[str, ...] = ("symbol",),
    separator: str = "",
    **rest: Any,
) -> Table:
    """Sequences of symbols as a table of codes [N, 1]; `rest` is passed to `Table`."""
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


def equal_sequences(values: NDArray[np.float64], columns: tuple[str, ...], **rest: Any) -> Table:
    """Independent sequences of equal length, [S, T, F], as a table; `rest` is passed to `Table`."""
    count, length, width = values.shape
    offsets = np.arange(count + 1, dtype=np.int64) * length
    return Table(values=values.reshape(-1, width), columns=columns, offsets=offsets, independent=True, **rest)


def describe_table(table: Table) -> dict[str, Any]:
    """A table as JSON values: size, time span, frequency, missing values.

    `span` and `frequency` are None without times; `missing_times` counts the missing time steps of a regular calendar.
    """
    missing = {name: int(np.isnan(table.values[:, i]).sum()) for i, name in enumerate(table.numeric_columns)}
    description: dict[str, Any] = {
        "rows": len(table),
        "columns": list(table.columns),
        "sequences": len(table.lengths),
        "independent": table.independent,
        "span": None,
        "frequency": None,
        "missing_times": 0,
        "gaps": {name: count for name, count in missing.items() if count},
        "symbols": None if table.symbols is None else len(table.symbols),
        "classes": None,
        "notes": list(table.notes),
    }
    if table.labels is not None:
        names, counts = np.unique(table.labels, return_counts=True)
        description["classes"] = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if table.times is not None and len(table):
        from seqcore.data.calendar import find_frequency, short_time  # imports pandas: only for data with dates

        description["span"] = {"from": short_time(table.times.min()), "to": short_time(table.times.max())}
        frequency = find_frequency(table.times[: table.offsets[1]])
        if frequency:
            description |= {"frequency": frequency.name, "missing_times": frequency.missing}
    return description
