"""Arrow columns of a user's file: usual names, types, numbers in text, missing values, row numbers for messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.import_report import Question
from seqcore.data.readers.missing_codes import apply_missing_codes
from seqcore.data.readers.numbers import EXACT, MISSING, TextNumbers, find_unit, inexact_note
from seqcore.data.sources.stored_file import FileOptions
from seqcore.errors import DataError, did_you_mean
from seqcore.results.formatting import listed
from seqcore.results.thinning import evenly

__all__ = [
    "Columns",
    "Origin",
    "distinct",
    "encode",
    "example_of",
    "is_text",
    "is_whole",
    "rows_of_missing",
    "sample",
    "take_values",
    "unnamed",
    "wanted_column",
]

Columns = dict[str, pa.ChunkedArray]
_RELEASED = 4_000_000  # cells after which unused memory is released
_UNNAMED = frozenset(MISSING) - {"-", "?", ".", ":", "None", "none"}  # cells without a name


@dataclass
class Origin:
    """Where columns come from. `rows(positions)` gives the row numbers in the user's file.

    `numbered`: the file has no column names. `notes` collects messages about how the file was read, and
    `questions` the decisions that are doubtful.
    """

    name: str
    rows: Callable[[list[int]], list[int]]
    options: FileOptions = field(default_factory=FileOptions)
    decimal: str = "."
    numbered: bool = False
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def listed(self, where: NDArray[np.bool_]) -> str:
        """ "row 5" or "rows 5, 9, 12, 13, 17 and 40 more"."""
        places = np.flatnonzero(where).tolist()
        return f"row{'s' * (len(places) > 1)} {listed(self.rows(places[:5]), 5, of=len(places))}"

    def error(self, column: str, message: str, rows: NDArray[np.bool_] | None = None) -> DataError:
        """An error about a column, with the rows [N] that it concerns."""
        where = "" if rows is None else f", {self.listed(rows)}"
        return DataError(f"{self.name}, column {column}{where}: {message}")


def wanted_column(wanted: str, columns: Iterable[str], origin: Origin, what: str) -> str:
    """A named column, ignoring case and outer spaces. DataError if there is none."""
    names = list(columns)
    if wanted in names:
        return wanted
    near = [name for name in names if name.lower() == wanted.strip().lower()]
    if len(near) == 1:
        return near[0]
    raise DataError(f"{origin.name}: there is no column {wanted!r} for {what}{did_you_mean(wanted, names)}")


def distinct(column: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The distinct cells of a column in order of first appearance, and the place of each cell among them, [N]; -1 for
    an empty cell.
    """
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded  # too large for one array
    return coded.dictionary, np.asarray(coded.indices.fill_null(-1)).astype(np.int64)


def encode(name: str, column: pa.ChunkedArray, origin: Origin, what: str) -> tuple[NDArray[np.int32], list[str]]:
    """A column of names as codes [N] and the distinct names in order of first appearance.

    Whole numbers are written without a decimal point. Read chunk by chunk to limit memory. DataError lists the rows
    with empty cells.
    """
    whole = pa.types.is_floating(column.type) and is_whole(column, most=len(column))
    known: dict[str, int] = {}
    codes = np.empty(len(column), dtype=np.int32)
    start = 0
    for chunk in column.chunks:
        coded = (chunk.cast(pa.int64()) if whole else chunk).dictionary_encode()
        texts = [str(cell).strip() for cell in coded.dictionary.cast(pa.string()).to_pylist()]
        places = [-1 if text in _UNNAMED else known.setdefault(text, len(known)) for text in texts]
        here = np.array([*places, -1], dtype=np.int32)  # a missing cell takes the last code
        codes[start : start + len(chunk)] = here[np.asarray(coded.indices.fill_null(len(places)))]
        start += len(chunk)
    missing = codes < 0
    if missing.any():
        raise origin.error(name, f"{what} is missing; fill in the cell or remove the row", missing)
    return codes, list(known)


def unnamed(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which cells are empty or hold a word for a missing value, [N]."""
    missing = column.is_null()
    if is_text(column):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        missing = pc.or_(missing, pc.fill_null(pc.is_in(text, value_set=pa.array(sorted(_UNNAMED))), True))
    return np.asarray(missing)


def is_whole(column: pa.ChunkedArray, most: int = 10_000) -> bool:
    """Whether a column holds only whole numbers, possibly as floats because of missing values."""
    if pa.types.is_integer(column.type):
        return True
    if not pa.types.is_floating(column.type):
        return False
    numbers = np.asarray(column.slice(0, most).drop_null())
    return len(numbers) > 0 and bool(np.all((np.abs(numbers) < 2**53) & (numbers == np.floor(numbers))))


def take_values(
    columns: Columns, names: list[str], origin: Origin, *, extra: int = 0
) -> tuple[NDArray[np.float64], dict[str, str]]:
    """The numbers of these columns, [N, F + extra], NaN where missing; the columns are removed from `columns`.

    Columns are converted chunk by chunk and each chunk is released after use, so nothing is held twice. Cells that
    are no finite numbers are missing: the second result says so for each column that has such. The last `extra`
    columns are 0.
    """
    length = len(columns[names[0]])
    values = np.empty((length, len(names) + extra))
    values[:, len(names) :] = 0.0
    texts = {name: _text_numbers(columns[name], origin) for name in names if is_text(columns[name])}
    bad = {name: np.zeros(length, dtype=bool) for name in texts}
    chunks = [columns.pop(name).chunks[::-1] for name in names]
    starts, taken = [0] * len(names), 0
    inexact = set()
    while any(chunks):
        for i, name in enumerate(names):
            if not chunks[i]:
                continue
            chunk = chunks[i].pop()
            here = slice(starts[i], starts[i] + len(chunk))
            starts[i], taken = here.stop, taken + len(chunk)
            if name in texts:
                values[here, i], bad[name][here] = texts[name].read(chunk)
                continue
            if pa.types.is_boolean(chunk.type):
                chunk = chunk.cast(pa.int8())
            values[here, i] = chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            if (
                pa.types.is_integer(chunk.type)
                and len(chunk)
                and np.nanmax(np.abs(values[here, i]), initial=0) >= EXACT
            ):
                inexact.add(name)
        if taken > _RELEASED:
            pa.default_memory_pool().release_unused()  # memory that Arrow keeps
            taken = 0
    pa.default_memory_pool().release_unused()
    for name, text in texts.items():
        notes, questions = text.finish(values[:, names.index(name)], name)
        origin.notes += notes
        origin.questions += questions
    origin.notes += [inexact_note(name) for name in names if name in inexact]
    odd = {}
    for i, name in enumerate(names):
        infinite = np.isinf(values[:, i])
        example = texts[name].example if name in bad and bad[name].any() else "inf"
        if infinite.any():
            values[infinite, i] = np.nan
            bad[name] = bad[name] | infinite if name in bad else infinite
        if name in bad and bad[name].any():
            count = int(bad[name].sum())
            what = "1 cell is not a finite number" if count == 1 else f"{count:,} cells are not finite numbers"
            odd[name] = f"{name}: {what} and read as missing: {example!r} ({origin.listed(bad[name])})."
    notes, questions = apply_missing_codes(values[:, : len(names)], names, origin.options.missing_codes)
    origin.notes += notes
    origin.questions += questions
    return values, odd


def _text_numbers(column: pa.ChunkedArray, origin: Origin) -> TextNumbers:
    """The reader of numbers in a text column, with the unit that its cells share."""
    options = origin.options
    unit = find_unit(sample(column), origin.decimal)
    return TextNumbers(origin.decimal, unit=unit, censored=options.censored, percent=options.percent)


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column holds text, which may be formatted numbers."""
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def sample(column: pa.ChunkedArray, count: int = 400) -> list[str]:
    """Up to `count` non-empty cells, spread over the column."""
    filled = column.drop_null()
    if len(column) > 100_000:
        starts = np.linspace(0, len(column) - 2_000, 50).astype(int)
        filled = pa.chunked_array([column.slice(start, 2_000).combine_chunks() for start in starts]).drop_null()
    cells = [str(cell).strip() for cell in filled.take(pa.array(evenly(len(filled), count))).to_pylist()]
    signs = ("-",) if "+" in cells else ()  # the two may be classes
    return [cell for cell in cells if cell not in MISSING or cell in signs]


def example_of(column: pa.ChunkedArray) -> str:
    """The first non-empty cell, or ""; without decimals in a column of whole numbers."""
    filled = column.slice(0, 1000).drop_null()
    if pa.types.is_floating(column.type) and is_whole(column, len(column)):
        return f"{filled[0].as_py():.0f}"[:40] if len(filled) else ""
    return str(filled[0])[:40].removesuffix(" 00:00:00") if len(filled) else ""


def rows_of_missing(values: NDArray[np.float64], order: NDArray[np.int64] | None, origin: Origin) -> dict[int, int]:
    """The first missing value of each column: row of the table -> row number in the user's file."""
    missing = np.isnan(values)
    rows = sorted({int(missing[:, i].argmax()) for i in range(values.shape[1]) if missing[:, i].any()})
    original = rows if order is None else [int(order[row]) for row in rows]
    return dict(zip(rows, origin.rows(original), strict=True)) if rows else {}
