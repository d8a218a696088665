"""ZIP and gzip: unpacked as a stream, with limits on what comes out, and never to a path of the archive's."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from seqcore.data.readers.formats.input_file import Given, Unclosable
from seqcore.data.sources.stored_file import base_name
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_gzip", "read_zip"]

MOST_FILES = 20_000
MOST_TIMES = 200  # what comes out, over what is packed: text of numbers is about 4, and a line repeated 1,000 is a bomb
SMALL_BYTES = 10_000_000  # below which the ratio says nothing
_CHUNK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
_SOUNDS = (".wav", ".wave")
_WORKBOOK = ("xl/workbook.xml", "[Content_Types].xml", "content.xml")


def read_gzip(given: Given) -> Table:
    """The table in the one file of a gzip archive. DataError: damaged, too large, an archive in it."""
    inner = given.name[: -len(".gz")] if given.suffix == ".gz" else given.name
    with tempfile.TemporaryFile() as unpacked:  # has no name, and is gone when it is closed
        with gzip.GzipFile(fileobj=Unclosable(given.stream), mode="rb") as packed:
            given.stream.seek(0)
            given.progress.stage(0.0, 0.2)
            size = _copy(packed, unpacked, given, given.size)
        return _read_inner(given, unpacked, size, inner)


def read_zip(given: Given) -> Table:
    """The table in a ZIP: of its recordings, or of the one other file in it.

    DataError, one line: encrypted, damaged, an archive in it, too many or too large files.
    """
    name = given.name
    try:
        archive = zipfile.ZipFile(Unclosable(given.stream))
        entries = archive.infolist()
    except _DAMAGE:
        raise DataError(f"{name}: this ZIP archive is damaged; pack it anew") from None
    with archive:
        names = {entry.filename for entry in entries}
        if names & set(_WORKBOOK):
            raise DataError(f"{name}: this is an Excel workbook or the like, not a ZIP of data; save the sheet as CSV")
        if len(entries) > MOST_FILES:
            raise DataError(f"{name}: {len(entries):,} files are too many; pack at most {MOST_FILES:,}")
        files = [entry for entry in entries if not entry.is_dir() and not _is_left_behind(entry.filename)]
        if not files:
            raise DataError(f"{name}: there are no files in this ZIP archive; pack the data anew")
        if any(entry.flag_bits & 0x1 for entry in files):
            raise DataError(f"{name}: this ZIP archive is encrypted; pack it without a password")
        inside = next((e for e in files if e.filename.lower().endswith(_ARCHIVES)), None)
        if inside is not None:
            raise DataError(
                f"{name}: there is another archive in it ({base_name(inside.filename)}); unpack that one first"
            )
        sounds = [entry for entry in files if entry.filename.lower().endswith(_SOUNDS)]
        if sounds:
            return _read_sounds(given, archive, sounds, len(files) - len(sounds))
        if len(files) > 1:
            listed = ", ".join(base_name(entry.filename) for entry in files[:5])
            more = f" and {len(files) - 5:,} more" if len(files) > 5 else ""
            raise DataError(
                f"{name}: it holds {len(files):,} files ({listed}{more}); "
                "pack one file of values or text, or recordings"
            )
        with tempfile.TemporaryFile() as unpacked, _opened(archive, files[0], given) as packed:
            given.progress.stage(0.0, 0.2)
            size = _copy(packed, unpacked, given, given.size)
            return _read_inner(given, unpacked, size, files[0].filename)


def _read_sounds(given: Given, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], others: int) -> Table:
    from seqcore.data.readers.formats.audio import read_recordings

    if others:
        given.notes.append(f"Left out, no WAV: {others:,} file{'s' * (others > 1)}.")
    paths = [_plain_path(entry.filename) for entry in entries]

    def contents() -> Iterator[tuple[str, bytes]]:
        total = 0
        for entry, path in zip(entries, paths, strict=True):
            pieces = []
            with _opened(archive, entry, given) as packed:
                for chunk in _chunks(packed, given, given.size, total):
                    total += len(chunk)
                    pieces.append(chunk)
            yield path, b"".join(pieces)

    return read_recordings(given, contents(), paths)


def _read_inner(given: Given, unpacked: IO[bytes], size: int, path: str) -> Table:
    """The table in what was unpacked, which says by itself what it is."""
    from seqcore.data.readers.formats import find_format

    called = base_name(path)
    inner = Given(given.name, unpacked, size, given.options, given.progress, given.notes, called)  # type: ignore[arg-type]
    if size == 0:
        raise DataError(f"{given.name}: the file in it ({called}) is empty; pack one with values")
    head = inner.head(512)
    if head[:4] == b"PK\x03\x04" or head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar":
        raise DataError(f"{given.name}: there is another archive in it ({called}); unpack that one first")
    return find_format(inner).read(inner)


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, given: Given) -> IO[bytes]:
    try:
        return archive.open(entry)
    except _DAMAGE:
        raise DataError(
            f"{given.name}: {base_name(entry.filename)} in it is damaged, or packed in a way that is not known; "
            "pack it anew"
        ) from None


def _copy(packed: IO[bytes] | gzip.GzipFile, unpacked: IO[bytes], given: Given, size: int) -> int:
    """Unpack all of it; returns how much that was."""
    total = 0
    for chunk in _chunks(packed, given, size, 0):
        unpacked.write(chunk)
        total += len(chunk)
        given.progress.at(given.stream.tell() / max(given.size, 1))
    unpacked.seek(0)
    return total


def _chunks(packed: IO[bytes] | gzip.GzipFile, given: Given, size: int, before: int) -> Iterator[bytes]:
    """What comes out, piece by piece. DataError as soon as it is too much: what headers say of sizes isn't believed."""
    from seqcore.data.readers.read_table import most_megabytes

    total, most = before, int(most_megabytes() * 1e6)
    while True:
        try:
            chunk = packed.read(_CHUNK)
        except _DAMAGE:
            raise DataError(f"{given.name}: this archive is damaged or cut off; pack it anew") from None
        if not chunk:
            return
        total += len(chunk)
        if total > most:
            raise DataError(
                f"{given.name}: more than {most / 1e6:,g} MB come out of it; "
                "give less, or set SEQCORE_MAX_FILE_MB to more"
            )
        if total > max(SMALL_BYTES, MOST_TIMES * size):
            raise DataError(
                f"{given.name}: more than {MOST_TIMES} times its own size comes out of it, as of a bomb; "
                "give the file itself"
            )
        yield chunk


def _plain_path(path: str) -> str:
    """A path inside an archive without what leads out of it: no drive, no root, no dots."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return str(PurePosixPath(*[base_name(part) for part in parts])) if parts else "file"


def _is_left_behind(path: str) -> bool:
    """Whether a file only describes others: what systems put into archives, and notes to the reader."""
    parts = path.replace("\\", "/").split("/")
    stem = parts[-1].lower().partition(".")[0]
    return (
        parts[0] == "__MACOSX"
        or parts[-1].startswith(".")
        or parts[-1].lower() in ("thumbs.db", "desktop.ini")
        or (stem in ("readme", "license", "licence") and len(parts) <= 2)
    )
