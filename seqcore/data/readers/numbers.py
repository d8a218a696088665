"""Numbers in text as people write them: one grammar for single cells and, vectorized, for whole columns.

The grammar holds for one decimal separator; a unit after the number is part of it only where a column's cells share it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqcore.data.import_report import Answer, Question

__all__ = [
    "EXACT",
    "MISSING",
    "TextNumbers",
    "find_decimal",
    "find_unit",
    "is_number",
    "number_share",
]

EXACT = 2**53
"""Integers up to this size are exact as float64."""

MISSING = (
    *("", "NA", "N/A", "n/a", "na", "n.a.", "N.A.", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-nan", "NaT", "\\N"),
    *("null", "NULL", "Null", "(null)", "None", "none", "NONE", "nil", "missing", "Missing", "MISSING"),
    *("No Data", "No data", "no data", "NoData", "nodata", "NODATA", "#VALUE!", "#DIV/0!", "#REF!", "#NUM!", "#NAME?"),
    *("-", "--", "---", "----", "-----", "?", ".", "..", "...", ":", "*", "**", "***", "****", "*****", "–", "—"),
)
"""Cells that stand for a missing value."""

_BLANK = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"  # of a class
_OUTER = re.compile(f"^[{_BLANK}]+|[{_BLANK}]+$")
_SPACE = "[ \xa0\u2007\u2009\u202f]?"
_DASH = "\\-\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
_GROUP = "'\u2019\u02bc \xa0\u2007\u2009\u202f\u066c"  # thousands separators, beside comma and point
_CODES = (
    "USD EUR GBP JPY CHF CNY INR AUD CAD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN RUB UAH TRY BRL MXN ARS CLP COP PEN "
    "ZAR EGP NGN KES SAR AED ILS KRW TWD HKD SGD THB IDR MYR PHP VND PKR BDT BTC ETH Kč zł Ft TL"
)
_CURRENCY = rf"(?:(?:US|AU?|CA?|NZ|HK|S|R|MX|NT)?\$|[€£¥¢₠-₿؋৳฿￠￡￥￦]|kr\.?|Rs\.?|Fr\.|{_CODES.replace(' ', '|')})"
_SCALES = {
    1e3: "K k Tsd Tsd. tsd thousand",
    1e6: "M mn mln Mio Mio. mio million millions",
    1e9: "B bn Mrd Mrd. mrd billion billions",
    1e12: "T tn trillion",
    1e5: "lakh lakhs",
    1e7: "crore crores",
}
_FACTORS = {word: factor for factor, words in _SCALES.items() for word in words.split()}
_EXAMINED = 1_000  # distinct cells whose currency is looked up
_INFINITE = r"[+-]?(?i:inf|infinity)"
_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10)  # the digit 0 of other scripts
_ASCII = {zero + i: str(i) for zero in _ZEROS for i in range(10)} | {0x66B: ".", 0xFF0E: ".", 0xFF0C: ",", 0xFF05: "%"}
_UNIT = re.compile(r"[0-9.,)]\s?([^\W\d_]|[°µμΩ℃℉‰])([^\s,;:<>=\"()]{0,11})$")
_NO_UNITS = frozenset(
    ("e", "E", "am", "pm", "AM", "PM", "a.m.", "p.m.", "uhr", "Uhr", "st", "nd", "rd", "th", "h", "H", "Q")
)
_WORDS_AROUND = re.compile(r"\D{0,6}?([.,]?\d(?:.*\d)?(?:,--?|[.,](?!\w))?)\D{0,8}")  # a currency or unit
_DIGIT = re.compile(r"\d")
_PARTS = ("bound", "front", "open", "sign", "digits", "exponent", "scale", "percent", "close", "back")


@functools.cache
def _pattern(decimal: str, unit: str = "") -> str:
    """The grammar for `re.fullmatch` and for RE2, with the groups of _PARTS."""
    group, point = (",", r"\.") if decimal == "." else (r"\.", ",")
    whole = rf"[0-9]+|[1-9][0-9]{{0,2}}(?:[{group}{_GROUP}][0-9]{{3}})+"
    if decimal == ".":
        whole += r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"  # Indian: 12,34,567
    scale = "|".join(re.escape(word) for word in _FACTORS)
    after = rf"{_SPACE}{_CURRENCY}" + (rf"|{_SPACE}{re.escape(unit)}" if unit else "")
    return (
        rf"(?P<bound>[<>≤≥]=?)?{_SPACE}(?P<front>[+{_DASH}])?{_SPACE}(?:{_CURRENCY}{_SPACE})?"
        rf"(?P<open>\({_SPACE})?(?P<sign>[+{_DASH}])?{_SPACE}(?:{_CURRENCY}{_SPACE})?"
        rf"(?P<digits>(?:{whole})(?:{point}(?:[0-9]+|[{_DASH}]{{1,2}})?)?|{point}[0-9]+)"  # 12.- has no sign
        rf"(?P<exponent>[eE][+-]?[0-9]{{1,4}}|[dD][+-][0-9]{{1,3}})?(?:{_SPACE}(?P<scale>{scale}))?(?:{after})?"
        rf"(?P<percent>{_SPACE}%)?(?P<close>{_SPACE}\))?(?P<back>{_SPACE}[{_DASH}])?"
    )


@functools.cache
def _compiled(decimal: str, unit: str) -> re.Pattern[str]:
    return re.compile(_pattern(decimal, unit))


def is_number(cell: str, decimal: str = ".", unit: str = "") -> bool:
    """Whether a cell holds a finite number: with thousands separators, currency, percent sign, (12.30), <1, 1.2M."""
    if not _DIGIT.search(cell):
        return False
    found = _compiled(decimal, unit).fullmatch(_bare(cell))
    if found is None:
        return False
    signs = sum(bool(found[part]) for part in ("front", "open", "sign", "back"))
    return signs <= 1 and bool(found["open"]) == bool(found["close"])


def _bare(cell: str) -> str:
    """A cell without outer spaces, with the digits 0 to 9."""
    bare = _OUTER.sub("", cell)
    return bare if bare.isascii() else bare.translate(_ASCII)


def number_share(cells: list[str], decimal: str, unit: str = "") -> float:
    """The share of the cells that hold numbers, infinite ones included; 0 without cells."""
    counts = Counter(cells)
    found = (n for c, n in counts.items() if is_number(c, decimal, unit) or re.fullmatch(_INFINITE, c))
    return sum(found) / max(len(cells), 1)


def find_unit(cells: list[str], decimal: str) -> str:
    """The unit that nearly all cells share ("12 km", "5°C"), or ""."""
    units: Counter[str] = Counter()
    for cell, times in Counter(cells).items():
        bare = _OUTER.sub("", cell)
        if (found := _UNIT.search(bare)) and not is_number(bare, decimal):
            units[found[1] + found[2]] += times
    unit, count = units.most_common(1)[0] if units else ("", 0)
    return unit if count >= 0.9 * len(cells) and unit not in _NO_UNITS else ""


class Decimal(NamedTuple):
    """The decimal separator of cells: "." or ",", or "" without evidence; `example`: a cell that can be read twice."""

    separator: str
    example: str = ""


def find_decimal(cells: Iterable[str]) -> Decimal:
    """The decimal separator of these cells. 1,234 and 1.234 are no evidence."""
    seen: Counter[str] = Counter()
    example = ""
    for cell in cells:
        if "," not in cell and "." not in cell:
            continue
        found = _WORDS_AROUND.fullmatch(cell)
        bare = found[1] if found else ""
        if re.fullmatch(r"[1-9]\d{0,2},\d{3}", bare):
            example = example or bare
        elif re.fullmatch(r"(\d+|\d{1,3}([.'’ \xa0\u202f]\d{3})+)?,(\d+([eE][+-]?\d+)?|-+)|\d{1,3}(\.\d{3}){2,}", bare):
            seen[","] += 1
        elif re.fullmatch(
            r"(\d+|\d{1,3}([,'’ \xa0\u202f]\d{3})+|\d{1,2}(,\d{2})+,\d{3})?\.\d*([eE][+-]?\d+)?|\d{1,3}(,\d{3}){2,}"
            r"|\d{1,2}(,\d{2})+,\d{3}",
            bare,
        ):
            seen["."] += not re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", bare)
    if seen[","] == seen["."]:
        return Decimal("", example)
    return Decimal("," if seen[","] > seen["."] else ".", example)


class TextNumbers:
    """Reads the cells of one text column as numbers, chunk by chunk, and says what was decided.

    `censored` is limit, half or missing: how "<1" is read. `percent` is auto, number or fraction: how "50%" is read;
    auto takes a fraction where the other cells lie between -1 and 1.
    """

    def __init__(self, decimal: str, *, unit: str = "", censored: str = "limit", percent: str = "auto") -> None:
        self._pattern = rf"\A(?:{_pattern(decimal, unit)})\z"
        self._decimal, self._censored, self._percent = decimal, censored, percent
        self.unit = unit
        self.example = ""  # a cell that is no number
        self._bounds: Counter[str] = Counter()
        self._percents: list[NDArray[np.bool_]] = []
        self._scales: Counter[str] = Counter()
        self._inexact = 0
        self._currencies: Counter[str] = Counter()

    def read(self, chunk: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The values [n], NaN where missing, and which filled cells are no numbers [n]. Percentages are as written."""
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.cast(pa.string()).dictionary_encode()
        values, unread, percent, bounds = self._distinct(coded.dictionary.cast(pa.string()))
        places = np.asarray(coded.indices.fill_null(len(values))).astype(np.int64)
        values, unread, percent = np.append(values, np.nan), np.append(unread, False), np.append(percent, False)
        if not self.example and unread[places].any():
            self.example = str(coded.dictionary[int(places[np.argmax(unread[places])])])[:40]
        counts = np.bincount(places, minlength=len(values)) if bounds else ()
        for place, text in bounds.items():
            self._bounds[text] += int(counts[place])
        self._percents.append(percent[places])
        return values[places], unread[places]

    def _distinct(
        self, text: pa.Array
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[int, str]]:
        """Values, unread cells, percentages, and the censored cells by place, of distinct cells."""
        text = pc.replace_substring_regex(text, rf"\A[{_BLANK}]+|[{_BLANK}]+\z", "")
        self._currencies.update(re.findall(_CURRENCY, " ".join(text.slice(0, _EXAMINED).to_pylist())))
        if pc.any(pc.match_substring_regex(text, r"[^\x00-\x7f]")).as_py():
            text = pa.array([cell.translate(_ASCII) for cell in text.to_pylist()], pa.string())
        found = pc.extract_regex(text, self._pattern)
        part = {name: pc.fill_null(pc.struct_field(found, name), "") for name in _PARTS}
        has = {name: np.asarray(pc.not_equal(cells, "")) for name, cells in part.items()}
        signs = sum(has[name].astype(int) for name in ("front", "open", "sign", "back"))
        right = np.asarray(found.is_valid()) & (signs <= 1) & (has["open"] == has["close"])
        thousands = "," if self._decimal == "." else r"\."
        digits = pc.replace_substring_regex(part["digits"], f"[{thousands}{_GROUP}{_DASH}]", "")
        exponent = pc.replace_substring_regex(part["exponent"], "[dD]", "e")  # of Fortran
        plain = pc.binary_join_element_wise(pc.replace_substring(digits, ",", "."), exponent, "")
        values = np.array(pc.cast(pc.if_else(pa.array(right), plain, None), pa.float64()), dtype=np.float64)
        minus = has["open"] | has["back"] | _is_minus(part["front"]) | _is_minus(part["sign"])
        values[minus] *= -1.0
        for i in np.flatnonzero(right & has["scale"]).tolist():
            values[i] *= _FACTORS[part["scale"][i].as_py()]
        bounds = {int(i): text[int(i)].as_py() for i in np.flatnonzero(right & has["bound"])}
        values[list(bounds)] *= {"half": 0.5, "missing": np.nan}.get(self._censored, 1.0)
        whole = ~(np.asarray(pc.match_substring(digits, ".")) | has["exponent"] | has["scale"])
        self._inexact += int(np.sum(right & whole & (np.abs(values) >= EXACT)))
        infinite = np.asarray(pc.match_substring_regex(text, rf"\A{_INFINITE}\z"))
        values[infinite] = np.where(np.asarray(pc.starts_with(text, "-"))[infinite], -np.inf, np.inf)
        missing = np.asarray(pc.is_in(text, value_set=pa.array(MISSING, pa.string())))
        return values, ~(right | infinite | missing), right & has["percent"], bounds

    def finish(self, values: NDArray[np.float64], name: str) -> tuple[list[str], list[Question]]:
        """Notes and questions about the column, whose `values[N]` are corrected in place."""
        notes: list[str] = []
        questions: list[Question] = []
        percent = np.concatenate(self._percents) if self._percents else np.zeros(len(values), bool)
        if percent.any():
            others = values[~percent & np.isfinite(values)]
            mixed = len(others) > 0
            fraction = self._percent == "fraction" or (
                self._percent == "auto" and mixed and bool(np.all(np.abs(others) <= 1.0))
            )
            values[percent] /= 100.0 if fraction else 1.0
            if mixed:
                count = f"{int(percent.sum()):,} of {int(percent.sum()) + len(others):,} values have a percent sign"
                notes.append(f"{name}: {count}: 50% was read as {'0.5' if fraction else '50'}.")
                questions.append(Question(f"{name}: {count}. What is 50%?", _answers("percent", _PERCENT, fraction)))
        if self._bounds:
            total, example = self._bounds.total(), min(self._bounds)
            how = {"half": "half the limit", "missing": "missing"}.get(self._censored, "the limit itself")
            beyond = (
                f"{total:,} value{'s are' if total > 1 else ' is'} censored (given only as a limit), such as {example}"
            )
            notes.append(f"{name}: {beyond}; read as {how}.")
            answers = tuple(
                Answer(title, {"censored": key}) for key, title in _CENSORED.items() if key != self._censored
            )
            questions.append(Question(f"{name}: {beyond}. How is it read?", answers))
        if self.unit:
            notes.append(f"{name}: the unit {self.unit} was removed from the values.")
        if len(self._currencies) > 1:
            sums = ", ".join(sorted(self._currencies))
            notes.append(f"{name}: amounts in several currencies ({sums}) were read as they stand, without conversion.")
        if self._inexact:
            notes.append(inexact_note(name))
        return notes, questions


_PERCENT = {"fraction": "0.5", "number": "50"}
_CENSORED = {"limit": "As the limit", "half": "As half the limit", "missing": "As a missing value"}


def _answers(field: str, titles: dict[str, str], first: bool) -> tuple[Answer, ...]:
    """The answers other than the one taken: the first title if `first`, else the second."""
    taken = list(titles)[0 if first else 1]
    return tuple(Answer(title, {field: key}) for key, title in titles.items() if key != taken)


def inexact_note(name: str) -> str:
    """That a column has integers which float64 can't represent."""
    return (
        f"{name}: integers beyond {EXACT:,} are rounded to about 16 digits; if they are identifiers, "
        "leave the column out."
    )


def _is_minus(cells: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.and_(pc.not_equal(cells, ""), pc.not_equal(cells, "+")))
