"""The types of the columns of delimited text, which Arrow is told before it reads them."""

from __future__ import annotations

import re

import pyarrow as pa

from seqcore.data.readers.csv_layout import Layout
from seqcore.data.readers.numbers import MISSING
from seqcore.data.readers.time_numbers import is_dated

__all__ = ["certain_types", "likely_types"]

_ZONE = re.compile(r"\d{2}:\d{2}.*(Z|[+-]\d{2}:?(\d{2})?)$")


def _zoned(layout: Layout) -> set[int]:
    """Columns of times with a time zone; they stay text to keep the zone."""
    return {i for row in layout.rows for i, cell in enumerate(row) if _ZONE.search(cell)}


def certain_types(layout: Layout) -> dict[int, pa.DataType]:
    """Columns that must stay text: times with a zone, other decimal separators, integers beyond 64 bits."""
    large = {
        i
        for row in layout.rows
        for i, cell in enumerate(row)
        if len(cell) > 18 and re.fullmatch(r"[+-]?\d+", cell, re.A) and abs(int(cell[:40])) >= 2**63
    }
    return {i: pa.string() for i in (*_zoned(layout), *layout.decimals, *large)}


def likely_types(layout: Layout) -> dict[int, pa.DataType]:
    """Column types from the first rows; if Arrow infers them itself, it holds every row twice."""
    point = re.escape(layout.decimal)
    number = re.compile(rf"[+-]?(\d+{point}?\d*|{point}\d+)([eE][+-]?\d+)?", re.A)
    integer = re.compile(r"[+-]?\d{1,19}", re.A)
    time = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?", re.A)
    types = certain_types(layout)
    for i, name in enumerate(layout.columns):
        cells = [row[i] for row in layout.rows if row[i] not in MISSING]
        if not cells or i in types:
            continue
        if all(integer.fullmatch(cell) for cell in cells) and (
            i == 0 or is_dated(name) or max(map(len, cells)) > 15  # larger ones are not exact as float64
        ):
            types[i] = pa.int64()
        elif all(number.fullmatch(cell) for cell in cells):
            types[i] = pa.float64()
        elif all(time.fullmatch(cell) for cell in cells):
            types[i] = pa.timestamp("ns")
        elif not any(re.match(r"\d{1,2}:\d\d|(true|false)$", cell, re.I) for cell in cells):
            types[i] = pa.string()
    return types
