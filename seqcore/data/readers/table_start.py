"""Where the table in a delimited text begins: the lines above the header, the header, and the rows below it.

The table is the rows of the most frequent width with numbers or dates. A column has a kind (number, time, text with
digits, text); rows at the top whose cells are of other kinds than those below are names, units or descriptions.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from seqcore.data.readers.delimited_rows import (
    SAMPLE_ROWS,
    TYPED,
    Row,
    cell_kind,
    find_delimiter,
    rows_of,
    split_line,
    usual_width,
)
from seqcore.data.readers.header_times import header_times
from seqcore.data.readers.numbers import MISSING
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["SIGNS", "TableStart", "find_comment", "find_start", "marked_names"]

SIGNS = ("#", "%", "!", "//", ";")
"""What begins a comment line, most usual first."""

_MOST_NAMES = 6  # rows of names, units and descriptions above the rows of values
_LONGEST_TIME = 30  # characters of a date in words
_TIME_NAME = re.compile("time|date|datum|zeit|year|month|day|jahr|monat|mois|fecha|ann", re.I)
_UNIT = re.compile(
    r"[\[(].{0,20}[\])]|\d{1,3}[sdnf]|%|°\S*|\S{1,8}[/²³]\S{1,8}|deg\S{0,3}|[kmµuchMG]?(m|g|s|W|Wh|Pa|V|A|Hz|bar|l|L|J)"
    r"|[CFK]|in|ft|mi|mph|kn|kts?|knots|inHg|min|h|hr|hours?|days?|sec|seconds|UTC|GMT|TS|RN|ppm|ppb|NTU|pH|mEq|m[23]"
    r"|yr|mo|dy|mn|(?i:yyyy\S*|dd[./-]mm\S*|deg [CF]|celsius|percent|USD|EUR|GBP|count|unitless|none)|-|#"
)


class TableStart(NamedTuple):
    """`names` of the header or None, the rows of values, and the number of lines before the first of them.

    `top` is the line of the header, or of the first row without one; `named` are lines above it that notes name.
    """

    names: list[str] | None
    rows: list[list[str]]
    skip: int
    top: int
    notes: tuple[str, ...]
    named: frozenset[int] = frozenset()


def find_comment(lines: list[str], name: str, delimiter: str) -> str:
    """The sign that begins comment lines, or "". Rows of the table that begin with it are no comments."""
    for sign in SIGNS:
        marked = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith(sign)]
        if not marked or len(marked) == sum(bool(line.strip()) for line in lines):
            continue
        by = delimiter or find_delimiter(lines, name, sign)
        rows = [] if by == sign else list(rows_of(lines, by, name, comment=sign))
        if not rows:
            continue
        width = usual_width([row.cells for row in rows])
        table = _Table(rows, width)
        below = [lines[number - 1].strip() for number in marked if number > rows[0].line][:SAMPLE_ROWS]
        cells = [split_line(line, by, name) for line in below]
        if width > 1 and sum(len(row) == width and table.is_data(row) for row in cells) > 0.5 * len(below):
            continue
        if width == 1 and marked[0] > rows[0].line and not all(line[len(sign) :][:1] in " \t" for line in below):
            continue
        return sign
    return ""


def marked_names(lines: list[str], before: int, delimiter: str, comment: str, name: str) -> Row | None:
    """The last comment line with text above line `before`, or the one above it if it holds units; None without one."""
    units: Row | None = None
    for number in range(before - 1, 0, -1) if comment else ():
        text = lines[number - 1].strip().lstrip(comment[:1]).strip()
        row = Row(split_line(text, delimiter, name), number)
        if units is not None:
            return row if len(row.cells) == len(units.cells) else units
        if text and not _are_units(row.cells):
            return row
        units = row if text else None
    return units


def find_start(rows: list[Row], name: str, *, header: str, given: bool, marked: Row | None = None) -> TableStart:
    """The start of the table in these rows.

    `header` is yes, no or auto; `given`: the first row is the header or the first row of values. `marked` is the
    last comment line above the first row, which may be the header. DataError if the header has another
    number of names than the rows have values.
    """
    table = _Table(rows, usual_width([row.cells for row in rows]))
    first = 0 if given else table.first()
    at = table.header(first, given) if header != "no" else None
    if at is None and (header == "yes" or (header == "auto" and table.is_named(first))):
        at = first
    if at is None:
        above = table.names_above(first, marked, name) if header == "auto" and not given else None
        names, top = (None, rows[first].first_line) if above is None else (above.cells, above.line)
        return TableStart(names, table.below(first), rows[first].first_line - 1, top, ())
    if len(rows[at].cells) != table.width and len(rows) > 1:
        raise _mismatch(rows[at], table.width, name)
    start = table.below_header(at)
    names, joined = _joined(rows, at, range(at - 1, start) if at > first else range(at, start))
    others = [row for row in rows[at + 1 : start] if row is not joined]
    upper = (row for row in rows[first:at] if row is not joined and len(row.cells) == table.width)
    units = [row for row in upper if _are_units(row.cells)]
    notes = [_skipped(row, "above") for row in units] + [_skipped(row, "below") for row in others]
    if joined is not None:
        notes.append(f"Names of columns are from rows {rows[at].line} and {joined.line}, because some are equal.")
    named = frozenset(row.line for row in (*units, *([joined] if joined else ())))
    top = rows[at].first_line
    return TableStart(names, table.below(start), rows[start - 1].line, top, tuple(notes), named)


def _joined(rows: list[Row], at: int, near: range) -> tuple[list[str], Row | None]:
    """The names in row `at`, joined with those of a neighboring row if some are equal and that tells them apart."""
    names = rows[at].cells
    filled = [cell for cell in names if cell]
    for row in (rows[i] for i in near if i != at):
        if len(row.cells) != len(names) or len(set(filled)) == len(filled):
            continue
        pairs = zip(*((names, row.cells) if row.line > rows[at].line else (row.cells, names)), strict=True)
        both = [" ".join(dict.fromkeys(cell for cell in pair if cell)) for pair in pairs]
        if len(set(both)) == len(both):
            return both, row
    return names, None


class _Table:
    """Rows of one width, perhaps with others above, and the kind of each column, judged by the last rows."""

    def __init__(self, rows: list[Row], width: int) -> None:
        self.rows, self.width = rows, width
        alike = [row.cells for row in rows if len(row.cells) == width]
        last = alike[min(1, len(alike) - 1) :][-max(3, min(len(alike) // 4, 100)) :]
        self.kinds: list[str] = []
        for column in zip(*last, strict=True):
            counts = Counter(kind for kind in map(cell_kind, column) if kind)
            steady = counts["text"] == 0 and max(map(len, column)) <= _LONGEST_TIME
            best = max(counts, key=lambda kind: (counts[kind], kind in TYPED), default="")
            self.kinds.append("text" if best == "digits" and not steady else best)
        self.typed = [i for i, kind in enumerate(self.kinds) if kind in TYPED]
        self.lead = next((i for i, kind in enumerate(self.kinds) if kind in (*TYPED, "digits")), None)
        if not self.typed:
            self.lead = None

    def first(self) -> int:
        """The first row of the table or of names and units above it: rows of other widths before are left out."""
        first = next(i for i, row in enumerate(self.rows) if len(row.cells) == self.width)
        if not self.typed and any(len(row.cells) > 1 for row in self.rows[:first]):
            return 0  # text with a delimiter in it
        while first and self._is_values(self.rows[first - 1]) and self._adjoin(first - 1):
            first -= 1  # rows with too many or too few values
        for i in range(first, len(self.rows)):  # metadata may have as many cells as the table
            if len(self.rows[i].cells) == self.width and self.is_data(self.rows[i].cells):
                break
            if self.typed and len(self.rows[i].cells) == 1 < self.width and i + 1 < len(self.rows):
                first = i + 1
        return first

    def _adjoin(self, i: int) -> bool:
        return self.rows[i].line + 1 == self.rows[i + 1].first_line

    def _is_values(self, row: Row) -> bool:
        kinds = {cell_kind(cell) for cell in row.cells} - {""}
        return bool(kinds) and kinds <= {"number", "time"}

    def is_data(self, cells: list[str]) -> bool:
        """Whether the first number, time or text with digits of a row is where the table has one."""
        lead = "" if self.lead is None else cell_kind(cells[self.lead])
        if self.lead is None or (lead and self.kinds[self.lead] == "digits"):
            return lead != "text"
        if lead:
            return lead == self.kinds[self.lead]
        kinds = [(cell_kind(cells[i]), self.kinds[i]) for i in self.typed if cells[i] not in MISSING]
        return not kinds or any(kind == usual for kind, usual in kinds)

    def _is_words(self, cells: list[str]) -> bool:
        """Whether a row has words and no number or time where the table has one."""
        return any(cell_kind(cell) in ("text", "digits") for cell in cells) and not any(
            cell_kind(cells[i]) == self.kinds[i] for i in self.typed
        )

    def header(self, first: int, given: bool) -> int | None:
        """The row of names: words above the rows of values. None if there is none."""
        found: list[int] = []
        for i in range(first, len(self.rows)):
            cells = self.rows[i].cells
            if len(cells) != self.width or not any(cells):
                continue
            if self.is_data(cells) or self._recurs(i):
                break
            if self._is_words(cells):
                found.append(i)
        if given:
            return found[0] if found[:1] == [first] else None
        if len(found) > _MOST_NAMES:
            found = found[-1:]  # metadata with as many cells as the table
        if len(found) > 1:
            if self.width > 1:  # a single name such as v may look like a unit
                found = [i for i in found if not _are_units(self.rows[i].cells)] or found
            gaps = [i for i in found[1:] if not self._adjoin(i - 1)]
            found = [i for i in found if not gaps or i >= gaps[-1]]  # a blank line ends what is above the table
        if not found:
            return None
        filled = {i: len({cell for cell in self.rows[i].cells if cell}) for i in found}
        fullest = [i for i in found if filled[i] == max(filled.values())]
        if self.width > 2 and self.lead is not None:
            named = [i for i in fullest if _TIME_NAME.search(self.rows[i].cells[self.lead])]
            return (named or fullest)[0]
        return fullest[-1 if self.width <= 2 else 0]  # two columns: the lines above may be names with their values

    def below_header(self, at: int) -> int:
        """The first row of values below the header: units, types and descriptions directly below are left out."""
        start = at + 1
        while start < min(len(self.rows) - 1, at + 6):
            cells = self.rows[start].cells
            short = len(cells) < self.width and _are_units(cells)  # columns without a unit have no cell
            if not short and (
                len(cells) != self.width or self.is_data(cells) or not self._is_words(cells) or self._recurs(start)
            ):
                break
            start += 1
        return start

    def _recurs(self, at: int) -> bool:
        """Whether a word where the table has numbers or times comes again below: it means a missing value."""
        cells, later = self.rows[at].cells, self.rows[at + 1 :][:SAMPLE_ROWS]
        words = {i: cells[i] for i in self.typed if cells[i] and cells[i] not in MISSING}
        rows = [row.cells for row in later if len(row.cells) == self.width]
        if len(self.typed) > 1:
            rows = [row for row in rows if not self._is_words(row)]  # metadata may repeat words, too
        return any(row[i] == word for row in rows for i, word in words.items())

    def below(self, start: int) -> list[list[str]]:
        """The cells of the rows of values."""
        return [row.cells for row in self.rows[start:]]

    def names_above(self, first: int, marked: Row | None, name: str) -> Row | None:
        """The names in a comment line, or in a row of fewer cells where the first column has no name, as R writes it.

        DataError for another number of names.
        """
        if marked is not None and len(marked.cells) == self.width and self.typed and self._is_words(marked.cells):
            return marked
        if first == 0 or not self._adjoin(first - 1) or len(self.rows[first - 1].cells) < 2:
            return None
        above = self.rows[first - 1]
        if any(cell_kind(cell) in TYPED for cell in above.cells):
            return None
        body = [row.cells for row in self.rows[first:] if len(row.cells) == self.width]
        if len(above.cells) == self.width - 1:
            if all(row[-1] == "" for row in body):
                return Row([*above.cells, ""], above.line)
            if [row[0] for row in body[:2]] in (["0", "1"], ["1", "2"]) or self.kinds[0] == "text":
                return Row(["", *above.cells], above.line)
        raise _mismatch(above, self.width, name)

    def is_named(self, first: int) -> bool:
        """Whether the first row holds names, though numbers may be among them."""
        cells, body = self.rows[first].cells, [row.cells for row in self.rows[first + 1 :]]
        if not any(cell_kind(cell) in ("number", "time") for cell in cells):
            if self.typed or not body:
                return any(cell not in MISSING for cell in cells)
            filled = [i for i, cell in enumerate(cells) if cell not in MISSING]
            if len(filled) == 1 and _is_sentence(
                cells[filled[0]], [row[filled[0]] for row in body if len(row) > filled[0]]
            ):
                return False
            return not any(
                cell and any(i < len(row) and row[i] == cell for row in body) for i, cell in enumerate(cells)
            )
        if len(cells) > 1 and cells == ["", *(str(i) for i in range(len(cells) - 1))]:
            return True  # a DataFrame without names, saved with its index
        return any(cell_kind(cells[i]) == "text" for i in self.typed if i < len(cells)) or _counts_columns(cells, body)


def _is_sentence(cell: str, below: list[str]) -> bool:
    """Whether a cell of several words is no name, but a text like those below it."""
    words = sorted(len(text.split()) for text in below[:SAMPLE_ROWS] if text)
    usual = words[len(words) // 2] if words else 0
    return usual > 3 and len(cell.split()) > max(3, 0.5 * usual)


def _counts_columns(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first row is names and then dates, years or consecutive numbers: a column for each time step."""
    times = header_times([cell for cell in first if cell])
    if times is None:
        return False
    words = [i for i, cell in enumerate(first) if cell and cell not in times.columns]
    if not 1 <= len(words) <= 10 or any(cell_kind(first[i]) in TYPED for i in words):
        return False
    return not any(i < len(row) and row[i] == first[i] for row in body for i in words)


def _are_units(cells: list[str]) -> bool:
    """Whether most of the filled cells of a row are units or types, and all are short."""
    filled = [cell for cell in cells if cell]
    good = sum(bool(_UNIT.fullmatch(cell)) for cell in filled)
    return bool(filled) and good > 0.5 * len(filled) and max(map(len, filled)) <= 20


def _skipped(row: Row, where: str) -> str:
    cells = [cell[:30] for cell in row.cells if cell]
    what = f"the units row {row.line}" if _are_units(row.cells) else f"row {row.line} {where} the header"
    return f"Skipped {what}: {listed(cells, 6)}."


def _mismatch(row: Row, width: int, name: str) -> DataError:
    return DataError(
        f"{name}, row {row.line}: the header has {len(row.cells)} names, but rows have {width} values; "
        "give each column a name, or set the delimiter"
    )
