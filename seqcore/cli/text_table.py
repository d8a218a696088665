"""Tables of text: aligned columns, cells folded where the terminal is too narrow; thousands of rows in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

__all__ = ["table_lines"]

GAP = "  "  # between two columns


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), width: int | None = None
) -> Iterator[str]:
    """The lines of a table, the header first. Columns named in `right` are right-aligned.

    Lines are at most `width` characters long (None: as long as they need to be), but a column has at least two.
    Characters that a terminal would obey, as in the name of a file, are shown as spaces.
    """
    table = [[_printable(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(_length, column)) for column in zip(*table, strict=True)]
    if width is not None:
        widths = _narrowed(widths, width - len(GAP) * (len(widths) - 1))
    aligned_right = [name in right for name in columns]
    for row in table:
        cells = list(map(_folded, row, widths))
        for pieces in zip_longest(*cells, fillvalue=""):
            yield GAP.join(map(_aligned, pieces, widths, aligned_right)).rstrip()


def _narrowed(widths: list[int], room: int) -> list[int]:
    """Widths whose sum is at most `room`: the widest columns get the same width, narrower ones keep theirs."""
    if sum(widths) <= room:
        return widths
    most = next((n for n in range(max(widths), 2, -1) if sum(min(w, n) for w in widths) <= room), 2)
    narrowed = [min(w, most) for w in widths]
    spare = max(0, room - sum(narrowed))
    for place, wanted in enumerate(widths):
        if spare and narrowed[place] < wanted:
            narrowed[place] += 1
            spare -= 1
    return narrowed


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _length(text: str) -> int:
    """Columns of the terminal that a text takes: two for a Chinese character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _folded(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken between words where possible."""
    if _length(text) <= width:
        return [text]
    from rich.console import Console
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(Console(width=width), width, overflow="fold")]


def _aligned(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _length(text))
    return blank + text if right else text + blank
