"""Source: a user's file in a store, identified by the hash of its content, and the options of reading it."""

from __future__ import annotations

import math
import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from pydantic import PrivateAttr, field_validator

from seqcore.data.import_report import ROLES
from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.errors import DataError, did_you_mean
from seqcore.experiment.fields import OptionalInt, setting, shown

__all__ = ["FileOptions", "StoredFile", "Trained", "base_name", "written_codes"]

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
_SWITCHES: dict[Any, str] = {"true": "yes", "false": "no", True: "yes", False: "no"}


def base_name(name: str) -> str:
    """A file name without folders (either kind of slash) and control characters, in valid Unicode."""
    last = re.split(r"[/\\]", name.encode(errors="replace").decode().rstrip("/\\"))[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[:200] or "file"


def written_codes(codes: Iterable[float]) -> str:
    """Numbers as text, separated by commas: "-200, 999.9, 1e+20"."""
    return ", ".join(f"{code:.0f}" if code.is_integer() and abs(code) < 1e15 else f"{code:.7g}" for code in codes)


@cache
def _time_zones() -> dict[str, str]:
    """The names of all time zones, by their lower case. They are found by reading hundreds of files."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}


@dataclass(frozen=True)
class Trained:
    """What a trained model knows about its data: the columns that it takes, and its classes.

    New data that are read for it may lack the columns that only training needs.
    """

    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def levels(self, name: str) -> tuple[str, ...]:
        """The levels of a category: of "city", those of the columns "city=Oslo" and "city=Rome"."""
        return tuple(column[len(name) + 1 :] for column in self.columns if column.startswith(f"{name}="))


class FileOptions(Source):
    """Import options of a file. Everything is detected unless set."""

    _trained: Trained | None = PrivateAttr(None)

    kind: str = setting(
        "auto",
        "Kind of data in the file.",
        choices=[
            ("auto", "Detect", "From file name and content."),
            ("series", "Series", "One row per time step; several series if a column identifies them."),
            ("sequences", "Labeled sequences", "One row per time step with id and label, or one row per sequence."),
            ("labeled-text", "Labeled texts", "A text column and a label column."),
            ("text", "Text", "The whole file is one text for language modeling."),
            ("pairs", "Sentence pairs", "Two text columns: source and target language."),
            ("recording", "Recordings", "A WAV file, or a ZIP of WAV files in one folder per label."),
        ],
    )
    columns: dict[str, str] = setting(
        {},
        "What columns are taken for, as name=role separated by commas, or as JSON. Other columns are detected.",
        choices=[(name, role.title, role.help) for name, role in ROLES.items()],
    )
    series_column: str = setting(
        "auto",
        "Column that identifies the series or sequence of a row: its name, auto (detect) or none.",
    )
    label_column: str = setting("auto", "Column with the class of each sequence: its name, auto (detect) or none.")
    group_column: str = setting(
        "auto",
        "Column with the origin of each sequence (a speaker, a patient); a group stays in one split: its name, auto "
        "(detect) or none.",
    )
    level: str = setting(
        "auto",
        "Tokens of a text. Sentence pairs are always split into words.",
        choices=[
            ("auto", "Detect", "Characters for one text; words for labeled texts of several words."),
            ("characters", "Characters", ""),
            ("words", "Words", ""),
        ],
    )
    delimiter: str = setting(
        "auto",
        "Separator between the values of a row.",
        choices=[("auto", "Detect", ""), *((name, name.capitalize(), "") for name in _DELIMITERS.values())],
    )
    decimal: str = setting(
        "auto",
        "Decimal separator of numbers.",
        choices=[("auto", "Detect", ""), ("point", "Point", "1.5"), ("comma", "Comma", "1,5")],
        title="Decimal separator",
    )
    percent: str = setting(
        "auto",
        "How to read 50% in a column where other values have no percent sign.",
        choices=[
            ("auto", "Detect", "As a fraction if the other values lie between -1 and 1."),
            ("fraction", "Fraction", "50% is 0.5."),
            ("number", "Number", "50% is 50."),
        ],
        title="Percent signs",
    )
    censored: str = setting(
        "limit",
        "How to read censored values, which are given only as a limit, such as <1 or >1000.",
        choices=[
            ("limit", "Limit", "<1 is 1."),
            ("half", "Half the limit", "<1 is 0.5."),
            ("missing", "Missing", "<1 is a missing value."),
        ],
        title="Censored values",
    )
    skip_rows: OptionalInt = setting(
        None,
        "Number of lines before the header, or before the first row if there is no header; empty: detect.",
        minimum=0,
        maximum=100_000,
        title="Lines to skip",
    )
    comment: str = setting(
        "auto",
        "Characters at the beginning of lines that are comments, such as # or //: auto (detect) or none.",
        title="Comment sign",
    )
    header: str = setting(
        "auto",
        "Whether the first row holds column names.",
        choices=[("auto", "Detect", ""), ("yes", "Yes", ""), ("no", "No", "")],
    )
    encoding: str = setting(
        "auto",
        "Character encoding of the file.",
        choices=[
            ("auto", "Detect", ""),
            ("utf-8", "UTF-8", ""),
            ("utf-16", "UTF-16", ""),
            ("utf-16-le", "UTF-16 LE", "Little-endian, without a byte order mark"),
            ("utf-16-be", "UTF-16 BE", "Big-endian, without a byte order mark"),
            ("utf-32", "UTF-32", ""),
            ("cp1252", "Windows 1252", "Western Europe"),
            ("latin-1", "Latin-1", "ISO 8859-1"),
            ("iso8859-15", "Latin-9", "ISO 8859-15, Western Europe with the euro sign"),
            ("mac-roman", "Mac Roman", "Western Europe, old Macs"),
            ("cp850", "DOS 850", "Western Europe, old PCs"),
            ("cp1250", "Windows 1250", "Central Europe"),
            ("iso8859-2", "Latin-2", "ISO 8859-2, Central Europe"),
            ("cp1257", "Windows 1257", "Baltic"),
            ("cp1254", "Windows 1254", "Turkish"),
            ("cp1251", "Windows 1251", "Cyrillic"),
            ("koi8-r", "KOI8-R", "Russian"),
            ("cp1253", "Windows 1253", "Greek"),
            ("cp1255", "Windows 1255", "Hebrew"),
            ("cp1256", "Windows 1256", "Arabic"),
            ("gb18030", "GB 18030", "Chinese, simplified"),
            ("big5", "Big5", "Chinese, traditional"),
            ("shift_jis", "Shift JIS", "Japanese"),
            ("euc-jp", "EUC-JP", "Japanese, Unix"),
            ("cp949", "Windows 949", "Korean, with EUC-KR"),
        ],
    )
    date_column: str = setting("auto", "Column with dates: its name, auto (detect) or none.")
    date_order: str = setting(
        "auto",
        "How to read 01/02/2024.",
        choices=[
            ("auto", "Detect", "From the whole column; day first if ambiguous."),
            ("day-first", "Day first", "1 February"),
            ("month-first", "Month first", "January 2"),
            ("year-first", "Year first", "24-01-05 is 5 January 2024"),
        ],
    )
    time_zone: str = setting(
        "auto",
        "Time zone whose local time the file holds, as in Europe/Berlin: hours that its clocks repeat or skip are told "
        "apart, and times are converted to its standard time. auto: detected where an hour is repeated in autumn.",
    )
    missing_times: str = setting(
        "auto",
        "Handling of time steps that are missing from a regular calendar.",
        choices=[
            (
                "auto",
                "Automatic",
                "Insert rows if at most a tenth is missing and data.missing fills them.",
            ),
            ("insert", "Insert", "Insert rows of missing values in every regular series."),
            ("leave", "Leave out", "Report them: rows are consecutive; forecasts leave out days that never occur."),
        ],
        title="Missing time steps",
    )

    missing_codes: str = setting(
        "auto",
        "Numbers that mean missing, as in -200, 999.9; auto: report values that may be such codes, and keep them; "
        "none: keep all numbers.",
    )

    @field_validator("missing_codes", mode="before")
    @classmethod
    def _are_numbers(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = [value]
        text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        if not isinstance(text, str) or text in ("auto", "none"):
            return text
        codes = []
        text = text.replace("\N{MINUS SIGN}", "-").strip(" ,;")
        for word in re.split(r"[\s;]+|,(?=[\s+-])\s*", text) if text else ():
            try:
                codes.append(float(word))
            except ValueError:
                codes.append(math.nan)
            if not math.isfinite(codes[-1]):
                raise ValueError(f"{shown(word)} is not a number; use numbers such as -200, 999.9, or auto or none")
        return written_codes(dict.fromkeys(codes)) or "auto"

    @field_validator("time_zone", mode="after")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        known = _time_zones()
        wanted = value.strip().replace(" ", "_").lower()
        if wanted == "auto" or wanted in known:
            return known.get(wanted, "auto")
        near = did_you_mean(value, known.values())
        raise ValueError(f"{value[:40]!r} is not a time zone; use a name such as Europe/Berlin, or auto{near}")

    @field_validator("delimiter", "decimal", "header", mode="before")
    @classmethod
    def _in_words(cls, value: Any) -> Any:
        return {**_DELIMITERS, ".": "point", **_SWITCHES}.get(value, value) if isinstance(value, str | bool) else value

    @property
    def trained(self) -> Trained | None:
        """What the model knows for which new data are read; None for data to train on."""
        return self._trained

    def for_model(self, trained: Trained) -> Self:
        """The same options for new data of a trained model."""
        options = self.model_copy()
        options._trained = trained
        return options

    def for_missing(self, missing: str) -> Self:
        """The same options for a known `data.missing`: no rows are inserted if missing values are refused."""
        if missing == "refuse" and self.missing_times == "auto":
            return self.model_copy(update={"missing_times": "leave"})
        return self


class StoredFile(FileOptions):
    """A user's file, kept in the store by the SHA-256 of its content."""

    hash: str = setting("", "SHA-256 of the file content, 64 hexadecimal digits.")
    name: str = setting("", "Name of the file.")

    @field_validator("hash", mode="after")
    @classmethod
    def _is_a_hash(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError(
                f"{value[:40]!r} is not allowed; a file is identified by the SHA-256 of its content (64 hexadecimal "
                "digits), not by a path: give the file"
            )
        return value

    @field_validator("name", mode="after")
    @classmethod
    def _without_folders(cls, value: str) -> str:
        return base_name(value) if value else ""

    def table(self) -> Table:
        """Raises DataError: the values are in a store."""
        raise DataError(
            f"the values of {self.name or 'this file'} are in a store; open it from there, or pass them as data=..."
        )
