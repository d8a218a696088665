"""A copy of the first page of an SQLite file: it describes all tables; damage to it makes every run unreadable."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from seqcore.errors import StoreError
from seqcore.runs.atomic_io import write_durably

__all__ = ["has_known_first_page", "mend_first_page"]

SIZE = 4096  # bytes of a page
_KEPT = ((0, 24), (44, 92), (96, SIZE))  # what writes leave as it is: all but counters and the list of free pages


def mend_first_page(file: Path, is_intact: Callable[[], bool]) -> None:
    """Restore the first page from its copy if the database isn't intact without that; else renew the copy.

    The number of pages, which is not in the copy, follows from the size of the file.
    """
    copy = file.with_name(f"{file.name}.schema")
    try:
        _mend_page_count(file, is_intact)
        page, kept = _first_page(file), _first_page(copy) if copy.exists() else b""
        if _constant(page) == _constant(kept):
            return
        if is_intact():
            with contextlib.suppress(StoreError):  # as on a full disk
                write_durably(copy, [page])
        elif len(kept) == len(page) == SIZE:
            mended = bytearray(page)
            for start, stop in _KEPT:
                mended[start:stop] = kept[start:stop]
            _overwrite(file, bytes(mended))
            if not is_intact():
                _overwrite(file, page)
    except OSError as error:
        raise StoreError(f"{file} can't be read ({error.strerror})") from error


def has_known_first_page(file: Path) -> bool:
    """Whether the first page is that of the copy, if there is one, and fits the size of the file."""
    copy = file.with_name(f"{file.name}.schema")
    page = _first_page(file)
    return page == _counted(file, page) and (not copy.exists() or _constant(page) == _constant(_first_page(copy)))


def _counted(file: Path, page: bytes) -> bytes:
    """The first page with the number of pages that the file has."""
    logged = any(file.with_name(file.name + end).exists() for end in ("-journal", "-wal"))
    if logged or len(page) < SIZE:  # the file is not all that the database holds
        return page
    return page[:28] + (file.stat().st_size // SIZE).to_bytes(4, "big") + page[32:]


def _mend_page_count(file: Path, is_intact: Callable[[], bool]) -> None:
    page = _first_page(file)
    counted = _counted(file, page)
    if counted != page and not is_intact():
        _overwrite(file, counted)
        if not is_intact():
            _overwrite(file, page)


def _first_page(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(SIZE)


def _overwrite(file: Path, page: bytes) -> None:
    with file.open("r+b") as stream:
        stream.write(page)


def _constant(page: bytes) -> list[bytes]:
    return [page[start:stop] for start, stop in _KEPT]
