"""The user's own file as a source: named by its content's hash, kept in a store, never by a path."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import field_validator

from seqcore.data.sources.source import Source
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.fields import setting

__all__ = ["FileOptions", "StoredFile", "base_name"]

_CHARACTERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space", ".": "point"}
_SWITCHES: dict[Any, str] = {"true": "yes", "false": "no", True: "yes", False: "no"}


def base_name(name: str) -> str:
    """A file's name without the folders before it, of either kind of slash, and without control characters."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[:200] or "file"


class FileOptions(Source):
    """How a file is read. Everything is recognised unless it is said here."""

    kind: str = setting(
        "auto",
        "What the file holds.",
        choices=[
            ("auto", "Recognise", "From the file's name and what is in it."),
            ("series", "Series", "A row for each time; many series where a column names them."),
            ("sequences", "Labelled sequences", "A row for each step with an id and a label, or a row a sequence."),
            ("labelled-text", "Labelled texts", "A column of texts and a column of labels."),
            ("text", "Text", "All of it is one text to learn to write."),
            ("pairs", "Pairs of sentences", "Two columns of sentences: from this one to that one."),
            ("recording", "Recordings", "Sound: a WAV, or a ZIP of them in a folder for each label."),
        ],
    )
    series_column: str = setting(
        "auto",
        "The column that names the series or the sequence of a row: its name, auto (recognise it) or none.",
        title="Series column",
    )
    label_column: str = setting(
        "auto", "The column of labels: its name, auto (recognise it) or none.", title="Label column"
    )
    group_column: str = setting(
        "auto",
        "The column of whom a labelled sequence or text comes from (a speaker, a patient), who is in one part only: "
        "its name, auto (recognise it) or none.",
        title="Group column",
    )
    level: str = setting(
        "auto",
        "What one symbol of a text is. Pairs of sentences are always cut into words.",
        choices=[
            ("auto", "Recognise", "Characters for a long text, words where texts have labels and several words."),
            ("characters", "Characters", ""),
            ("words", "Words", ""),
        ],
    )
    delimiter: str = setting(
        "auto",
        "What stands between two values of a row.",
        choices=[
            ("auto", "Recognise", ""),
            ("comma", "Comma", ""),
            ("semicolon", "Semicolon", ""),
            ("tab", "Tab", ""),
            ("pipe", "Bar |", ""),
            ("space", "Spaces", ""),
        ],
    )
    decimal: str = setting(
        "auto",
        "What divides 1 from 5 in one and a half.",
        choices=[("auto", "Recognise", ""), ("point", "Point", "1.5"), ("comma", "Comma", "1,5")],
        title="Decimal sign",
    )
    header: str = setting(
        "auto",
        "Whether the first row holds the columns' names.",
        choices=[("auto", "Recognise", ""), ("yes", "Yes", ""), ("no", "No", "")],
    )
    encoding: str = setting(
        "auto",
        "How letters are written as bytes.",
        choices=[
            ("auto", "Recognise", ""),
            ("utf-8", "UTF-8", ""),
            ("utf-16", "UTF-16", ""),
            ("cp1252", "Windows 1252", "Western Europe"),
            ("latin-1", "Latin-1", "ISO 8859-1"),
            ("cp1250", "Windows 1250", "Central Europe"),
            ("cp1251", "Windows 1251", "Cyrillic"),
            ("gb18030", "GB 18030", "Chinese"),
            ("shift_jis", "Shift JIS", "Japanese"),
        ],
    )
    date_column: str = setting(
        "auto", "The column of dates: its name, auto (recognise it) or none.", title="Date column"
    )
    date_order: str = setting(
        "auto",
        "What 01/02/2024 is.",
        choices=[
            ("auto", "Recognise", "From the whole column; the day first where it can't be told."),
            ("day-first", "Day first", "1 February"),
            ("month-first", "Month first", "January 2"),
        ],
        title="Day or month first",
    )

    missing_times: str = setting(
        "auto",
        "What becomes of days, hours or months that a regular calendar leaves out.",
        choices=[
            ("auto", "Automatic", "Inserted as gaps where at most a tenth is missing and data.missing fills them."),
            ("insert", "Insert", "A row of gaps for each, wherever the calendar is regular."),
            ("leave", "Leave out", "They are named, and rows follow each other as if nothing were between."),
        ],
        title="Missing times",
    )

    @field_validator("delimiter", "decimal", "header", mode="before")
    @classmethod
    def _in_words(cls, value: Any) -> Any:
        return {**_CHARACTERS, **_SWITCHES}.get(value, value) if isinstance(value, str | bool) else value

    def for_gaps(self, gaps: str) -> Self:
        """The same for a known `data.missing`: no gaps are inserted where they would be refused."""
        if gaps == "refuse" and self.missing_times == "auto":
            return self.model_copy(update={"missing_times": "leave"})
        return self


class StoredFile(FileOptions):
    """A file that the user gave, kept in the store by the SHA-256 of its content."""

    hash: str = setting("", "SHA-256 of the file's content, 64 hexadecimal digits.")
    name: str = setting("", "What the file was called.")

    @field_validator("hash", mode="after")
    @classmethod
    def _is_a_hash(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError(
                f"{value[:40]!r} is not allowed; a file is named by the 64 hexadecimal digits of its content's "
                "SHA-256, never by a path: give the file itself"
            )
        return value

    @field_validator("name", mode="after")
    @classmethod
    def _without_folders(cls, value: str) -> str:
        return base_name(value) if value else ""

    def table(self) -> Table:
        """Never: the values lie in a store. DataError says so."""
        raise DataError(
            f"the values of {self.name or 'this file'} are not here; open it from a store, or give them with data=..."
        )
