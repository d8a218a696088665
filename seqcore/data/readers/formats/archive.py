"""ZIP and gzip archives: extracted as a stream with size limits, never to a path from the archive."""

from __future__ import annotations

import gzip
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from seqcore.data.readers.formats.input_file import InputFile, Unclosable
from seqcore.data.sources.stored_file import base_name
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["MOST_TIMES", "read_gzip", "read_zip"]

MOST_FILES = 20_000
MOST_TIMES = 200  # limit of the compression ratio: numbers as text have about 4, a zip bomb 1,000
SMALL_BYTES = 10_000_000  # below this size the ratio is not checked
_CHUNK = 1 << 20
MOST_DIRECTORY = 10_000_000  # bytes of the list of files in a ZIP archive
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, MemoryError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, IndexError, KeyError),
)
_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
_SOUNDS = (".wav", ".wave")
_WORKBOOK = ("xl/workbook.xml", "[Content_Types].xml", "content.xml")


def read_gzip(file: InputFile) -> Table:
    """Read the file in a gzip archive. DataError: damaged, too large, a nested archive."""
    inner = file.name[: -len(".gz")] if file.suffix == ".gz" else file.name
    with tempfile.TemporaryFile() as unpacked:  # without a name; deleted when closed
        with gzip.GzipFile(fileobj=Unclosable(file.stream), mode="rb") as packed:
            file.stream.seek(0)
            file.progress.stage(0.0, 0.2)
            size = _copy(packed, unpacked, file)
        return _read_inner(file, unpacked, size, inner)


def read_zip(file: InputFile) -> Table:
    """Read the recordings in a ZIP archive, or the single other file.

    DataError, one line: encrypted, damaged, a nested archive, too many files or too large ones.
    """
    name = file.name
    _refuse_directory(file)
    try:
        archive = zipfile.ZipFile(Unclosable(file.stream))
        entries = archive.infolist()
    except _DAMAGE:
        raise DataError(f"{name}: this ZIP archive is damaged; create it again") from None
    with archive:
        if {entry.filename for entry in entries} & set(_WORKBOOK):
            raise DataError(f"{name}: this is an Excel workbook or similar, not a ZIP of data; save the sheet as CSV")
        if len(entries) > MOST_FILES:
            raise DataError(f"{name}: {len(entries):,} files are too many; use at most {MOST_FILES:,}")
        files = [entry for entry in entries if entry.filename and not (entry.is_dir() or _is_ignored(entry.filename))]
        if not files:
            raise DataError(f"{name}: this ZIP archive has no files; create it again")
        if any(entry.flag_bits & 0x1 for entry in files):
            raise DataError(f"{name}: this ZIP archive is encrypted; create it without a password")
        inside = next((e for e in files if e.filename.lower().endswith(_ARCHIVES)), None)
        if inside is not None:
            raise DataError(f"{name}: it contains an archive ({base_name(inside.filename)}); extract that first")
        sounds = [entry for entry in files if entry.filename.lower().endswith(_SOUNDS)]
        if sounds:
            return _read_sounds(file, archive, sounds, len(files) - len(sounds))
        if len(files) > 1:
            names = listed((base_name(entry.filename) for entry in files), 5)
            raise DataError(
                f"{name}: it contains {len(files):,} files ({names}); use one file of values or text, or recordings"
            )
        with tempfile.TemporaryFile() as unpacked, _opened(archive, files[0], file) as packed:
            file.progress.stage(0.0, 0.2)
            size = _copy(packed, unpacked, file)
            return _read_inner(file, unpacked, size, files[0].filename)


def _refuse_directory(file: InputFile) -> None:
    """DataError if the list of files is too long to be read quickly: its size stands at the end of the archive."""
    file.stream.seek(max(0, file.size - (1 << 16) - 22))
    end = file.stream.read()
    place = end.rfind(b"PK\x05\x06")
    size = int.from_bytes(end[place + 12 : place + 16], "little") if place >= 0 else 0
    if MOST_DIRECTORY < size <= file.size or (size == 0xFFFFFFFF and file.size > MOST_DIRECTORY):
        raise DataError(f"{file.name}: too many files; use at most {MOST_FILES:,}")


def _read_sounds(file: InputFile, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], others: int) -> Table:
    from seqcore.data.readers.formats.audio import read_recordings

    if others:
        file.notes.append(f"Files left out (not WAV): {others:,}.")
    paths = [_plain_path(entry.filename) for entry in entries]

    def contents() -> Iterator[tuple[str, bytes]]:
        total = 0
        for entry, path in zip(entries, paths, strict=True):
            with _opened(archive, entry, file) as packed:
                content = b"".join(_chunks(packed, file, total))
            total += len(content)
            yield path, content

    return read_recordings(file, contents(), paths)


def _read_inner(file: InputFile, unpacked: IO[bytes], size: int, path: str) -> Table:
    """Read the extracted file, whose format is detected."""
    from seqcore.data.readers.formats import find_format

    called = base_name(path)
    inner = InputFile(file.name, unpacked, size, file.options, file.progress, file.notes, called)  # type: ignore[arg-type]
    if size == 0:
        raise DataError(f"{file.name}: the file in it ({called}) is empty; use one with values")
    head = inner.head(512)
    if head[:4] == b"PK\x03\x04" or head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar":
        raise DataError(f"{file.name}: it contains an archive ({called}); extract that first")
    return find_format(inner).read(inner)


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: InputFile) -> IO[bytes]:
    try:
        return archive.open(entry)
    except _DAMAGE:
        raise DataError(
            f"{file.name}: {base_name(entry.filename)} in it is damaged or has an unsupported compression; "
            "create the archive again"
        ) from None


def _copy(packed: IO[bytes] | gzip.GzipFile, unpacked: IO[bytes], file: InputFile) -> int:
    """Extract everything; returns its size."""
    total = 0
    for chunk in _chunks(packed, file, 0):
        unpacked.write(chunk)
        total += len(chunk)
        file.progress.at(file.stream.tell() / max(file.size, 1))
    unpacked.seek(0)
    return total


def _chunks(packed: IO[bytes] | gzip.GzipFile, file: InputFile, before: int) -> Iterator[bytes]:
    """The extracted bytes in chunks. DataError as soon as a limit is exceeded; sizes in headers are not trusted."""
    from seqcore.data.readers.read_table import most_megabytes

    total, most = before, int(most_megabytes() * 1e6)
    while True:
        try:
            chunk = packed.read(_CHUNK)
        except _DAMAGE:
            raise DataError(f"{file.name}: this archive is damaged or truncated; create it again") from None
        if not chunk:
            return
        total += len(chunk)
        if total > most:
            raise DataError(
                f"{file.name}: it extracts to more than {most / 1e6:,g} MB; "
                "give less data, or increase SEQCORE_MAX_FILE_MB"
            )
        if total > max(SMALL_BYTES, MOST_TIMES * file.size):
            raise DataError(
                f"{file.name}: it extracts to more than {MOST_TIMES} times its size, like a zip bomb; "
                "give the extracted file"
            )
        yield chunk


def _plain_path(path: str) -> str:
    """A path inside an archive without drive, root and dots, which could lead out of it."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return str(PurePosixPath(*[base_name(part) for part in parts])) if parts else "file"


def _is_ignored(path: str) -> bool:
    """Whether a file holds no data: system files, README and license."""
    parts = path.replace("\\", "/").split("/")
    stem = parts[-1].lower().partition(".")[0]
    return (
        parts[0] == "__MACOSX"
        or parts[-1].startswith(".")
        or parts[-1].lower() in ("thumbs.db", "desktop.ini")
        or (stem in ("readme", "license", "licence") and len(parts) <= 2)
    )
