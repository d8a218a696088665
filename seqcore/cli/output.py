"""Output of commands: one JSON object a line, or tables and text for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqcore.results import plain

__all__ = ["Output"]

PIPED_WIDTH = 200  # without a terminal, lines are not wrapped


class Output:
    """Standard output as JSON or as text. Notes for people go to standard error."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.closed = False  # the reader of standard output is gone
        width = None if sys.stdout.isatty() else PIPED_WIDTH
        self.console = Console(highlight=False, width=width, soft_wrap=width is not None)
        self.notes = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)

    def object(self, value: Mapping[str, Any]) -> None:
        """One JSON object on one line. Non-finite numbers are null."""
        self.line(json.dumps(plain(dict(value)), ensure_ascii=False, allow_nan=False))

    def result(self, value: Mapping[str, Any], text: str) -> None:
        """`value` as JSON, or `text` for people."""
        if self.json:
            self.object(value)
        else:
            self.line(text)

    def line(self, text: str) -> None:
        """A line of text."""
        if self.closed:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            self.closed = True

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """A table; the columns named in `right` are right-aligned."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for name in columns:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        try:
            self.console.print(table)
        except BrokenPipeError:
            self.closed = True

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values, one pair a line."""
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            self.line(f"  {name:<{width}}  {value}")

    def note(self, text: str) -> None:
        """A line on standard error."""
        self.notes.print(Text(text))

    def flush(self) -> None:
        """Flush standard output, so that a closed pipe raises here and not when Python exits."""
        if not self.closed:
            sys.stdout.flush()

    def abandon(self) -> int:
        """Discard further output after the pipe was closed. Returns the exit code."""
        self.closed = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell reports SIGPIPE
