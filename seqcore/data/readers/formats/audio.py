"""Recordings: one WAV file, or an archive of them, with labels and speakers from folders and file names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple

from seqcore.data.audio import Sound, read_sound, sound_table
from seqcore.data.readers.formats.input_file import InputFile
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.results.formatting import counted, listed

__all__ = ["read_recordings", "read_wav"]

_LISTED = 5  # errors that are listed


def read_wav(file: InputFile) -> Table:
    """One recording as a series of log-mel frames. DataError if it is silent, too short or too long."""
    file.stream.seek(0)
    table = sound_table([read_sound(file.stream, name=file.name, rate=None)], names=(file.name,))
    _refuse_short(table, [file.name], file.name)
    return replace(table, independent=False, notes=(*file.notes, *table.notes))


def read_recordings(file: InputFile, files: Iterator[tuple[str, bytes]], paths: list[str]) -> Table:
    """The recordings of an archive: `files` yields (path, content) in the order of `paths`.

    Labels are the folder names, or else the beginnings of the file names; the next folder or name part is the speaker.
    DataError: a single class; a recording that can't be used, by its name in the archive.
    """
    parsed = _parse_paths(paths)
    if len(paths) > 1 and len(set(parsed.labels or ())) < 2 and file.options.kind == "auto":
        raise DataError(f"{file.name}: {_one_class(paths)}")
    errors: list[str] = []

    def sounds() -> Iterator[Sound]:  # one at a time, to limit memory
        for done, (path, content) in enumerate(files):
            file.progress.at(done / len(paths))
            try:
                sound = read_sound(BytesIO(content), name=f"{file.name}: {path}", rate=None)
            except DataError as error:  # check the others too, so that all can be corrected at once
                errors.extend(error.lines)
            else:
                yield sound
        if errors:
            more = len(errors) - _LISTED
            rest = [f"{file.name}: {counted(more, 'more recording')} can't be used"] if more > 0 else []
            raise DataError(*errors[:_LISTED], *rest)

    names = [PurePosixPath(path).name for path in paths]
    table = sound_table(
        sounds(), labels=parsed.labels, groups=parsed.groups, names=names, notes=(*file.notes, *parsed.notes)
    )
    _refuse_short(table, paths, file.name)
    return table


def _one_class(paths: list[str]) -> str:
    """Why there is only one class, and what to do."""
    folders = {PurePosixPath(path).parent.name for path in paths}
    if len(folders) > 1 or "" in folders:
        return "neither folders nor file names give classes; put the recordings of each class into a folder"
    return (
        f"every recording is in the folder {folders.pop()!r}, so there is only one class; "
        "give recordings of at least two classes, each in a folder"
    )


def _refuse_short(table: Table, names: list[str], file: str) -> None:
    short = [name for name, length in zip(names, table.lengths, strict=True) if length < 2]
    if short:
        where = file if short == [file] else f"{file}: {listed(short, _LISTED)}"
        raise DataError(f"{where}: a recording must last at least 30 milliseconds; give a longer one, or remove it")


class _Parsed(NamedTuple):
    labels: list[str] | None
    groups: list[str] | None
    notes: tuple[str, ...]


def _parse_paths(paths: list[str]) -> _Parsed:
    """The label and speaker of each recording, from folders and file names."""
    parts = [PurePosixPath(path).parts for path in paths]
    while all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]  # drop a common top folder
    if all(len(p) > 1 for p in parts):
        labels = [p[0] for p in parts]
        notes = ("Labels: folder names.",)
        if all(len(p) > 2 for p in parts):
            return _Parsed(labels, [p[1] for p in parts], (*notes, "Speakers: names of the subfolders."))
        pieces = [_pieces(p[-1]) for p in parts]
        speakers = _speakers([p[0] if len(p) > 1 else "" for p in pieces], labels)
        return _Parsed(labels, speakers, (*notes, "Speakers: first part of the file names.") if speakers else notes)
    pieces = [_pieces(p[-1]) for p in parts]
    labels = [p[0] for p in pieces]
    if len(parts) < 2 or all(len(p) == 1 for p in pieces) or len(set(labels)) > len(labels) / 2:
        return _Parsed(None, None, ())
    notes = ("Labels: first part of the file names.",)
    speakers = _speakers([p[1] if len(p) > 2 else "" for p in pieces], labels)
    return _Parsed(labels, speakers, (*notes, "Speakers: second part of the file names.") if speakers else notes)


def _pieces(name: str) -> list[str]:
    """ "7_jackson_32.wav" as 7, jackson, 32; "yes12.wav" as yes, 12."""
    stem = PurePosixPath(name).stem
    return [piece for piece in re.split(r"[_\-. ]+|(?<=[^\W\d_])(?=\d+$)", stem) if piece] or [stem]


def _speakers(names: list[str], labels: list[str]) -> list[str] | None:
    """`names` if they can be speakers: most of them occur with several labels."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, label in zip(names, labels, strict=True):
        seen[name].add(label)
    several = sum(len(seen[name]) > 1 for name in names)
    return names if len(seen) > 2 and "" not in seen and several >= 0.8 * len(names) else None
