"""The values of a table: columns of numbers, and categories as one column of 0 and 1 for each level (one-hot)."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.column_parsing import Columns, Origin, distinct, take_values
from seqcore.data.readers.numbers import is_number
from seqcore.data.readers.profiles import Profile, as_level, levels_of
from seqcore.data.readers.roles import MOST_LEVELS, Roles, is_id
from seqcore.errors import DataError
from seqcore.results.formatting import counted, listed

__all__ = ["OTHER", "read_values"]

OTHER = "other"
"""The level of all rare values of a category."""
_COVERED = 0.8  # share of the cells that the levels before "other" must cover
_MOST_CELLS = 10_000_000  # of all categories: 80 MB
_FLAGGED = 5  # rows with the only value of a column from which on it is a flag, and no remark
_FIRST = {"empty": 0, "not numeric": 1}  # reasons in the order of the notes
_INDEX = ("", "index", "unnamed: 0", "rownames", "column 1")  # names of a row index that was saved


def read_values(
    columns: Columns, origin: Origin, roles: Roles, *, dated: bool = False
) -> tuple[list[str], NDArray[np.float64]]:
    """The names and values of all columns that are left, [N, F], which are removed; categories come last.

    Notes say what is left out or missing. DataError if there are no numbers.
    """
    chosen = {name: _role_of(roles.profiles[name], roles, origin) for name in columns}
    if not any(role == "value" for role, _ in chosen.values()):  # an id is better than nothing
        chosen |= {name: ("value", "numbers") for name in columns if chosen[name] == ("ignore", "an id")}
    levels = _levels(columns, chosen, origin)
    names = [name for name, (role, _) in chosen.items() if role == "value"]
    roles.release()
    if not names:
        raise DataError(_nothing_to_learn(origin, [n for n in columns if chosen[n][1] != "empty"], dated=dated))
    _say_ignored(chosen, origin)
    for name, (role, reason) in chosen.items():
        roles.take([name], role, reason)
    codes = {name: _coded(name, columns.pop(name), known, origin) for name, known in levels.items()}
    for name in [n for n in columns if n not in names]:
        del columns[name]
    values, odd = take_values(columns, names, origin, extra=sum(map(len, levels.values())))
    for sentence in odd.values():
        origin.notes.append(sentence)
    for name, sentence in odd.items():
        roles.ask(sentence, name, {"ignore": f"Leave {name} out", "category": f"Read {name} as a category"})
    for i, name in enumerate(names):
        missing = np.isnan(values[:, i])
        if (count := int(missing.sum())) and name not in odd:
            origin.notes.append(f"{name}: {counted(count, 'missing value')} ({origin.listed(missing)}).")
    place = len(names)
    for name, known in levels.items():
        here = np.flatnonzero(codes[name] >= 0)
        values[here, place + codes[name][here]] = 1.0
        place += len(known)
        names += [f"{name}={level}" for level in known]
    return names, values


def _role_of(p: Profile, roles: Roles, origin: Origin) -> tuple[str, str]:
    """Value, category or ignore, and why."""
    given = roles.given.roles.get(p.name)
    if given in ("value", "category", "ignore"):
        return given, "as given"
    if p.empty:
        return "ignore", "empty"
    if given is not None:
        return "ignore", f"no {given} in this kind of data"
    if p.place == 0 and p.name.strip().lower() in _INDEX and p.counts_up and p.column[0].as_py() in (0, 1):
        return "ignore", "a row index"
    if is_id(p):
        return "ignore", "an id"
    if p.numeric and not _is_mixed_code(p, origin):
        return "value", "numbers"
    if not p.text:
        return "ignore", "not numeric"
    count = len(p.levels)
    few = 2 <= count <= 0.5 * p.levels.total()
    if few and sum(n for _, n in p.levels.most_common(MOST_LEVELS - 1)) >= _COVERED * p.levels.total():
        return "category", f"{count:,} distinct values"
    if count == 1 and p.filled < 1 and p.levels.total() >= _FLAGGED:
        return "category", "a flag: one value, or empty"
    if p.numeric:
        return ("category", f"{count:,} distinct values") if 2 <= count <= MOST_LEVELS else ("value", "numbers")
    if p.constant and len(p.column) > 1:
        return "ignore", "the same in every row" if p.filled == 1 else "a single value"
    return "ignore", "not numeric"


def _is_mixed_code(p: Profile, origin: Origin) -> bool:
    """Whether numbers among words are codes (0, a, b, c), and not measured with a few words by mistake."""
    if not p.text or not 2 <= len(p.levels) <= MOST_LEVELS:
        return False
    odd = {level: n for level, n in p.levels.items() if not is_number(level, origin.decimal, p.unit)}
    return bool(odd) and (len(p.levels) - len(odd) <= 1 or (len(odd) >= 2 and min(odd.values()) >= 2))


def _levels(columns: Columns, chosen: dict[str, tuple[str, str]], origin: Origin) -> dict[str, tuple[str, ...]]:
    """The levels of each category, the most frequent first and rare ones as one; new data have those of the model."""
    found: dict[str, tuple[str, ...]] = {}
    length = len(next(iter(columns.values()), ()))
    for name in [n for n, (role, _) in chosen.items() if role == "category"]:
        counts = levels_of(columns[name])
        known = origin.options.trained.levels(name) if origin.options.trained else ()
        if not known:
            ranked = sorted(counts, key=lambda level: (-counts[level], level))
            many = len(ranked) > MOST_LEVELS
            known = (*sorted(ranked[: MOST_LEVELS - many]), *((OTHER,) if many else ()))
        if not known or (sum(map(len, found.values())) + len(known)) * length > _MOST_CELLS:
            chosen[name] = ("ignore", "a category with too many rows" if known else "empty")
            continue
        found[name] = known
    return found


def _coded(name: str, column: pa.ChunkedArray, levels: tuple[str, ...], origin: Origin) -> NDArray[np.int64]:
    """The level of each cell, [N]; -1 for an empty cell, and for one that the model doesn't know, which is said."""
    places = {level: i for i, level in enumerate(levels)}
    rest = places.get(OTHER, -1)
    cells, codes = distinct(column)
    texts = [as_level(value) for value in cells.to_pylist()]
    known = np.array([*(places.get(text, rest) for text in texts), -1], dtype=np.int64)  # -1 takes the last
    shown = f"{name} is a category: one column of 0 or 1 for each of {listed(levels, 5)}"
    empty = f"; {column.null_count:,} empty cells are none of them" if column.null_count else ""
    origin.notes.append(f"{shown}{empty}.")
    unknown = [text for text in texts if text not in places]
    if unknown and rest < 0:
        origin.notes.append(
            f"{name}: {listed(map(repr, unknown), 5)} is not in the training data: no column of it is 1."
        )
    return known[codes]


def _say_ignored(chosen: dict[str, tuple[str, str]], origin: Origin) -> None:
    reasons: dict[str, list[str]] = {}
    for name, (role, reason) in chosen.items():
        if role == "ignore":
            reasons.setdefault(reason, []).append(name)
    for reason, which in sorted(reasons.items(), key=lambda item: _FIRST.get(item[0], 9)):
        origin.notes.append(f"Columns left out ({reason}): {listed(which, 8)}.")


def _nothing_to_learn(origin: Origin, text: list[str], *, dated: bool) -> str:
    if dated and not text:
        return f"{origin.name}: there is only a date column; add at least one numeric column"
    if len(text) == 1 and re.search(r"\.(tsv|tab)$", origin.name.lower()):
        return (
            f"{origin.name}: there is one text column and no tab; for sentence pairs separate the two sentences of "
            "each row with a tab; for language modeling rename the file to .txt"
        )
    if text:
        return (
            f"{origin.name}: there is no numeric column, only text ({listed(text, 8)}); "
            "add a numeric column, or rename the file to .txt for language modeling"
        )
    return f"{origin.name}: every column is empty; add a numeric column"
