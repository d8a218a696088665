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
_GROUPED = re.compile(  # one number with thousands separators, or two numbers: 70.000,5 and 70,000.5
    r"[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(,\d{3})+\.\d+|(,\d{3})*,0\d\d(,\d{3})*)"
)
_COMMA_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?")
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
    A token that is one number with thousands separators, or two numbers, is refused unless `decimal` decides:
    "70.000,5" with a decimal comma is 70000.5.
    """
    cleaned = text.replace("\u2212", "-").replace("\ufeff", "").strip().strip("[](){}").strip()
    spaced = cleaned.replace(";", " ; ").split()
    tokens = [token for token in _SEPARATORS.split(cleaned) if token]
    if decimal == "comma":
        return _with_decimal_commas(tokens), any("," in token for token in tokens)
    separating_comma = any(token.endswith(",") for token in spaced)
    with_comma = [token for token in tokens if "," in token]
    comma = (
        decimal == "auto"
        and bool(with_comma)
        and len(tokens) > 1
        and not separating_comma
        and all(token.count(",") == 1 for token in with_comma)
        and not any("." in token for token in tokens)
    )
    if comma and all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", token) for token in with_comma):
        whole, fraction = with_comma[0].replace(",", ""), with_comma[0].replace(",", ".")
        raise _twofold(with_comma[0], whole, fraction, "write it without the comma, or with a point")
    if decimal == "auto" and (token := next(filter(_GROUPED.fullmatch, tokens), None)) is not None:
        value = re.sub(r"[.,](?=.*[.,])", "", token).replace(",", ".") if "." in token else token.replace(",", "")
        raise _twofold(token, value, " and ".join(token.split(",")), f"write {value}, or put a space after each comma")
    if comma:
        tokens = [token.replace(",", ".") for token in tokens]
    else:
        tokens = [part for token in tokens for part in token.split(",") if part]
    return _as_numbers(tokens), comma


def _twofold(token: str, one: str, other: str, advice: str) -> DataError:
    return DataError(f"{token[:40]!r} can be {one[:40]} or {other[:40]}; {advice}")


def _with_decimal_commas(tokens: list[str]) -> list[float]:
    """Tokens of data with decimal commas: "70,5", "70.000,5", and "70.5" where no other has the sign of thousands."""
    grouped = next(filter(_COMMA_GROUPED.fullmatch, tokens), None)
    pointed = next((token for token in tokens if "." in token and not _COMMA_GROUPED.fullmatch(token)), None)
    if grouped is not None and pointed is not None:
        raise DataError(
            f"{grouped[:40]!r} and {pointed[:40]!r}: a point separates thousands in one and decimals in the other; "
            "write all numbers like those of the data, with a decimal comma"
        )
    if pointed is None:
        return _as_numbers([token.replace(".", "").replace(",", ".") for token in tokens], tokens)
    return _as_numbers([token.replace(",", ".") for token in tokens], tokens)


def _as_numbers(plain: list[str], tokens: list[str] | None = None) -> list[float]:
    """Numbers with a decimal point as floats. DataError names each of `tokens`, as they were typed, that is none."""
    typed = list(enumerate(zip(plain, tokens or plain, strict=True), 1))
    bad = [(i, token) for i, (number, token) in typed if not _NUMBER.fullmatch(number)]
    huge = [(i, token) for i, (number, token) in typed if (i, token) not in bad and not np.isfinite(float(number))]
    lines = [f"value {i}: {token[:40]!r} is not a number; use digits, as in 10 or 0.5 or 1e-3" for i, token in bad]
    lines += [f"value {i}: {token[:40]!r} is too large; use numbers up to 1e308" for i, token in huge]
    if lines:
        raise DataError(*lines[:5], *([f"... and {len(lines) - 5} more"] if len(lines) > 5 else []))
    return [float(number) for number in plain]
