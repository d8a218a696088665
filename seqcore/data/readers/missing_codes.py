"""Numbers that stand for missing values, such as -200, 999.9 or 1e20: found by content, made missing on request.

A code lies far outside the range of the other values, and it looks like one: only nines, one digit with zeros below
nothing but positive values, a limit of a type, a magnitude that no measurement has, or a negative whole number
that comes again and again at several times the range of all others. Zeros at night, a sensor at its maximum and capped
prices lie within the range or do not look like codes.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from seqcore.data.import_report import Answer, Question
from seqcore.data.sources.stored_file import written_codes
from seqcore.results.formatting import counted, listed

__all__ = ["apply_missing_codes"]

Numbers = NDArray[np.float64]

MOST_CODES = 6  # of a column
FEW_LEVELS = 12
_NINES = re.compile(r"[67]?9{2,}(\.9+)?|7{3,}(\.7+)?|8{3,}(\.8+)?")
_ROUND = re.compile(r"[1-9]0{2,}")
_LIMITS = frozenset((-(2.0**15), 1.0 - 2.0**15, -(2.0**31), 2.0**31 - 1.0))  # not 32767: a sensor at its maximum
_HUGE = 1e15
_SAME = 1e-6  # relative: numbers of 32 bits are not exactly 999.9


def apply_missing_codes(values: Numbers, names: list[str], option: str) -> tuple[list[str], list[Question]]:
    """Make the codes of `data.options.missing_codes` missing in `values[N, F]`: notes.

    With "auto" no value is changed, and there is a question about the codes that were found.
    """
    if option == "none":
        return [], []
    if option == "auto":
        found = find_codes(values)
        return [], [_question(found, names, len(values))] if found else []
    notes = []
    for code in map(float, option.split(", ")):
        gone = 0
        for i in range(values.shape[1]):
            same = _equal(values[:, i], code)
            if same.any():
                gone += int(same.sum())
                values[same, i] = np.nan
        notes.append(f"{written_codes([code])} is a missing value: {counted(gone, 'cell')}.")
    return notes, []


def find_codes(values: Numbers) -> dict[float, dict[int, int]]:
    """Code -> column of `values[N, F]` -> number of cells."""
    found: dict[float, dict[int, int]] = {}
    for i in range(values.shape[1]):
        for code, count in _codes_of(_finite(values[:, i])).items():
            found.setdefault(code, {})[i] = count
    for i in range(values.shape[1]) if found else ():  # what is a code in one column is one in the others
        rest = _finite(values[:, i])
        core = rest[~np.any([_equal(rest, code) for code in found], axis=0)] if len(rest) else rest
        for code, columns in found.items():
            if i not in columns and len(core) < len(rest) and _is_outside(code, core):
                columns[i] = int(_equal(rest, code).sum())
    return {code: {i: n for i, n in sorted(columns.items()) if n} for code, columns in sorted(found.items())}


def _codes_of(rest: Numbers) -> dict[float, int]:
    """The codes among the values of one column, with the number of their cells."""
    counts: dict[float, int] = {}
    while len(rest) and len(counts) < MOST_CODES:  # the extremes that look like codes, from the outside in
        ends = [float(v) for v in (rest.min(), rest.max())]
        code = next((v for v in ends if _looks_like_a_code(v) or _is_apart(v, rest)), None)
        if code is None:
            break
        others = rest[~_equal(rest, code)]
        counts[code] = len(rest) - len(others)
        rest = others
    return {code: count for code, count in counts.items() if _is_code(code, count, rest)}


def _looks_like_a_code(value: float) -> bool:
    return _is_typical(value) or value == -1.0 or _is_round(value)


def _is_apart(value: float, rest: Numbers) -> bool:
    """Whether a negative whole number comes again and again, far from all others among `rest[n]`."""
    same = rest == value
    if value >= 0 or not value.is_integer() or not 3 <= int(same.sum()) <= 0.3 * len(rest):
        return False
    core = rest[~same]
    width = float(np.ptp(core))
    return 0 < 5 * width < float(core.min()) - value and len(np.unique(core)) > FEW_LEVELS


def _is_typical(value: float) -> bool:
    """Whether a value has only nines, eights or sevens, is a limit of a type, or is huge: 99, -999.9, -32768, 1e20."""
    digits = written_codes([abs(value)])
    return bool(_NINES.fullmatch(digits)) or value in _LIMITS or abs(value) >= _HUGE


def _is_round(value: float) -> bool:
    return value < 0 and bool(_ROUND.fullmatch(written_codes([-value])))


def _is_code(code: float, count: int, core: Numbers) -> bool:
    """Whether a value that looks like a code is far from the other values, `core[n]`."""
    if len(core) == 0:
        return False
    low, high = float(core.min()), float(core.max())
    width = high - low
    gap = low - code if code < 0 else code - high
    if gap <= 0 or (width == 0 and not _is_typical(code)):
        return False
    if abs(code) >= _HUGE:
        return gap > 10 * max(abs(low), abs(high))
    once = count > 1 or gap > 20 * width  # a single cell must be still farther away
    if code == -1.0:
        return count > 1 and low > 1.0 and gap > 0.3 * width
    if not _is_typical(code) and not _is_round(code):
        return True  # found to be apart
    if not _is_typical(code):
        return once and gap > (width if low >= 0 else 3 * width)
    if code < 0:
        return low >= 0 or (once and gap > 0.5 * width and not (gap < 1.5 * width and _is_a_level(count, core)))
    return once and gap > 1.5 * width and not _ends_like(code, core)


def _ends_like(code: float, core: Numbers) -> bool:
    """Whether many values end in the same digits, as prices do: 4.99, 19.99, 999.99."""
    whole = 10.0 if code.is_integer() else 1.0
    return bool(np.mean(np.abs(core % whole - code % whole) < 1e-6) > 0.3)


def _is_a_level(count: int, core: Numbers) -> bool:
    """Whether the column has a few levels, and one of `count` cells is about as frequent as the others, `core[n]`."""
    levels = len(np.unique(core))
    return levels <= FEW_LEVELS and count <= 2 * len(core) / levels


def _is_outside(code: float, core: Numbers) -> bool:
    """Whether the code of another column lies outside this one's values, `core[n]`, with a gap."""
    if code == -1.0 or len(core) == 0:
        return False
    low, high = float(core.min()), float(core.max())
    gap = low - code if code < 0 else code - high
    return gap > 0 and ((code < 0 <= low) or gap > 0.05 * (high - low))


def _finite(column: Numbers) -> Numbers:
    return np.ascontiguousarray(column[np.isfinite(column)])


def _equal(values: Numbers, code: float) -> NDArray[np.bool_]:
    with np.errstate(over="ignore"):  # 1e308 minus -1e308
        return np.asarray(np.abs(values - code) <= _SAME * abs(code))


def _question(found: dict[float, dict[int, int]], names: list[str], rows: int) -> Question:
    parts = []
    for code, columns in found.items():
        places = [f"{names[i]} ({counted(n, 'row')}, {_percent(n / rows)})" for i, n in columns.items()]
        parts.append(f"{written_codes([code])} in {listed(places, 3)}")
    several = len(found) > 1
    codes = written_codes(found)
    return Question(
        f"{'Values' if several else 'A value'} far from all others, perhaps {'codes' if several else 'a code'} for "
        f"missing values: {'; '.join(parts)}.",
        (
            Answer(f"Make {codes} missing", {"missing_codes": codes}),
            Answer("Keep as numbers", {"missing_codes": "none"}),
        ),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"
