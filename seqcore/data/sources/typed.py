"""Source: numbers typed or pasted by the user."""

from __future__ import annotations

import re

import numpy as np

from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["Values", "parse_numbers"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SEPARATORS = re.compile(r"[;\s]+|,(?=\s|;|$)")  # a comma followed by a space is never a decimal comma


class Values(Source):
    """Numbers typed or pasted by the user."""

    text: str = setting(
        "10, 20, 30, 40, 50, 60, 70, 80, 90",
        "Numbers separated by commas, spaces, semicolons or new lines.",
        title="Values",
        basic=True,
        multiline=True,
    )
    decimal: str = setting(
        "auto",
        "Decimal separator of numbers.",
        choices=[
            ("auto", "Detect", "A comma between digits is a decimal comma if the values have another separator."),
            ("point", "Point", "1.5; every comma is a separator."),
            ("comma", "Comma", "1,5; a comma followed by a space is a separator."),
        ],
        title="Decimal separator",
    )

    def table(self) -> Table:
        """One series, [n, 1]. DataError names each token that is no number."""
        values, comma = parse_numbers(self.text, decimal=self.decimal)
        if len(values) < 2:
            raise DataError(
                f"data.options.text: there are {len(values)} numbers in it; give at least 2, as in 10, 20, 30"
            )
        notes = ("Commas between digits were read as decimal commas.",) if comma else ()
        return Table(values=np.array(values)[:, None], columns=("value",), notes=notes)


def parse_numbers(text: str, *, decimal: str = "auto") -> tuple[list[float], bool]:
    """The numbers in `text`, and whether commas between digits were read as decimal commas.

    The rule: a comma separates when a space, a semicolon or the end follows ("70, 80"). Between digits it separates too
    where nothing else does ("10,20,30" and "70,5"), or where one item has several commas or any has a point. Else,
    where spaces, semicolons or lines separate already, it is a decimal comma: "1,5 2,5", "1,5; 2" and "70,80 90,100"
    (70.8 and 90.1). DataError: a line for each bad token, and where all of them can be thousands too ("1,500 2,500").
    """
    cleaned = text.replace("\u2212", "-").replace("\ufeff", "").strip().strip("[](){}").strip()
    spaced = cleaned.replace(";", " ; ").split()
    tokens = [token for token in _SEPARATORS.split(cleaned) if token]
    separating_comma = any(token.endswith(",") for token in spaced)
    with_comma = [token for token in tokens if "," in token]
    comma = decimal == "comma" or (
        decimal == "auto"
        and bool(with_comma)
        and len(tokens) > 1
        and not separating_comma
        and all(token.count(",") == 1 for token in with_comma)
        and not any("." in token for token in tokens)
    )
    if comma and decimal == "auto" and all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", token) for token in with_comma):
        raise DataError(
            f"{with_comma[0]!r} can be {with_comma[0].replace(',', '')} or {with_comma[0].replace(',', '.')}; "
            "write it without the comma, or with a point"
        )
    if comma:
        tokens = [token.replace(",", ".") for token in tokens]
    else:
        tokens = [part for token in tokens for part in token.split(",") if part]
    bad = [(i, token) for i, token in enumerate(tokens, 1) if not _NUMBER.fullmatch(token)]
    huge = [(i, token) for i, token in enumerate(tokens, 1) if (i, token) not in bad and not np.isfinite(float(token))]
    lines = [f"value {i}: {token[:40]!r} is not a number; use digits, as in 10 or 0.5 or 1e-3" for i, token in bad]
    lines += [f"value {i}: {token[:40]!r} is too large; use numbers up to 1e308" for i, token in huge]
    if lines:
        raise DataError(*lines[:5], *([f"... and {len(lines) - 5} more"] if len(lines) > 5 else []))
    return [float(token) for token in tokens], comma
