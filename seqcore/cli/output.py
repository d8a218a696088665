"""Output of commands: one JSON object per line, or tables and text for people."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from seqcore.cli.text_table import table_lines
from seqcore.results import plain

__all__ = ["Output", "close_streams", "printable"]

PIPED_WIDTH = 200  # without a terminal, lines are not wrapped
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
CLOSED = 128 + 13  # exit code after the reader has gone, as a shell reports SIGPIPE


class _Console(Console):
    """A console that remembers a closed pipe instead of ending the program."""

    closed = False

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = self.closed = True


class Output:
    """Standard output as JSON or as text. Notes for people go to standard error."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self._closed = False
        self.notes = _Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)

    @property
    def closed(self) -> bool:
        """Whether the reader of standard output or standard error is gone."""
        return self._closed or self.notes.closed

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
        """Text on one or more lines, without characters that a terminal would obey, as in the name of a file."""
        self._print(printable(text))

    def _print(self, text: str) -> None:
        if self.closed:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            self._closed = True

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """A table; the columns named in `right` are right-aligned."""
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        header, *lines = table_lines(columns, rows, right=right, width=width)
        self._print("\n".join([f"\x1b[1m{header}\x1b[0m" if terminal else header, *lines]))

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values, one pair a line."""
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            self.line(f"  {name:<{width}}  {' '.join(value.split())}")

    def note(self, text: str) -> None:
        """A line on standard error."""
        self.notes.print(Text(printable(text)))

    def flush(self) -> None:
        """Flush standard output, so that a closed pipe raises here and not when Python exits."""
        if not self.closed:
            sys.stdout.flush()

    def abandon(self) -> int:
        """Discard further output after the pipe was closed. Returns the exit code."""
        self._closed = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED


def printable(text: str) -> str:
    """Text without the characters that a terminal would obey; line ends and tabs stay."""
    return "\n".join(line if line.isprintable() else _CONTROL.sub(" ", line) for line in text.split("\n"))


def close_streams(code: int) -> int:
    """Flush standard output and standard error. Returns the exit code, `code` unless that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = CLOSED
        except OSError as error:  # as of a full disk
            code = code or 1
            with contextlib.suppress(OSError):
                print(f"output can't be written ({error.strerror})", file=sys.stderr, flush=True)
    return code
